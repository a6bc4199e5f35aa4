//! What an attempt comes to, and writing it into the ledger.

use std::time::Duration;

use rolecall_core::backoff::ExponentialBackoff;
use rolecall_core::cause::Cause;
use rolecall_core::error::ErrorClass;
use rolecall_core::job::{Attempt, Job as Record, JobState};
use rolecall_core::ports::Settlement;
use rolecall_core::verdict::{Trial, judge};
use rolecall_core::{RunId, Timestamp};
use tokio::time::Instant;

use super::ending::{End, describe, in_state, told_to_wait, verdict_name};
use super::fault::{self, Mechanism, Point};
use super::heartbeat::LEASE;
use super::job::Job;
use super::patience::{self, within};
use super::queue::{Enqueue, Queue};
use super::registry::Kind;
use super::runner::Runner;
use super::services::Services;
use crate::finish_run::FinishRun;

/// What to do about a payload that cannot be read.
const UNREADABLE: &str = "This release cannot read what is stored of the job: ask for the change again, such as with a \
                          sync; if a newer release stored it, run the job again with that one.";

impl Runner {
    /// An attempt that ends now, of which nothing is said yet.
    pub(super) fn attempt_of(&self, job: &Record, started_at: Timestamp) -> Attempt {
        Attempt {
            number: job.attempt,
            worker: self.worker.clone(),
            started_at,
            ended_at: self.services.clock.now(),
            result: String::new(),
            error_class: None,
            error_code: None,
            message: None,
            remedy: None,
            http_status: None,
            discord_code: None,
            route: None,
        }
    }

    pub(super) fn settlement(
        &self,
        job: &Record,
        started_at: Timestamp,
        end: &End,
        kind: Option<&Kind>,
        cancel_requested: bool,
    ) -> Settlement {
        let mut attempt = self.attempt_of(job, started_at);
        let now = attempt.ended_at;
        let (state, run_at, give_back, outcome, fingerprint);
        let mut wait = None;
        match end {
            End::Done(done) => {
                done.effect.as_str().clone_into(&mut attempt.result);
                (state, run_at, give_back) = (JobState::Completed, None, false);
                (outcome, fingerprint) = (Some(done.clone()), None);
            }
            End::Undecodable(why) => {
                "discard".clone_into(&mut attempt.result);
                attempt.error_class = Some(ErrorClass::Permanent.as_str().to_owned());
                attempt.error_code = Some("undecodable".to_owned());
                attempt.message = Some(format!("the payload cannot be read: {why}"));
                attempt.remedy = Some(UNREADABLE.to_owned());
                (state, run_at, give_back, outcome) = (JobState::Discarded, None, false, None);
                fingerprint = Some(format!("{}|undecodable", job.kind));
            }
            End::Released | End::Lost => {
                "released".clone_into(&mut attempt.result);
                (state, run_at, give_back) = (JobState::Available, Some(now), true);
                (outcome, fingerprint) = (None, None);
            }
            End::Failed(error) => {
                let trial = Trial {
                    attempt: job.attempt,
                    max_attempts: job.max_attempts,
                    inserted_at: job.redriven_at.unwrap_or(job.inserted_at),
                    now,
                    dice: fastrand::f64(),
                    cancel_requested,
                };
                let policy = kind.map_or_else(|| ExponentialBackoff::default().into(), |k| k.waits);
                let verdict = judge(&Err(error.clone()), policy, trial);
                (state, run_at, give_back) = in_state(verdict, now);
                verdict_name(verdict).clone_into(&mut attempt.result);
                describe(&mut attempt, error);
                wait = told_to_wait(verdict, error, now);
                outcome = None;
                fingerprint = (!give_back).then(|| error.fingerprint(&job.kind));
            }
        }
        // A snooze is no event worth a place in the history; what happened to the job is.
        let attempt = (state != JobState::Scheduled).then_some(attempt);
        Settlement {
            state,
            run_at,
            give_back,
            outcome,
            attempt,
            fingerprint,
            wait,
        }
    }

    /// The claim under which the job is settled: this worker's.
    async fn fence(&self, job: &Record) -> i64 {
        if fault::without(Mechanism::Fence)
            && let Ok(Some(now)) = self.services.ledger.get(job.id).await
        {
            return now.fence;
        }
        job.fence
    }

    /// Writes the settlement, trying for as long as the lease may last. If it cannot, the rescuer takes the job back,
    /// and what it did is done again, which is harmless. `false`: it was not written.
    pub(super) async fn settle(&self, job: &Record, settlement: Settlement) -> bool {
        let is_final = settlement.state.is_final();
        let deadline = Instant::now() + LEASE;
        let mut pause = Duration::from_millis(100);
        let fence = self.fence(job).await;
        loop {
            let written = self.services.ledger.settle(job.id, fence, settlement.clone());
            match within(patience::RENEWAL, written).await {
                Ok(true) => break,
                Ok(false) => {
                    tracing::warn!(job.id = %job.id, "The lease was over before job {} settled", job.id);
                    return false;
                }
                Err(error) if Instant::now() > deadline => {
                    tracing::error!(%error, job.id = %job.id, "Could not settle job {}; it will run again", job.id);
                    return false;
                }
                Err(error) => {
                    if let Some(held_back) = self.may_speak() {
                        tracing::warn!(%error, held_back, job.id = %job.id, "Could not settle yet; trying again");
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
            }
        }
        fault::pass(Point::K8, &job.kind);
        if let (true, Some(run)) = (is_final && job.kind != FinishRun::KIND, job.run_id) {
            finish_if_empty(&self.services, &self.queue, run).await;
        }
        true
    }
}

/// Enqueues the end of a run that has no live job any more. Failing is harmless: the rescuer looks, too.
pub(super) async fn finish_if_empty(services: &Services, queue: &Queue, run: RunId) {
    match services.ledger.run_is_live(run, FinishRun::KIND).await {
        Ok(true) => {}
        Ok(false) => {
            let job = Enqueue::new(
                &FinishRun { run_id: run },
                Cause::new("rolecall", "the run has no live job left"),
            );
            if let Err(error) = queue.insert(vec![job.in_run(run)]).await {
                tracing::warn!(%error, run.id = %run, "Could not enqueue the end of run {run}; trying again soon");
            }
        }
        Err(error) => tracing::warn!(%error, run.id = %run, "Could not look whether run {run} is over"),
    }
}
