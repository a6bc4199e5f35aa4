//! What an operator does to single jobs and holds back, with what follows from it: keys, ends of runs, a bell for the
//! relay, and a record of who did it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rolecall_core::audit::Act;
use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::job::{Inserted, Job, JobState, Lane, NewJob};
use rolecall_core::order::Order;
use rolecall_core::pause::{Pause, PauseId};
use rolecall_core::ports::{Ordered, Redrive};
use rolecall_core::worker::{Drain, Status};
use rolecall_core::{JobId, RunId, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::audit::{audited, record};
use super::fleet::fleet;
use super::meter::Meter;
use super::queue::{Enqueue, Queue};
use super::registry::Registry;
use super::services::Services;
use super::settling::finish_if_empty;
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
    /// The id of what the order makes, the same each time that the same request is repeated. `None`: it is not repeated.
    pub repeatable: Option<Uuid>,
}

impl By {
    /// An id for what the order makes. Of a request whose process died and that is repeated it is the same, so that it
    /// makes nothing twice.
    pub fn new_id(&self) -> Uuid {
        self.repeatable.unwrap_or_else(Uuid::now_v7)
    }
}

impl From<Cause> for By {
    fn from(cause: Cause) -> Self {
        Self {
            cause,
            request_id: None,
            repeatable: None,
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

/// What came of an order to drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrainOrdered {
    /// It is stored; the process hears of it with its next beat.
    Done,
    /// Nothing was stored: the process hears nothing any more.
    Deaf(Status),
    /// There is no such process.
    Unknown,
}

impl DrainOrdered {
    /// In words.
    pub fn told(self, id: &str) -> String {
        match self {
            Self::Done => format!("process {id} hears of it within 5 s"),
            Self::Deaf(status) => format!("process {id} is {status}: it hears no orders"),
            Self::Unknown => format!("there is no process {id}, or it was not heard of for a day"),
        }
    }
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
        if !order.states().contains(&before.state) {
            return Ok(Ordered::Not(before.state));
        }
        let act = Act::new(order.recorded(), format!("job:{id}"))
            .before(&told(&before))
            .after(&will_be(&before, order));
        let recorded = record(&self.services, by, act).await?;
        let ordered = match self
            .carry_out(&before, order, &by.cause, Redrive::default())
            .await
        {
            Ok(ordered @ (Ordered::Done | Ordered::Asked)) => ordered,
            other => {
                recorded.not_done(&self.services).await;
                return other;
            }
        };
        recorded.done();
        if ordered == Ordered::Done {
            self.count_ended(order, &[before.lane]).await;
        }
        if order == Order::Retry {
            self.reopen(before.run_id.into_iter().collect()).await;
        }
        let after = ledger.get(id).await?;
        // One that ended by order may have been the last of its run.
        let over = after.as_ref().filter(|job| job.state.is_final());
        self.follow(over.and_then(|job| job.run_id).into_iter().collect())
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

    /// Adds jobs of these lanes, which an order ended while they waited, to what is counted by minute.
    pub(crate) async fn count_ended(&self, order: Order, lanes: &[Lane]) {
        let state = match order {
            Order::Cancel => JobState::Cancelled,
            Order::Discard => JobState::Discarded,
            Order::Retry | Order::Reschedule(_) => return,
        };
        let meter = Meter::default();
        for lane in lanes {
            meter.ended(self.services.clock.now(), *lane, state, None);
        }
        if let Err(error) = meter.hand_over(self.services.job_minutes.as_ref()).await {
            tracing::warn!(%error, "Jobs that were ended by order are missing in the counts of their queue");
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
        let mut new = match self.copy(job, changes, &by.cause) {
            Ok(new) => new,
            Err(why) => return Ok(Cloned::Unreadable(why)),
        };
        new.id = JobId(by.new_id());
        let act = Act::new("job.cloned", format!("job:{id}"))
            .after(&json!({ "job_id": new.id, "payload": changes.payload }));
        let recorded = record(&self.services, by, act).await?;
        let cloned = match self.queue.insert(vec![Enqueue(new)]).await.as_deref() {
            Ok([Inserted::Created(new) | Inserted::Repeated(new), ..]) => {
                recorded.done();
                return Ok(Cloned::Created(*new));
            }
            Ok([Inserted::Duplicate(twin), ..]) => Ok(Cloned::Twin(*twin)),
            Ok([]) => Err(StoreError::unavailable(
                "the store did not say what became of the new job",
            )),
            Err(error) => Err(error.clone()),
        };
        recorded.not_done(&self.services).await;
        cloned
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
            run_at: changes.run_at.unwrap_or(NewJob::AT_ONCE),
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
        let act = Act::new("pause.added", format!("pause:{}", pause.id)).after(&held(pause));
        audited(&self.services, by, act, self.services.pauses.put(pause)).await
    }

    /// Ends a pause. `false`: there is none of this id.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn resume(&self, id: PauseId, by: &By) -> Result<bool, StoreError> {
        let pauses = self.services.pauses.list().await?;
        let Some(pause) = pauses.iter().find(|pause| pause.id == id) else {
            return Ok(false);
        };
        let act = Act::new("pause.ended", format!("pause:{id}")).before(&held(pause));
        let recorded = record(&self.services, by, act).await?;
        match self.services.pauses.remove(id).await {
            Ok(true) => recorded.done(),
            other => {
                recorded.not_done(&self.services).await;
                return other;
            }
        }
        self.queue.bell().ring();
        Ok(true)
    }

    /// Orders a process to take no more jobs, or takes the order back (`None`).
    ///
    /// # Errors
    /// If the store fails.
    pub async fn drain(&self, id: &str, drain: Option<&Drain>, by: &By) -> Result<DrainOrdered, StoreError> {
        let fleet = fleet(&self.services).await?;
        let Some(member) = fleet.member(id) else {
            return Ok(DrainOrdered::Unknown);
        };
        if !member.status.hears() {
            return Ok(DrainOrdered::Deaf(member.status));
        }
        let act = match drain {
            Some(drain) => {
                Act::new("worker.drained", format!("worker:{id}")).after(&json!({ "exit": drain.exit }))
            }
            None => Act::new("worker.undrained", format!("worker:{id}")),
        };
        let recorded = record(&self.services, by, act).await?;
        match self.services.workers.order_drain(id, drain).await {
            Ok(true) => recorded.done(),
            other => {
                recorded.not_done(&self.services).await;
                return other.map(|_| DrainOrdered::Unknown);
            }
        }
        Ok(DrainOrdered::Done)
    }
}

/// What a pause is.
fn held(pause: &Pause) -> Value {
    json!({
        "holds": pause.held.to_string(),
        "reason": pause.reason,
        "until": pause.until.map(Timestamp::to_rfc3339),
        "canary_every_seconds": pause.canary.as_ref().map(|canary| canary.every.as_secs()),
    })
}

/// What an order makes of a job.
fn will_be(job: &Job, order: Order) -> Value {
    match order {
        Order::Cancel if job.state == JobState::Running => json!({ "told_to_end": true }),
        Order::Cancel => json!({ "state": JobState::Cancelled.as_str() }),
        Order::Discard => json!({ "state": JobState::Discarded.as_str() }),
        Order::Retry => json!({ "state": JobState::Available.as_str() }),
        Order::Reschedule(at) => json!({ "run_at": at.to_rfc3339() }),
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
