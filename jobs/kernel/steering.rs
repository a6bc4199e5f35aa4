//! What an operator does to single jobs and holds back, with what follows from it: keys, ends of runs, a bell for the
//! relay, and a record of who did it.

use std::sync::Arc;

use rolecall_core::audit::AuditRecord;
use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::job::Job;
use rolecall_core::pause::{Pause, PauseId};
use rolecall_core::ports::{JobControl, Ordered};
use rolecall_core::{JobId, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::queue::Queue;
use super::registry::Registry;
use super::runner::finish_if_empty;
use super::services::Services;

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Steering {
    /// The ports.
    pub services: Arc<Services>,
    /// Orders about jobs.
    pub control: Arc<dyn JobControl>,
    /// Whose relay is told.
    pub queue: Queue,
    /// What the keys of jobs are made by.
    pub registry: Arc<Registry>,
}

impl Steering {
    /// Ends a job by order.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn cancel(&self, id: JobId, by: &Cause) -> Result<Ordered, StoreError> {
        let before = self.services.ledger.get(id).await?;
        let ordered = self.control.cancel(id, by).await?;
        self.done("job.cancelled", before, ordered, by).await
    }

    /// Makes a dead letter of a waiting job.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn discard(&self, id: JobId, by: &Cause) -> Result<Ordered, StoreError> {
        let before = self.services.ledger.get(id).await?;
        let ordered = self.control.discard(id, by).await?;
        self.done("job.discarded", before, ordered, by).await
    }

    /// Runs a cancelled or discarded job again.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn redrive(&self, id: JobId, by: &Cause) -> Result<Ordered, StoreError> {
        let Some(job) = self.services.ledger.get(id).await? else {
            return Ok(Ordered::Unknown);
        };
        let kind = self.registry.get(&job.kind);
        let key = kind.and_then(|kind| kind.unique_key(&job.payload));
        let ordered = self.control.redrive(id, key.as_deref()).await?;
        self.done("job.redriven", Some(job), ordered, by).await
    }

    /// Gives a waiting job another time.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn reschedule(&self, id: JobId, at: Timestamp, by: &Cause) -> Result<Ordered, StoreError> {
        let before = self.services.ledger.get(id).await?;
        let ordered = self.control.reschedule(id, at).await?;
        self.done("job.rescheduled", before, ordered, by).await
    }

    /// Holds jobs back from now on.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn pause(&self, pause: &Pause, by: &Cause) -> Result<(), StoreError> {
        self.services.pauses.put(pause).await?;
        let after = json!({
            "holds": pause.held.to_string(),
            "reason": pause.reason,
            "until": pause.until.map(Timestamp::to_rfc3339),
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
    pub async fn resume(&self, id: PauseId, by: &Cause) -> Result<bool, StoreError> {
        if !self.services.pauses.remove(id).await? {
            return Ok(false);
        }
        self.note("pause.ended", format!("pause:{id}"), None, None, by)
            .await;
        self.queue.bell().notify_one();
        Ok(true)
    }

    async fn done(
        &self,
        action: &str,
        before: Option<Job>,
        ordered: Ordered,
        by: &Cause,
    ) -> Result<Ordered, StoreError> {
        let Some(before) = before.filter(|_| matches!(ordered, Ordered::Done | Ordered::Asked)) else {
            return Ok(ordered);
        };
        let id = before.id;
        let after = self.services.ledger.get(id).await?;
        // One that ended by order may have been the last of its run.
        if let Some(run) = after
            .as_ref()
            .filter(|j| j.state.is_final())
            .and_then(|j| j.run_id)
        {
            finish_if_empty(&self.services, &self.queue, run).await;
        }
        self.queue.bell().notify_one();
        let after = after.as_ref().map(told);
        self.note(action, format!("job:{id}"), Some(told(&before)), after, by)
            .await;
        Ok(ordered)
    }

    /// What is done is stored by now, so a record that cannot be is told in the log instead.
    async fn note(
        &self,
        action: &str,
        target: String,
        before: Option<Value>,
        after: Option<Value>,
        by: &Cause,
    ) {
        let record = AuditRecord {
            id: Uuid::now_v7(),
            at: self.services.clock.now(),
            actor: by.actor.clone(),
            action: action.to_owned(),
            target,
            before,
            after: Some(json!({ "state": after, "reason": by.reason })),
            request_id: None,
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
