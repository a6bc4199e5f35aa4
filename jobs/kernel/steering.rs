//! What an operator does to single jobs, with what follows from it: keys, ends of runs, and a bell for the relay.

use std::sync::Arc;

use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::ports::{JobControl, Ordered};
use rolecall_core::{JobId, Timestamp};

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
        let ordered = self.control.cancel(id, by).await?;
        self.over(id, ordered).await?;
        Ok(ordered)
    }

    /// Makes a dead letter of a waiting job.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn discard(&self, id: JobId, by: &Cause) -> Result<Ordered, StoreError> {
        let ordered = self.control.discard(id, by).await?;
        self.over(id, ordered).await?;
        Ok(ordered)
    }

    /// Runs a cancelled or discarded job again.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn redrive(&self, id: JobId) -> Result<Ordered, StoreError> {
        let Some(job) = self.services.ledger.get(id).await? else {
            return Ok(Ordered::Unknown);
        };
        let kind = self.registry.get(&job.kind);
        let key = kind.and_then(|kind| kind.unique_key(&job.payload));
        let ordered = self.control.redrive(id, key.as_deref()).await?;
        self.queue.bell().notify_one();
        Ok(ordered)
    }

    /// Gives a waiting job another time.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn reschedule(&self, id: JobId, at: Timestamp) -> Result<Ordered, StoreError> {
        let ordered = self.control.reschedule(id, at).await?;
        self.queue.bell().notify_one();
        Ok(ordered)
    }

    /// A job that ends by order may be the last of its run.
    async fn over(&self, id: JobId, ordered: Ordered) -> Result<(), StoreError> {
        if ordered != Ordered::Done {
            return Ok(());
        }
        if let Some(run) = self.services.ledger.get(id).await?.and_then(|job| job.run_id) {
            finish_if_empty(&self.services, &self.queue, run).await;
        }
        Ok(())
    }
}
