//! Takes back what a dead worker held, and closes runs that nobody closed. Runs in every worker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rolecall_core::RunId;
use rolecall_core::company::QUARANTINE_AFTER;
use rolecall_core::job::JobState;
use rolecall_core::ports::JobFilter;
use rolecall_core::quiet::Quiet;
use tokio_util::sync::CancellationToken;

use super::fault::{self, Mechanism, Point};
use super::meter::Meter;
use super::patience::in_time;
use super::queue::Queue;
use super::services::Services;
use super::settling::finish_if_empty;

/// How often it looks for leases that have ended.
const LOOK_EVERY: Duration = Duration::from_millis(2_500);
/// How often it looks for runs without live jobs: every so many looks.
const RUNS_EVERY: u32 = 4;
/// Jobs taken back at once.
const BATCH: usize = 100;
/// A run younger than this may not have its first job yet.
const RUN_GRACE_MS: i64 = 60_000;

/// Rescues until `stop`.
pub async fn run(services: Arc<Services>, queue: Queue, meter: Meter, stop: CancellationToken) {
    let (mut looks, mut quiet) = (0u32, Quiet::default());
    // Processes that start together should not look together.
    let mut pause = LOOK_EVERY.mul_f64(fastrand::f64());
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = LOOK_EVERY;
        rescue(&services, &queue, &meter, &mut quiet).await;
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(RUNS_EVERY) {
            close_empty_runs(&services, &queue, &mut quiet).await;
        }
    }
}

async fn rescue(services: &Services, queue: &Queue, meter: &Meter, quiet: &mut Quiet) {
    if fault::without(Mechanism::Rescuer) {
        return;
    }
    let crashes = if fault::without(Mechanism::CrashCount) {
        u32::MAX
    } else {
        QUARANTINE_AFTER
    };
    let rescued = match in_time(services.ledger.rescue(crashes, BATCH)).await {
        Ok(rescued) => rescued,
        Err(error) => {
            if let Some(held_back) = quiet.may_speak(Instant::now()) {
                tracing::warn!(%error, held_back, "Could not look for leases that have ended; trying again");
            }
            return;
        }
    };
    if let Some(job) = rescued.first() {
        fault::pass(Point::K12, &job.kind);
    }
    for job in &rescued {
        services.observer.rescued(job);
        tracing::warn!(
            job.id = %job.id, job.kind = %job.kind, crashes = job.crashes, state = %job.state,
            "Took back job {} ({}): its lease ended, because its worker died or could not write to the store", job.id,
            job.kind
        );
        // Taken back is tried again: an attempt that failed.
        let ended = match job.state {
            JobState::Discarded => JobState::Discarded,
            _ => JobState::Retryable,
        };
        meter.ended(services.clock.now(), job.lane, ended, None);
        if job.state == JobState::Discarded
            && let Some(run) = job.run_id
        {
            finish_if_empty(services, queue, run).await;
        }
    }
    if !rescued.is_empty() {
        queue.bell().ring();
    }
}

/// Whether its first job is there: then jobs that have all ended are its end, however young it is. (A worker that dies
/// after the last of them settled leaves such a run.)
async fn has_jobs(services: &Services, run: RunId) -> bool {
    let filter = JobFilter {
        run_id: Some(run),
        ..JobFilter::default()
    };
    let found = in_time(services.ledger.list(&filter, None, 1)).await;
    found.is_ok_and(|jobs| !jobs.is_empty())
}

async fn close_empty_runs(services: &Services, queue: &Queue, quiet: &mut Quiet) {
    if fault::without(Mechanism::RunCloser) {
        return;
    }
    let running = match in_time(services.runs.running()).await {
        Ok(running) => running,
        Err(error) => {
            if let Some(held_back) = quiet.may_speak(Instant::now()) {
                tracing::warn!(%error, held_back, "Could not look for runs to close; trying again");
            }
            return;
        }
    };
    let now = services.clock.now();
    for run in running {
        if now.millis_since(run.started_at) > RUN_GRACE_MS || has_jobs(services, run.id).await {
            finish_if_empty(services, queue, run.id).await;
        }
    }
}
