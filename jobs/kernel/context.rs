//! What a job is given when it runs.

use std::sync::Arc;
use std::time::Duration;

use rolecall_core::cause::Cause;
use rolecall_core::error::JobError;
use rolecall_core::job::{Inserted, Lane};
use rolecall_core::ports::CallOptions;
use rolecall_core::progress::Progress;
use rolecall_core::{JobId, RunId, Timestamp};

use super::fault::{self, Mechanism};
use super::heartbeat::LeaseWatch;
use super::job::Job;
use super::queue::{Enqueue, Queue};
use super::registry::Registry;
use super::services::Services;
use crate::await_jobs::AwaitJobs;

/// Jobs of another run that one job waits for.
const AWAITED_AT_ONCE: usize = 500;
/// A request has to be over this long before its lease is.
const LEASE_MARGIN: Duration = Duration::from_secs(2);

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The ports.
    pub services: Arc<Services>,
    /// Where follow-ups go.
    pub queue: Queue,
    /// What the keys of jobs are made by.
    pub registry: Arc<Registry>,
    /// This job.
    pub job_id: JobId,
    /// Its run.
    pub run_id: Option<RunId>,
    /// How urgent it is.
    pub lane: Lane,
    /// Who asked for it.
    pub cause: Cause,
    /// The request that caused it.
    pub trace: Option<String>,
    /// When the job was stored, or last run again after its end: what was read of a guild before then does not count.
    pub inserted_at: Timestamp,
    /// When somebody last ran it again after its end: they mended what was refused before then.
    pub redriven_at: Option<Timestamp>,
    /// Number of this attempt, from 1.
    pub attempt: u32,
    /// Its lease.
    pub lease: LeaseWatch,
    /// The number of its claim.
    pub fence: i64,
    /// How far it said it was, at an attempt before this one.
    pub progress: Option<Progress>,
}

impl Context {
    /// Options for a call to Discord: no longer than the lease allows, and none for a job that is to be cancelled.
    ///
    /// # Errors
    /// Transient, if the lease is nearly over (somebody else may hold the job before an answer comes), or if somebody
    /// asked to cancel the job.
    pub fn call(&self, reason: Option<String>) -> Result<CallOptions, JobError> {
        if self.lease.is_cancelled() {
            return Err(JobError::transient(
                "cancelled",
                "somebody asked to cancel this job",
            ));
        }
        let left = self.lease.left().saturating_sub(LEASE_MARGIN);
        if left < Duration::from_secs(1) {
            return Err(JobError::transient(
                "lease_nearly_over",
                "the lease could not be renewed in time",
            ));
        }
        let plain = CallOptions::default();
        Ok(CallOptions {
            lane: self.lane,
            job: Some(self.job_id),
            reason,
            patience: plain.patience.min(left / 2),
            timeout: plain.timeout.min(left),
        })
    }

    /// Says how far it is. A report that cannot be stored is no reason to stop: the next one may be.
    pub async fn report(&self, progress: &Progress) {
        let reported = self
            .services
            .ledger
            .report(self.job_id, self.fence, progress)
            .await;
        if let Err(error) = reported {
            tracing::debug!(%error, job.id = %self.job_id, "Could not say how far the job is");
        }
    }

    /// The text for Discord's audit log.
    pub fn audit_reason(&self, what: &str) -> String {
        format!("rolecall: {what} (job {})", self.job_id)
    }

    /// Prepares a follow-up: its id is derived from this job's and `key`, so that a repeat inserts what is there.
    pub fn follow_up<J: Job>(&self, key: &str, job: &J) -> Enqueue {
        let mut enqueue = Enqueue::new(job, self.cause.clone());
        if !fault::without(Mechanism::FollowUpIds) {
            enqueue = enqueue.with_id(JobId(self.job_id.child(key)));
        }
        enqueue.0.parent_id = Some(self.job_id);
        enqueue.0.run_id = self.run_id;
        enqueue.0.lane = self.lane;
        enqueue.0.trace.clone_from(&self.trace);
        enqueue
    }

    /// Stores follow-ups, in bounded batches, and sends what is due.
    ///
    /// # Errors
    /// Transient, if the store fails; the job is then repeated, and so is this, which changes nothing for those that
    /// were stored.
    pub async fn insert(&self, jobs: Vec<Enqueue>) -> Result<Vec<Inserted>, JobError> {
        Ok(self.queue.insert(jobs).await?)
    }

    /// The same for changes that another run may have begun: this run then waits for the other one's jobs.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub async fn insert_or_await(&self, jobs: Vec<Enqueue>) -> Result<(), JobError> {
        let foreign: Vec<JobId> = self
            .insert(jobs)
            .await?
            .into_iter()
            .filter_map(|inserted| match inserted {
                Inserted::Duplicate(id) => Some(id),
                Inserted::Created(_) | Inserted::Repeated(_) => None,
            })
            .collect();
        let waits = foreign.chunks(AWAITED_AT_ONCE).map(|jobs| {
            let key = format!("await:{}", jobs[0]);
            self.follow_up(&key, &AwaitJobs { jobs: jobs.to_vec() })
        });
        self.insert(waits.collect()).await?;
        Ok(())
    }
}
