//! The time, as a port, so that tests can move it.

use crate::time::Timestamp;

/// The wall clock of this process. Leases use the store's clock instead, so that a wrong clock steals no job.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
}
