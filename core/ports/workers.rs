//! What processes tell of themselves and of their work, by way of the store.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::throughput::Minute;
use crate::time::Timestamp;
use crate::worker::{Beat, Drain, Process, Worker};

/// What a process is told when it tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The store's clock.
    pub now: Timestamp,
    /// What it is ordered.
    pub drain: Option<Drain>,
}

/// Processes (`rolecall_workers`). One that was not heard of for [`crate::worker::KEPT`] is forgotten by the store.
#[async_trait]
pub trait Workers: Send + Sync + 'static {
    /// Notes that this process lives, and how it is.
    async fn beat(&self, process: &Process, beat: &Beat) -> Result<Heard, StoreError>;

    /// All that were heard of since then, by the store's clock, in the order of their ids.
    async fn list(&self, since: Timestamp) -> Result<Vec<Worker>, StoreError>;

    /// Orders one to drain, or takes the order back (`None`). `false`: there is none with this id.
    async fn order_drain(&self, id: &str, drain: Option<&Drain>) -> Result<bool, StoreError>;
}

/// How many jobs ended, by minute and lane (`rolecall_job_minutes`). A minute is forgotten by the store after
/// [`crate::throughput::KEPT`].
#[async_trait]
pub trait JobMinutes: Send + Sync + 'static {
    /// Adds to these minutes. It is a statistic: where a call fails with its outcome unknown, a repetition may count
    /// twice.
    async fn add(&self, minutes: &[Minute]) -> Result<(), StoreError>;

    /// Minutes that began at this time or later, in the order of time; those of one minute in any order.
    async fn since(&self, from: Timestamp) -> Result<Vec<Minute>, StoreError>;
}
