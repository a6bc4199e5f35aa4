//! Simulated time. Every window, lifetime and header of the simulator is measured on this clock, so a sync
//! that would take hours can be watched in minutes, and a test can move the time by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where a clock that stands still begins: 2026-01-01T00:00:00Z in Unix milliseconds.
const FIXED_START_UNIX_MS: u64 = 1_767_225_600_000;

/// Microseconds in a millisecond.
const MICROS: u64 = 1_000;

/// A clock that runs at a chosen speed, or one that only moves when it is told to.
#[derive(Clone, Debug)]
pub struct SimClock {
    source: Arc<Source>,
}

#[derive(Debug)]
struct Source {
    /// Real instant of the start and simulated seconds a real second; `None` stands still.
    running: Option<(Instant, f64)>,
    /// Microseconds added by hand.
    added_us: AtomicU64,
    /// Unix milliseconds at simulated time zero.
    start_unix_ms: u64,
}

impl SimClock {
    /// A clock that passes `speed` simulated seconds in each real second.
    #[must_use]
    pub fn running(speed: f64) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::from_source(
            Some((Instant::now(), speed.max(0.0))),
            since_epoch.as_millis() as u64,
        )
    }

    /// A clock that stands still until [`advance`](Self::advance) is called.
    #[must_use]
    pub fn manual() -> Self {
        Self::from_source(None, FIXED_START_UNIX_MS)
    }

    fn from_source(running: Option<(Instant, f64)>, start_unix_ms: u64) -> Self {
        Self {
            source: Arc::new(Source {
                running,
                added_us: AtomicU64::new(0),
                start_unix_ms,
            }),
        }
    }

    /// Moves the clock forward by `ms` simulated milliseconds. A running clock jumps and goes on running.
    pub fn advance(&self, ms: u64) {
        self.source
            .added_us
            .fetch_add(ms.saturating_mul(MICROS), Ordering::SeqCst);
    }

    /// Simulated microseconds since the start.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        let run = self.source.running.map_or(0, |(began, speed)| {
            (began.elapsed().as_secs_f64() * speed * 1e6).round() as u64
        });
        run.saturating_add(self.source.added_us.load(Ordering::SeqCst))
    }

    /// Simulated milliseconds since the start.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_us() / MICROS
    }

    /// Unix milliseconds at simulated time zero.
    #[must_use]
    pub fn start_unix_ms(&self) -> u64 {
        self.source.start_unix_ms
    }

    /// Simulated wall time in Unix milliseconds.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        self.source.start_unix_ms + self.now_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = SimClock::manual();
        assert_eq!(clock.now_ms(), 0);
        clock.advance(1_500);
        assert_eq!(clock.now_ms(), 1_500);
        assert_eq!(clock.unix_ms(), FIXED_START_UNIX_MS + 1_500);
    }

    #[test]
    fn copies_of_a_clock_share_the_time() {
        let clock = SimClock::manual();
        clock.clone().advance(7);
        assert_eq!(clock.now_ms(), 7);
    }
}
