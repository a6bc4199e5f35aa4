//! The time, as a port, so that tests can move it.

use crate::time::Timestamp;

/// The clock that decisions go by: this machine's, or, where several machines share a store, the store's, so that a wrong
/// clock steals no job and delays none.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
}
