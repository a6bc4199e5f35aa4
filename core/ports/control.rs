//! What operators do to jobs, and what they hold back.

use async_trait::async_trait;

use crate::cause::Cause;
use crate::error::StoreError;
use crate::ids::JobId;
use crate::job::JobState;
use crate::pause::{Pause, PauseId};
use crate::time::Timestamp;

/// What came of an order about one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ordered {
    /// It is done.
    Done,
    /// The job is running: it ends before its next call to Discord, or when this attempt is over.
    Asked,
    /// Nothing was changed: this live job does the same already.
    Twin(JobId),
    /// Nothing was changed: the order means nothing to a job in this state.
    Not(JobState),
    /// There is no such job.
    Unknown,
}

/// Orders about single jobs. Each is one conditional write: of two at once, one counts.
#[async_trait]
pub trait JobControl: Send + Sync + 'static {
    /// Ends a job by order. One that waits is cancelled now; one that runs is told, and ends as cancelled unless its
    /// attempt ends well before that.
    async fn cancel(&self, id: JobId, by: &Cause) -> Result<Ordered, StoreError>;

    /// Runs a cancelled or discarded job again: available now, with all its tries, its history kept. `unique_key`: the
    /// key that it has while it is live.
    async fn redrive(&self, id: JobId, unique_key: Option<&str>) -> Result<Ordered, StoreError>;

    /// Makes a dead letter of a waiting job.
    async fn discard(&self, id: JobId, by: &Cause) -> Result<Ordered, StoreError>;

    /// Gives a waiting job another time.
    async fn reschedule(&self, id: JobId, at: Timestamp) -> Result<Ordered, StoreError>;

    /// How many waiting jobs are noted as sent. With `forget` the notes go, so that each is sent again when it is due.
    async fn sent(&self, forget: bool) -> Result<u64, StoreError>;
}

/// Pauses (`rolecall_pauses`).
#[async_trait]
pub trait Pauses: Send + Sync + 'static {
    /// Stores one, or changes the one with this id.
    async fn put(&self, pause: &Pause) -> Result<(), StoreError>;
    /// All, the oldest first; those that are over, too.
    async fn list(&self) -> Result<Vec<Pause>, StoreError>;
    /// Ends it. `false` if there was none.
    async fn remove(&self, id: PauseId) -> Result<bool, StoreError>;
}
