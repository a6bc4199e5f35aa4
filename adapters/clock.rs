//! The clock of this machine.

use std::time::{SystemTime, UNIX_EPOCH};

use rolecall_core::Timestamp;
use rolecall_core::ports::Clock;

/// The wall clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// Now. A clock set before 1970 reads as 1970.
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_past_2025_and_does_not_run_backwards_here() {
        let first = SystemClock.now();
        assert!(first > Timestamp(1_735_689_600_000));
        assert!(SystemClock.now() >= first);
    }
}
