//! Claims a job, runs it, settles it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rolecall_core::cause::Cause;
use rolecall_core::error::{ErrorClass, JobError};
use rolecall_core::job::{Attempt, Job as Record, JobState};
use rolecall_core::pause::Face;
use rolecall_core::ports::{Claim, Envelope, EnvelopeHandler, Settlement};
use rolecall_core::verdict::{Trial, judge};
use rolecall_core::{JobId, RunId, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::context::Context;
use super::ending::{End, describe, handed_back, in_state, log_end, panic_text, verdict_name};
use super::fault::{self, Mechanism, Point};
use super::heartbeat::{Heartbeat, LEASE};
use super::job::Job;
use super::pauses::PauseBoard;
use super::queue::{Enqueue, Queue};
use super::registry::{Failure, Kind, Registry};
use super::services::Services;
use crate::finish_run::FinishRun;

/// A job that this binary does not know, or whose payload is newer, is left to a newer worker for this long.
const LEAVE_TO_NEWER: Duration = Duration::from_secs(30);
/// The code of why it is left.
const NEWER_RELEASE: &str = "newer_release_needed";
/// A job whose concurrency key is taken comes back after about this long.
const BUSY_PAUSE: Duration = Duration::from_millis(400);

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Runner {
    /// The ports.
    pub services: Arc<Services>,
    /// Where follow-ups go.
    pub queue: Queue,
    /// What can be run.
    pub registry: Arc<Registry>,
    /// The leases of this process.
    pub heartbeat: Heartbeat,
    /// This worker's name, new with every start of the process.
    pub worker: String,
    /// At the end of the grace: what still runs is handed back.
    pub give_up: CancellationToken,
    /// What is held back is not run, if its envelope was under way already.
    pub pauses: PauseBoard,
}

#[async_trait]
impl EnvelopeHandler for Runner {
    async fn handle(&self, envelope: Envelope) {
        let before = Instant::now();
        match self
            .services
            .ledger
            .claim(envelope.job_id, &self.worker, LEASE)
            .await
        {
            Ok(Claim::Claimed(job)) => {
                fault::pass(Point::K4, &job.kind);
                let span = crate::job_span!(job, self.worker);
                self.work(*job, before).instrument(span).await;
            }
            Ok(Claim::Busy) => self.put_off(envelope.job_id).await,
            Ok(Claim::Gone) => {}
            Err(error) => {
                tracing::warn!(%error, job.id = %envelope.job_id, "Could not claim a job; it will be sent again");
            }
        }
    }
}

impl Runner {
    async fn put_off(&self, id: JobId) {
        let until = self.services.clock.now() + BUSY_PAUSE.mul_f64(0.5 + fastrand::f64());
        if let Err(error) = self.services.ledger.defer(id, until).await {
            tracing::debug!(%error, job.id = %id, "Could not put off a busy job; it will be sent again");
        }
        self.queue.settled(Some(until));
    }

    async fn work(&self, job: Record, claimed_before: Instant) {
        let started_at = self.services.clock.now();
        if job.cancel_by.is_some() || self.pauses.holding(Face::from(&job), started_at).is_some() {
            // Handed back; the ledger ends it instead if somebody asked to cancel it.
            self.settle(&job, handed_back()).await;
            return;
        }
        let kind = self
            .registry
            .get(&job.kind)
            .filter(|k| k.version >= job.version)
            .cloned();
        let Some(kind) = kind else {
            let newer = format!("no worker here knows {} version {}", job.kind, job.version);
            tracing::warn!("{newer}; leaving it to a newer one");
            self.settle(&job, self.left_to_newer(&job, started_at, newer))
                .await;
            return;
        };
        let (held, lease) = self.heartbeat.hold(job.id, job.fence, claimed_before);
        let end = self.attempt(&job, &kind, lease.clone()).await;
        if matches!(end, End::Lost) {
            return;
        }
        fault::pass(Point::K7, &job.kind);
        let settlement = self.settlement(&job, started_at, &end, Some(&kind), lease.is_cancelled());
        held.settling();
        log_end(
            &end,
            &settlement,
            self.services.clock.now().millis_since(started_at),
        );
        let waits_until = settlement
            .state
            .is_waiting()
            .then(|| settlement.run_at.unwrap_or(job.run_at));
        self.settle(&job, settlement).await;
        drop(held);
        self.queue.settled(waits_until);
    }

    /// Why it waits is noted in its history, once: this may go on for as long as a deploy does.
    fn left_to_newer(&self, job: &Record, started_at: Timestamp, why: String) -> Settlement {
        let error = JobError::wait(NEWER_RELEASE, LEAVE_TO_NEWER, why);
        let noted = job.attempts.last().and_then(|a| a.error_code.as_deref()) == Some(NEWER_RELEASE);
        let mut attempt = self.attempt_of(job, started_at);
        "snooze".clone_into(&mut attempt.result);
        describe(&mut attempt, &error);
        let settlement = self.settlement(job, started_at, &End::Failed(error), None, false);
        Settlement {
            attempt: settlement.attempt.or((!noted).then_some(attempt)),
            ..settlement
        }
    }

    /// Runs the job in a task of its own, so that a panic ends nothing else.
    async fn attempt(&self, job: &Record, kind: &Kind, lease: super::heartbeat::LeaseWatch) -> End {
        let context = Context {
            services: Arc::clone(&self.services),
            queue: self.queue.clone(),
            registry: Arc::clone(&self.registry),
            job_id: job.id,
            run_id: job.run_id,
            lane: job.lane,
            cause: job.cause.clone(),
            trace: job.trace.clone(),
            inserted_at: job.redriven_at.unwrap_or(job.inserted_at),
            redriven_at: job.redriven_at,
            attempt: job.attempt,
            lease: lease.clone(),
        };
        let mut task = tokio::spawn(kind.run(job.payload.clone(), context).in_current_span());
        let end = tokio::select! {
            joined = &mut task => return match joined {
                Ok(Ok(outcome)) => End::Done(outcome),
                Ok(Err(Failure::Undecodable(why))) => End::Undecodable(why),
                Ok(Err(Failure::Job(error))) => End::Failed(error),
                Err(panic) => End::Failed(JobError::transient("panicked", panic_text(panic))),
            },
            () = tokio::time::sleep(kind.timeout) => End::Failed(JobError::transient(
                "attempt_timed_out",
                format!("the attempt took longer than {} s", kind.timeout.as_secs()),
            )),
            () = lease.lost() => End::Lost,
            () = self.give_up.cancelled() => End::Released,
        };
        task.abort();
        // Waits until the job is really gone, so that it cannot act after its settlement.
        let _ = task.await;
        end
    }

    /// An attempt that ends now, of which nothing is said yet.
    fn attempt_of(&self, job: &Record, started_at: Timestamp) -> Attempt {
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

    fn settlement(
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
                let policy = kind.map(|k| k.backoff).unwrap_or_default();
                let verdict = judge(&Err(error.clone()), &policy, trial);
                (state, run_at, give_back) = in_state(verdict, now);
                verdict_name(verdict).clone_into(&mut attempt.result);
                describe(&mut attempt, error);
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
    /// and what it did is done again, which is harmless.
    async fn settle(&self, job: &Record, settlement: Settlement) {
        let is_final = settlement.state.is_final();
        let deadline = Instant::now() + LEASE;
        let mut pause = Duration::from_millis(100);
        let fence = self.fence(job).await;
        loop {
            match self
                .services
                .ledger
                .settle(job.id, fence, settlement.clone())
                .await
            {
                Ok(true) => break,
                Ok(false) => {
                    tracing::warn!(job.id = %job.id, "The lease was over before job {} settled", job.id);
                    return;
                }
                Err(error) if Instant::now() > deadline => {
                    tracing::error!(%error, job.id = %job.id, "Could not settle job {}; it will run again", job.id);
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, job.id = %job.id, "Could not settle yet; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
            }
        }
        fault::pass(Point::K8, &job.kind);
        if let (true, Some(run)) = (is_final && job.kind != FinishRun::KIND, job.run_id) {
            finish_if_empty(&self.services, &self.queue, run).await;
        }
    }
}

/// Enqueues the end of a run that has no live job any more. Failing is harmless: the rescuer looks, too.
pub async fn finish_if_empty(services: &Services, queue: &Queue, run: RunId) {
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
