//! What an operator does to single jobs and holds back, with what follows from it: keys, ends of runs, a bell for the
//! relay, and a record of who did it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rolecall_core::audit::AuditRecord;
use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::job::{Inserted, Job, Lane, NewJob};
use rolecall_core::order::Order;
use rolecall_core::pause::{Pause, PauseId};
use rolecall_core::ports::{Ordered, Redrive};
use rolecall_core::{JobId, RunId, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::queue::{Enqueue, Queue};
use super::registry::Registry;
use super::runner::finish_if_empty;
use super::services::Services;
use crate::finish_run;

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Steering {
    /// The ports.
    pub services: Arc<Services>,
    /// Whose relay is told.
    pub queue: Queue,
    /// What the keys of jobs are made by.
    pub registry: Arc<Registry>,
}

/// Who orders something, and by which request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Who, and why.
    pub cause: Cause,
    /// The request over HTTP, if it was one.
    pub request_id: Option<String>,
}

impl From<Cause> for By {
    fn from(cause: Cause) -> Self {
        Self {
            cause,
            request_id: None,
        }
    }
}

/// In what a new job differs from the one that it is made after.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// These fields of its payload.
    pub payload: Map<String, Value>,
    /// Not before this moment; `None`: now.
    pub run_at: Option<Timestamp>,
    /// Another lane.
    pub lane: Option<Lane>,
}

/// What came of an order to do the same as a job once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cloned {
    /// A new job does it.
    Created(JobId),
    /// Nothing was stored: this live job does it already.
    Twin(JobId),
    /// Nothing was stored: with these changes its payload cannot be read, for this reason.
    Unreadable(String),
    /// There is no such job.
    Unknown,
}

impl Steering {
    /// Gives an order about one job, and records it if it changed something.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn give(&self, id: JobId, order: Order, by: &By) -> Result<Ordered, StoreError> {
        let ledger = &self.services.ledger;
        let Some(before) = ledger.get(id).await? else {
            return Ok(Ordered::Unknown);
        };
        let ordered = self
            .carry_out(&before, order, &by.cause, Redrive::default())
            .await?;
        if !matches!(ordered, Ordered::Done | Ordered::Asked) {
            return Ok(ordered);
        }
        if order == Order::Retry {
            self.reopen(before.run_id.into_iter().collect()).await;
        }
        let after = ledger.get(id).await?;
        // One that ended by order may have been the last of its run.
        let over = after.as_ref().filter(|job| job.state.is_final());
        self.follow(over.and_then(|job| job.run_id).into_iter().collect())
            .await;
        let (before, after) = (Some(told(&before)), after.as_ref().map(told));
        self.note(order.recorded(), format!("job:{id}"), before, after, by)
            .await;
        Ok(ordered)
    }

    /// Gives an order without a record of its own. What follows from it is [`Self::follow`].
    /// `again`: how a job runs again, but for its key.
    pub(crate) async fn carry_out(
        &self,
        job: &Job,
        order: Order,
        by: &Cause,
        again: Redrive,
    ) -> Result<Ordered, StoreError> {
        let control = &self.services.control;
        match order {
            Order::Cancel => control.cancel(job.id, by).await,
            Order::Discard => control.discard(job.id, by).await,
            Order::Reschedule(at) => control.reschedule(job.id, at).await,
            Order::Retry => {
                let unique_key = self.unique_key(job);
                control.redrive(job.id, &Redrive { unique_key, ..again }).await
            }
        }
    }

    /// Ends these runs if no live job of theirs is left, and wakes the relay.
    pub(crate) async fn follow(&self, runs: BTreeSet<RunId>) {
        for run in runs {
            finish_if_empty(&self.services, &self.queue, run).await;
        }
        self.queue.bell().ring();
    }

    /// Runs that are over run again, because jobs of theirs do: when those have ended, their numbers are added up anew. A
    /// run of which jobs are deleted already keeps the numbers that it has, which are the whole ones.
    pub(crate) async fn reopen(&self, runs: BTreeSet<RunId>) {
        for run in runs {
            if let Err(error) = self.reopen_one(run).await {
                tracing::warn!(%error, run.id = %run, "Run {run} could not be reopened; its numbers stay as they are");
            }
        }
    }

    async fn reopen_one(&self, id: RunId) -> Result<(), StoreError> {
        let services = &self.services;
        let Some(run) = services.runs.get(id).await?.filter(|run| run.state.is_final()) else {
            return Ok(());
        };
        let now = finish_run::add_up(&services.ledger.tally(id).await?, &[], &[]);
        let sum = |jobs: &BTreeMap<String, u64>| jobs.values().sum::<u64>();
        let whole = run.results.is_none_or(|then| sum(&then.jobs) <= sum(&now.jobs));
        if whole {
            services.runs.reopen(id).await?;
        }
        Ok(())
    }

    fn unique_key(&self, job: &Job) -> Option<String> {
        let kind = self.registry.get(&job.kind)?;
        kind.unique_key(&job.payload)
    }

    /// Stores a new job that does the same as this one, but for the changes, in whatever state that is.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn clone_of(&self, id: JobId, changes: &Changes, by: &By) -> Result<Cloned, StoreError> {
        let Some(job) = self.services.ledger.get(id).await? else {
            return Ok(Cloned::Unknown);
        };
        let new = match self.copy(job, changes, &by.cause) {
            Ok(new) => new,
            Err(why) => return Ok(Cloned::Unreadable(why)),
        };
        let inserted = self.queue.insert(vec![Enqueue(new)]).await?;
        match inserted.first() {
            Some(Inserted::Duplicate(twin)) => Ok(Cloned::Twin(*twin)),
            Some(Inserted::Created(new) | Inserted::Repeated(new)) => {
                let after = json!({ "job_id": new, "payload": changes.payload });
                self.note("job.cloned", format!("job:{id}"), None, Some(after), by)
                    .await;
                Ok(Cloned::Created(*new))
            }
            None => Err(StoreError::Unavailable(
                "the store did not say what became of the new job".to_owned(),
            )),
        }
    }

    /// A new job like this one, not stored. What follows from its payload (its keys, what it is about) is read from the
    /// changed one.
    ///
    /// # Errors
    /// Why the changed payload cannot be read, in words.
    pub fn copy(&self, job: Job, changes: &Changes, by: &Cause) -> Result<NewJob, String> {
        let mut new = NewJob {
            id: JobId(Uuid::now_v7()),
            unique_key: self.unique_key(&job),
            kind: job.kind,
            version: job.version,
            payload: job.payload,
            lane: changes.lane.unwrap_or(job.lane),
            run_at: changes.run_at.unwrap_or(Timestamp(0)),
            max_attempts: job.max_attempts,
            concurrency: job.concurrency,
            run_id: job.run_id,
            parent_id: Some(job.id),
            subject: job.subject,
            cause: by.clone(),
            trace: None,
            sent: false,
        };
        if changes.payload.is_empty() {
            return Ok(new);
        }
        let kind = self.registry.get(&new.kind);
        let kind = kind.ok_or_else(|| format!("this release does not know {}", new.kind))?;
        let Value::Object(fields) = &mut new.payload else {
            return Err("the payload has no fields".to_owned());
        };
        fields.extend(changes.payload.clone());
        let reading = kind.read(&new.payload)?;
        // A name that was misspelt would be ignored without a word.
        let known =
            |name: &&String| reading.written.get(name.as_str()).is_some() || changes.payload[*name].is_null();
        if let Some(name) = changes.payload.keys().find(|name| !known(name)) {
            return Err(format!("a payload of {} has no field {name:?}", new.kind));
        }
        (new.payload, new.subject) = (reading.written, reading.subject);
        (new.unique_key, new.concurrency) = (reading.unique_key, reading.concurrency_key);
        Ok(new)
    }

    /// Holds jobs back from now on.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn pause(&self, pause: &Pause, by: &By) -> Result<(), StoreError> {
        self.services.pauses.put(pause).await?;
        let after = json!({
            "holds": pause.held.to_string(),
            "reason": pause.reason,
            "until": pause.until.map(Timestamp::to_rfc3339),
            "canary_every_seconds": pause.canary.as_ref().map(|canary| canary.every.as_secs()),
        });
        self.note(
            "pause.added",
            format!("pause:{}", pause.id),
            None,
            Some(after),
            by,
        )
        .await;
        Ok(())
    }

    /// Ends a pause. `false`: there is none of this id.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn resume(&self, id: PauseId, by: &By) -> Result<bool, StoreError> {
        if !self.services.pauses.remove(id).await? {
            return Ok(false);
        }
        self.note("pause.ended", format!("pause:{id}"), None, None, by)
            .await;
        self.queue.bell().ring();
        Ok(true)
    }

    /// What is done is stored by now, so a record that cannot be is told in the log instead.
    pub(crate) async fn note(
        &self,
        action: &str,
        target: String,
        before: Option<Value>,
        after: Option<Value>,
        by: &By,
    ) {
        let record = AuditRecord {
            id: Uuid::now_v7(),
            at: self.services.clock.now(),
            actor: by.cause.actor.clone(),
            action: action.to_owned(),
            target,
            before,
            after: Some(json!({ "state": after, "reason": by.cause.reason })),
            request_id: by.request_id.clone(),
        };
        tracing::info!(
            audit.action = action,
            audit.target = record.target,
            "discord_audit: {} {action} {}",
            record.actor,
            record.target
        );
        if let Err(error) = self.services.audit.append(&record).await {
            tracing::error!(%error, "discord_audit: the record of {action} {} could not be stored", record.target);
        }
    }
}

/// What an order may change of a job.
fn told(job: &Job) -> Value {
    json!({
        "kind": job.kind,
        "state": job.state.as_str(),
        "run_at": job.run_at.to_rfc3339(),
        "attempt": job.attempt,
        "cancel_by": job.cancel_by,
    })
}
