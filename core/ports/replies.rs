//! Answers that are kept for whoever asks the same once more.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::replies::{Admission, Asked, Reply};
use crate::time::Timestamp;

/// Answers by key (`rolecall_replies`), in all processes: of many who come at once, one does the work.
#[async_trait]
pub trait Replies: Send + Sync + 'static {
    /// Decides as [`crate::replies::admit`] does, and notes that this request is under way if it may go.
    async fn begin(&self, asked: &Asked) -> Result<Admission, StoreError>;
    /// Keeps the answer, unless another request holds the key by now. `None`: there is nothing to keep, and the key is
    /// [free](crate::replies::FREE) again.
    async fn end(&self, asked: &Asked, reply: Option<&Reply>) -> Result<(), StoreError>;
    /// Deletes those that were kept until then or less, at most `limit`; how many that were.
    async fn prune(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError>;
}
