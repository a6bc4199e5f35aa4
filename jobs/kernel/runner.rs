//! Claims a job, runs it, settles it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rolecall_core::company::Company;
use rolecall_core::error::JobError;
use rolecall_core::job::{Job as Record, JobState};
use rolecall_core::pause::Face;
use rolecall_core::ports::{Claim, Envelope, EnvelopeHandler, Settlement};
use rolecall_core::quiet::Quiet;
use rolecall_core::{JobId, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::company::{Entry, Gathering};
use super::context::Context;
use super::ending::{End, describe, handed_back, log_end, panic_text};
use super::fault::{self, Point};
use super::heartbeat::{Heartbeat, LEASE};
use super::meter::Meter;
use super::observer::{Ended, Taken};
use super::patience::{self, in_time, within};
use super::pauses::PauseBoard;
use super::queue::Queue;
use super::registry::{Failure, Kind, Registry};
use super::services::Services;

/// A job that this binary does not know, or whose payload is newer, is left to a newer worker for this long.
const LEAVE_TO_NEWER: Duration = Duration::from_secs(30);
/// The code of why it is left.
const NEWER_RELEASE: &str = "newer_release_needed";
/// A job whose concurrency key is taken comes back after about this long.
const BUSY_PAUSE: Duration = Duration::from_millis(400);
/// How long after a claim without an answer the ledger is asked what became of it.
const ASK_AGAIN: Duration = Duration::from_millis(500);

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
    /// Where their ends are counted.
    pub meter: Meter,
    /// This worker's name, new with every start of the process.
    pub worker: String,
    /// At the end of the grace: what still runs is handed back.
    pub give_up: CancellationToken,
    /// Every slot of a worker says the same when the store is away.
    pub quiet: Arc<Mutex<Quiet>>,
    /// What is held back is not run, if its envelope was under way already.
    pub pauses: PauseBoard,
    /// Who may run beside whom in this process.
    pub gathering: Gathering,
}

#[async_trait]
impl EnvelopeHandler for Runner {
    async fn handle(&self, envelope: Envelope) {
        // Most jobs are no suspects; which is one, the claim tells.
        let mut crashes = Some(0);
        while let Some(so_many) = crashes {
            crashes = self.try_claim(envelope.job_id, so_many).await;
        }
    }
}

impl Runner {
    /// Claims and runs a job in the company that suits one with so many crashes. `Some`: it has this many.
    async fn try_claim(&self, id: JobId, crashes: u32) -> Option<u32> {
        // Before the claim: a job that waits for its turn must not be held by a process that may die of another one.
        let _present = match self.gathering.enter(id, Company::of(crashes)).await {
            Entry::In(present) => present,
            Entry::Twice => return None,
            Entry::PutOff => {
                self.put_off(id).await;
                return None;
            }
        };
        let before = Instant::now();
        let ledger = &self.services.ledger;
        let claimed = in_time(ledger.claim_within(id, &self.worker, LEASE, crashes)).await;
        if let Some(taken) = Taken::by(&claimed) {
            self.services.observer.taken(taken);
        }
        match claimed {
            Ok(Claim::Claimed(job)) => self.begin(*job, before).await,
            Ok(Claim::Busy) => self.put_off(id).await,
            Ok(Claim::Gone) => {}
            Ok(Claim::Suspect(crashes)) => return Some(crashes),
            Err(error) => {
                if let Some(held_back) = self.may_speak() {
                    tracing::warn!(
                        %error, held_back, job.id = %id,
                        "Could not claim a job; it will be sent again"
                    );
                }
                if let Some(job) = self.claimed_after_all(id, before).await {
                    self.begin(job, before).await;
                }
            }
        }
        None
    }

    pub(super) fn may_speak(&self) -> Option<u32> {
        let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        quiet.may_speak(std::time::Instant::now())
    }

    async fn begin(&self, job: Record, claimed_before: Instant) {
        fault::pass(Point::K4, &job.kind);
        let span = crate::job_span!(job, self.worker);
        self.services
            .observer
            .begun(&job, self.services.clock.now(), &span);
        self.work(job, claimed_before).instrument(span).await;
    }

    /// The answer to a claim was lost; it may have been made. Then the job is this worker's, and would count as one that
    /// killed its worker if nobody ran it. (Or it is an older claim of this worker: the heartbeat knows those.)
    async fn claimed_after_all(&self, id: JobId, claimed_before: Instant) -> Option<Record> {
        while claimed_before.elapsed() < patience::STORE {
            tokio::time::sleep(ASK_AGAIN).await;
            if let Ok(job) = within(patience::RENEWAL, self.services.ledger.get(id)).await {
                let now = self.services.clock.now();
                let is_mine = |job: &Record| {
                    let lease = job.lease.as_ref().filter(|lease| lease.until > now);
                    job.state == JobState::Running && lease.is_some_and(|lease| lease.owner == self.worker)
                };
                return job.filter(is_mine);
            }
        }
        None
    }

    async fn put_off(&self, id: JobId) {
        let until = self.services.clock.now() + BUSY_PAUSE.mul_f64(0.5 + fastrand::f64());
        if let Err(error) = in_time(self.services.ledger.defer(id, until)).await {
            tracing::debug!(%error, job.id = %id, "Could not put off a busy job; it will be sent again");
        }
        self.queue.settled(Some(until));
    }

    async fn work(&self, job: Record, claimed_before: Instant) {
        let started_at = self.services.clock.now();
        if job.cancel_by.is_some() || self.pauses.holding(Face::from(&job), started_at).is_some() {
            // Handed back; the ledger ends it instead if somebody asked to cancel it.
            self.leave(&job, handed_back(), None, claimed_before).await;
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
            let error = JobError::wait(NEWER_RELEASE, LEAVE_TO_NEWER, newer);
            let settlement = self.left_to_newer(&job, started_at, &error);
            self.leave(&job, settlement, Some(&error), claimed_before).await;
            return;
        };
        let Some((held, lease)) = self.heartbeat.hold(job.id, job.fence, claimed_before) else {
            return;
        };
        let end = self.attempt(&job, &kind, lease.clone()).await;
        if matches!(end, End::Lost) {
            self.tell(&job, None, None, claimed_before.elapsed());
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
        let error = if let End::Failed(error) = &end {
            Some(error)
        } else {
            None
        };
        let (mut state, counts) = (settlement.state, !settlement.give_back);
        if lease.is_cancelled() && state.is_waiting() {
            // What the ledger makes of it.
            state = JobState::Cancelled;
        }
        let settled = self.leave(&job, settlement, error, claimed_before).await;
        if settled && counts {
            let waited = started_at.millis_since(job.due_since());
            self.meter.ended(started_at, job.lane, state, Some(waited));
        }
        drop(held);
        self.queue.settled(waits_until);
    }

    /// Why it waits is noted in its history, once: this may go on for as long as a deploy does.
    fn left_to_newer(&self, job: &Record, started_at: Timestamp, error: &JobError) -> Settlement {
        let noted = job.attempts.last().and_then(|a| a.error_code.as_deref()) == Some(NEWER_RELEASE);
        let mut attempt = self.attempt_of(job, started_at);
        "snooze".clone_into(&mut attempt.result);
        describe(&mut attempt, error);
        let settlement = self.settlement(job, started_at, &End::Failed(error.clone()), None, false);
        Settlement {
            attempt: settlement.attempt.or((!noted).then_some(attempt)),
            ..settlement
        }
    }

    /// Settles, and tells of it. `false`: it was not written.
    async fn leave(
        &self,
        job: &Record,
        settlement: Settlement,
        error: Option<&JobError>,
        began: Instant,
    ) -> bool {
        let took = began.elapsed();
        let settled = self.settle(job, settlement.clone()).await;
        self.tell(job, settled.then_some(&settlement), error, took);
        settled
    }

    fn tell(&self, job: &Record, settlement: Option<&Settlement>, error: Option<&JobError>, took: Duration) {
        let ended = Ended {
            settlement,
            error,
            took,
        };
        self.services.observer.ended(job, ended);
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
            fence: job.fence,
            progress: job.progress.clone(),
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
}
