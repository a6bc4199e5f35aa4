//! The server's time, told by this process between two of the server's answers.
//!
//! Machines disagree about the time, some by an hour, and some correct themselves by a leap. What one process writes
//! another compares with, so all of them use the clock of the store that they share: the last time that the server told,
//! and what this machine's monotonic clock counted since, which no correction moves.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rolecall_core::ports::Clock;
use rolecall_core::time::Timestamp;

/// Two clocks drift apart by at most one in so many. Good crystals are a hundred times better.
const DRIFT: u32 = 1_000;

/// A time that the server told.
#[derive(Debug, Clone, Copy)]
struct Told {
    time: Timestamp,
    at: Instant,
    /// By how much it may be wrong. `None`: it is this machine's own time.
    doubt: Option<Duration>,
}

impl Told {
    /// `asked` to `answered` lies the moment that the server meant.
    fn new(time: Timestamp, asked: Instant, answered: Instant) -> Self {
        let doubt = answered.saturating_duration_since(asked) / 2;
        Self {
            time,
            at: asked + doubt,
            doubt: Some(doubt),
        }
    }

    fn doubt_at(&self, now: Instant) -> Option<Duration> {
        Some(self.doubt? + now.saturating_duration_since(self.at) / DRIFT)
    }

    fn time_at(&self, now: Instant) -> Timestamp {
        self.time + now.saturating_duration_since(self.at)
    }

    /// The one to go by: an answer that was slow says little about now.
    fn or(self, newer: Self, now: Instant) -> Self {
        match (self.doubt_at(now), newer.doubt_at(now)) {
            (Some(known), Some(new)) if new > known => self,
            _ => newer,
        }
    }
}

/// See the module. Clones share what they know.
#[derive(Debug, Clone)]
pub struct ServerClock(Arc<RwLock<Told>>);

impl ServerClock {
    /// Until the server tells, this machine's time.
    pub(super) fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(Arc::new(RwLock::new(Told {
            time: Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
            at: Instant::now(),
            doubt: None,
        })))
    }

    /// Takes note of an answer with the server's time.
    pub(super) fn told(&self, time: Timestamp, asked: Instant) {
        let now = Instant::now();
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *known = known.or(Told::new(time, asked, now), now);
    }
}

impl Clock for ServerClock {
    fn now(&self) -> Timestamp {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.time_at(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_servers_first_word_replaces_this_machines_time_however_slow_it_was() {
        let clock = ServerClock::new();
        clock.told(Timestamp(1_000), Instant::now().checked_sub(ms(400)).unwrap());
        let now = clock.now();
        assert!((Timestamp(1_200)..Timestamp(60_000)).contains(&now), "{now:?}");
    }

    #[test]
    fn a_slow_answer_does_not_replace_a_quick_one_until_that_is_old() {
        let start = Instant::now();
        let quick = Told::new(Timestamp(0), start, start + ms(10));
        let slow = |asked: Instant| Told::new(Timestamp(7), asked, asked + ms(2_000));
        let later = start + ms(5_000);
        assert_eq!(quick.or(slow(later), later + ms(2_000)).time, Timestamp(0));
        let much_later = start + ms(2_000_000);
        assert_eq!(quick.or(slow(much_later), much_later).time, Timestamp(7));
    }

    proptest! {
        #[test]
        fn what_is_told_is_right_within_half_of_the_round_trip(there in 0_u64..5_000, back in 0_u64..5_000, later in 0_u64..60_000) {
            let asked = Instant::now();
            let answered = asked + ms(there + back);
            // The server's clock reads 1,000,000 when the question arrives.
            let told = Told::new(Timestamp(1_000_000), asked, answered);
            let right = 1_000_000 + i64::try_from(back + later).unwrap();
            let wrong_by = (told.time_at(answered + ms(later)).0 - right).unsigned_abs();
            prop_assert!(wrong_by <= (there + back) / 2 + 1, "{wrong_by}");
        }
    }
}
