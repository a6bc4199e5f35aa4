//! What is remembered of schedules.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::schedule::{ScheduleState, TickRecord};
use crate::time::Timestamp;

/// States of schedules (`rolecall_schedules`) and their newest ticks (`rolecall_schedule_ticks`). Several processes tick at
/// once, so each call may be repeated by others.
#[async_trait]
pub trait Schedules: Send + Sync + 'static {
    /// All schedules that were ever looked at, by name.
    async fn states(&self) -> Result<Vec<ScheduleState>, StoreError>;
    /// Remembers a schedule that is not known yet as switched on, its ticks looked at until `at`.
    async fn begin(&self, name: &str, at: Timestamp) -> Result<(), StoreError>;
    /// Notes that the ticks after `from` were looked at until `until`, of which so many were missed. `false`: another
    /// process did so, or it was switched on meanwhile; nothing was changed.
    async fn see(
        &self,
        name: &str,
        from: Timestamp,
        until: Timestamp,
        missed: u64,
    ) -> Result<bool, StoreError>;
    /// Switches it on or off. Of one that is switched on, the ticks up to `at` count as looked at. `false`: it was so
    /// already, and nothing was changed.
    async fn switch(&self, name: &str, enabled: bool, by: &str, at: Timestamp) -> Result<bool, StoreError>;
    /// Remembers what became of a tick, in the place of what is remembered of the same one: unless that was begun, or this
    /// one is missed. The newest [`TICKS_KEPT`](crate::schedule::TICKS_KEPT) of a schedule stay.
    async fn note(&self, tick: &TickRecord) -> Result<(), StoreError>;
    /// A schedule's ticks, the newest first.
    async fn ticks(&self, name: &str, limit: usize) -> Result<Vec<TickRecord>, StoreError>;
}
