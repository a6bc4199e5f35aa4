//! The clock of a file is that of the machine.

use std::time::{SystemTime, UNIX_EPOCH};

use rolecall_core::ports::Clock;
use rolecall_core::time::Timestamp;

/// The machine's wall clock: all processes that share a file share it, too.
pub(super) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}
