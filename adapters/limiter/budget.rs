//! Budgets beyond one bucket: the global one of a principal, and the one for invalid requests of the whole address.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Discord's global window, in seconds.
pub(super) const GLOBAL_WINDOW: f64 = 1.0;
/// The window in which invalid requests are counted.
pub const INVALID_WINDOW: f64 = 600.0;
/// At this many invalid requests, all but interactive calls stop. Discord bans the address at 10,000.
pub const INVALID_MOST: usize = 1000;

/// The calls a second of one bot.
///
/// Wherever Discord's own window begins, it cannot contain more than the cap: a call counts from its permit until a
/// second after its answer.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Global {
    in_flight: usize,
    /// When answered calls stop counting, ascending.
    until: VecDeque<f64>,
    blocked_until: f64,
    /// Last time that was planned for somebody who was sent away because of this budget.
    planned: f64,
}

impl Global {
    fn forget(&mut self, now: f64) {
        while self.until.front().is_some_and(|at| *at <= now) {
            self.until.pop_front();
        }
    }

    /// Whether a call may go now, if at most `cap` may count at once.
    pub fn has_room(&mut self, now: f64, cap: usize) -> bool {
        self.forget(now);
        now >= self.blocked_until && self.in_flight + self.until.len() < cap
    }

    /// A call goes.
    pub fn send(&mut self) {
        self.in_flight += 1;
    }

    /// A permit is given back unused.
    pub fn unsend(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// An answer came, or will not.
    pub fn settled(&mut self, now: f64) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.until.push_back(now + GLOBAL_WINDOW);
    }

    /// Nothing may go until then.
    pub fn block(&mut self, until: f64) {
        self.blocked_until = self.blocked_until.max(until);
    }

    /// Until when nothing may go.
    pub const fn blocked_until(&self) -> f64 {
        self.blocked_until
    }

    /// When there may be room next.
    pub fn next_room(&mut self, now: f64, cap: usize) -> f64 {
        if self.has_room(now, cap) {
            return now;
        }
        // With everything in flight, the next answer frees a place a second later.
        let freed = self.until.front().copied().unwrap_or(now + GLOBAL_WINDOW);
        freed.max(self.blocked_until)
    }

    /// A time for somebody who is sent away: one after another, at the pace of the cap.
    pub fn plan(&mut self, from: f64, cap: usize) -> f64 {
        self.planned = from.max(self.planned + GLOBAL_WINDOW / cap.max(1) as f64);
        self.planned
    }
}

/// Invalid requests (401, 403, and 429 but for shared budgets) of all whose limiter it is.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Invalid {
    times: VecDeque<f64>,
    told: bool,
}

impl Invalid {
    /// Counts one. Gives `true` when the breaker opens with it.
    pub fn count(&mut self, now: f64) -> bool {
        self.forget(now);
        self.times.push_back(now);
        let opens = self.times.len() >= INVALID_MOST && !self.told;
        self.told |= opens;
        opens
    }

    fn forget(&mut self, now: f64) {
        while self.times.front().is_some_and(|at| at + INVALID_WINDOW <= now) {
            self.times.pop_front();
        }
        if self.times.len() < INVALID_MOST {
            self.told = false;
        }
    }

    /// How many there are in the window.
    pub fn counted(&mut self, now: f64) -> usize {
        self.forget(now);
        self.times.len()
    }

    /// When calls that are not interactive may go: now, or later.
    pub fn open_until(&mut self, now: f64) -> f64 {
        self.forget(now);
        match self.times.len().checked_sub(INVALID_MOST) {
            None => now,
            // So many have to become too old that fewer than the most are left.
            Some(over) => self.times.get(over).map_or(now, |at| at + INVALID_WINDOW),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_until_a_second_after_its_answer() {
        let mut global = Global::default();
        global.send();
        assert!(!global.has_room(100.0, 1));
        global.settled(100.0);
        assert!(!global.has_room(100.9, 1));
        assert!(global.has_room(101.0, 1));
    }

    #[test]
    fn the_breaker_opens_once_at_a_thousand_and_closes_when_the_count_falls() {
        let mut invalid = Invalid::default();
        let opened = (0..1100).filter(|n| invalid.count(f64::from(*n) * 0.1)).count();
        assert_eq!(opened, 1);
        assert_eq!(invalid.counted(110.0), 1_100);
        let at = invalid.open_until(110.0);
        assert!((at - 610.0).abs() < 1e-6, "{at}");
        assert!(invalid.open_until(609.9) > 609.9);
        assert_eq!(invalid.open_until(at + 1e-6), at + 1e-6);
        assert_eq!(invalid.counted(5_000.0), 0);
    }
}
