//! Queues as they are shown: the same over HTTP and at the terminal.

use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_core::job::JobState;
use rolecall_core::throughput::{Bucket, Counts};
use rolecall_jobs::kernel::lanes::{DAY, DAY_STEP, HOUR, LaneState, Lanes};
use serde::Serialize;
use utoipa::ToSchema;

/// A queue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueueView {
    /// Its name.
    pub(crate) name: String,
    /// Its jobs that are not over.
    pub(crate) depth: DepthView,
    /// Since when its oldest job is due that waits and is not paused; null: none is due.
    pub(crate) oldest_due_at: Option<String>,
    /// For how long.
    pub(crate) oldest_due_age_ms: Option<i64>,
    /// The last 60 minutes.
    pub(crate) last_hour: RateView,
    /// The last 24 hours.
    pub(crate) last_day: RateView,
}

/// Jobs that are not over, by state.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DepthView {
    /// Wait for their time.
    pub(crate) scheduled: u64,
    /// Are due.
    pub(crate) available: u64,
    /// Are at work.
    pub(crate) running: u64,
    /// Failed, and wait for their next try.
    pub(crate) retryable: u64,
}

/// How jobs ended within some time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RateView {
    /// Ended well.
    pub(crate) completed: u64,
    /// Ended by order, while they ran.
    pub(crate) cancelled: u64,
    /// Failed for good.
    pub(crate) discarded: u64,
    /// Attempts that failed and are tried again.
    pub(crate) retried: u64,
    /// Jobs that reached their end, a minute.
    pub(crate) per_minute: f64,
    /// Which part of the attempts failed, from 0 to 1; null: there was none.
    pub(crate) error_rate: Option<f64>,
    /// Half of the jobs were due for at most so long before they were begun; null: there was none.
    pub(crate) wait_p50_ms: Option<u64>,
    /// 95 of 100 were.
    pub(crate) wait_p95_ms: Option<u64>,
}

/// Some minutes of a queue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BucketView {
    /// Where they begin.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// What ended in them.
    pub(crate) ended: RateView,
}

/// A queue, with how it went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueueDetail {
    /// How it is.
    pub(crate) queue: QueueView,
    /// The last hour, by minute.
    pub(crate) minutes: Vec<BucketView>,
    /// The last day, by 15 minutes.
    pub(crate) quarters: Vec<BucketView>,
}

impl RateView {
    fn of(counts: &Counts, span: Duration) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let finished = counts.finished() as f64;
        // Three digits are more than anybody reads.
        let round = |figure: f64| (figure * 1_000.0).round() / 1_000.0;
        Self {
            completed: counts.completed,
            cancelled: counts.cancelled,
            discarded: counts.discarded,
            retried: counts.retried,
            per_minute: round(finished / (span.as_secs_f64() / 60.0)),
            error_rate: counts.error_rate().map(round),
            wait_p50_ms: counts.wait(0.5),
            wait_p95_ms: counts.wait(0.95),
        }
    }
}

fn buckets(buckets: &[Bucket], minutes: u32) -> Vec<BucketView> {
    let span = Duration::from_secs(60) * minutes;
    let view = |bucket: &Bucket| BucketView {
        at: bucket.at.to_rfc3339(),
        ended: RateView::of(&bucket.counts, span),
    };
    buckets.iter().map(view).collect()
}

impl QueueView {
    /// A queue at this time of the store's clock.
    pub(crate) fn of(lane: &LaneState, now: Timestamp) -> Self {
        let of = |state| {
            lane.depth
                .iter()
                .find(|(s, _)| *s == state)
                .map_or(0, |(_, n)| *n)
        };
        Self {
            name: lane.lane.to_string(),
            depth: DepthView {
                scheduled: of(JobState::Scheduled),
                available: of(JobState::Available),
                running: of(JobState::Running),
                retryable: of(JobState::Retryable),
            },
            oldest_due_at: lane.oldest_due.map(Timestamp::to_rfc3339),
            oldest_due_age_ms: lane.oldest_due.map(|due| now.millis_since(due).max(0)),
            last_hour: RateView::of(&lane.hour, HOUR),
            last_day: RateView::of(&lane.day, DAY),
        }
    }

    /// All queues, the most urgent first.
    pub(crate) fn all(lanes: &Lanes) -> Vec<Self> {
        lanes.lanes.iter().map(|lane| Self::of(lane, lanes.now)).collect()
    }
}

impl QueueDetail {
    /// A queue with its minutes.
    pub(crate) fn of(lane: &LaneState, now: Timestamp) -> Self {
        Self {
            queue: QueueView::of(lane, now),
            minutes: buckets(&lane.minutes, 1),
            quarters: buckets(&lane.quarters, DAY_STEP),
        }
    }
}
