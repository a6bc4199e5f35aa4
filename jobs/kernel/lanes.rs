//! How the queues are: what waits in each lane, for how long, and how fast it is done.

use std::sync::Arc;
use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_core::error::StoreError;
use rolecall_core::job::{JobState, Lane};
use rolecall_core::pause::Held;
use rolecall_core::ports::JobFilter;
use rolecall_core::throughput::{Bucket, Counts, KEPT, series, total};

use super::pauses::PauseBoard;
use super::services::Services;

/// An hour.
pub const HOUR: Duration = Duration::from_secs(3_600);
/// A day.
pub const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Minutes of one bucket of the day.
pub const DAY_STEP: u32 = 15;

/// A lane.
#[derive(Debug, Clone)]
pub struct LaneState {
    /// Which.
    pub lane: Lane,
    /// Its jobs that are not final, by state, in the order of a life.
    pub depth: Vec<(JobState, u64)>,
    /// Since when the oldest job is due that waits and is not held back; `None`: none is due.
    pub oldest_due: Option<Timestamp>,
    /// The last hour.
    pub hour: Counts,
    /// The last day.
    pub day: Counts,
    /// The last hour by minute.
    pub minutes: Vec<Bucket>,
    /// The last day by [`DAY_STEP`] minutes.
    pub quarters: Vec<Bucket>,
}

/// All lanes, at one moment.
#[derive(Debug, Clone)]
pub struct Lanes {
    /// The store's clock.
    pub now: Timestamp,
    /// The most urgent first.
    pub lanes: Vec<LaneState>,
}

/// Looks at all lanes.
///
/// # Errors
/// If the store fails.
pub async fn lanes(services: &Services) -> Result<Lanes, StoreError> {
    let now = services.ledger.now().await?;
    let pauses = PauseBoard::new(Arc::clone(&services.pauses));
    pauses.refresh(now).await?;
    let held = pauses.held(now);
    let counted = services.job_minutes.since(now - KEPT).await?;
    let mut lanes = Vec::new();
    for lane in Lane::ALL {
        lanes.push(LaneState {
            lane,
            depth: depth(services, lane).await?,
            oldest_due: oldest_due(services, lane, &held, now).await?,
            hour: total(&counted, lane, now, HOUR),
            day: total(&counted, lane, now, DAY),
            minutes: series(&counted, lane, now, 1, 60),
            quarters: series(&counted, lane, now, DAY_STEP, 24 * 60 / DAY_STEP),
        });
    }
    Ok(Lanes { now, lanes })
}

async fn depth(services: &Services, lane: Lane) -> Result<Vec<(JobState, u64)>, StoreError> {
    let live: Vec<JobState> = JobState::ALL.into_iter().filter(|s| !s.is_final()).collect();
    let filter = JobFilter {
        states: live.clone(),
        lane: Some(lane),
        ..JobFilter::default()
    };
    let counts = services.ledger.counts(&filter).await?;
    let of = |state| counts.iter().find(|(s, _)| *s == state).map_or(0, |(_, n)| *n);
    Ok(live.into_iter().map(|state| (state, of(state))).collect())
}

/// Since when the first job is due that the relay would send if nothing had been sent; those held back do not count.
///
/// # Errors
/// If the store fails.
pub async fn oldest_due(
    services: &Services,
    lane: Lane,
    held: &[Held],
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let due = services.ledger.due(lane, now + DAY, held, 1).await?;
    let Some(first) = due.first() else {
        return Ok(None);
    };
    // It may have been claimed meanwhile: then nobody waits.
    let job = services.ledger.get(first.id).await?;
    Ok(job
        .filter(|job| job.state.is_waiting())
        .map(|job| job.due_since()))
}
