//! What operators do to jobs, and what they hold back.

use async_trait::async_trait;

use crate::canary::Canary;
use crate::cause::Cause;
use crate::dead_letter::Mark;
use crate::error::StoreError;
use crate::ids::JobId;
use crate::job::{JobState, Lane};
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

/// How a job is run again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redrive {
    /// The key that it has while it is live.
    pub unique_key: Option<String>,
    /// Not before this moment; `None`: now.
    pub at: Option<Timestamp>,
    /// In this lane; `None`: in its own.
    pub lane: Option<Lane>,
}

/// Orders about single jobs. Each is one conditional write: of two at once, one counts.
#[async_trait]
pub trait JobControl: Send + Sync + 'static {
    /// Ends a job by order. One that waits is cancelled now; one that runs is told, and ends as cancelled unless its
    /// attempt ends well before that.
    async fn cancel(&self, id: JobId, by: &Cause) -> Result<Ordered, StoreError>;

    /// Runs a cancelled or discarded job again, with all its tries, its history kept.
    async fn redrive(&self, id: JobId, how: &Redrive) -> Result<Ordered, StoreError>;

    /// Makes a dead letter of a waiting job.
    async fn discard(&self, id: JobId, by: &Cause) -> Result<Ordered, StoreError>;

    /// Gives a waiting job another time.
    async fn reschedule(&self, id: JobId, at: Timestamp) -> Result<Ordered, StoreError>;
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
    /// Stores what became of a pause's canary, if nobody else did since it was in turn `turn`. `false`: nothing was changed.
    async fn turn(&self, id: PauseId, turn: u32, canary: &Canary) -> Result<bool, StoreError>;
}

/// What operators said of causes of dead letters (`rolecall_cause_marks`).
#[async_trait]
pub trait CauseMarks: Send + Sync + 'static {
    /// Stores one, instead of what was said of this cause before.
    async fn put(&self, mark: &Mark) -> Result<(), StoreError>;
    /// All, by fingerprint.
    async fn list(&self) -> Result<Vec<Mark>, StoreError>;
    /// Forgets what was said of this cause. `false` if nothing was.
    async fn remove(&self, fingerprint: &str) -> Result<bool, StoreError>;
}
