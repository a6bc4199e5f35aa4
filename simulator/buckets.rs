//! Decides whether a request still fits a limit. Pure: the time comes in as an argument, in simulated
//! microseconds.

use std::collections::VecDeque;

use crate::config::GlobalWindow;
use crate::limits::Kind;

/// Microseconds in a second.
const SECOND_US: u64 = 1_000_000;

/// State of one bucket.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    /// Sliding: when it will be full again. Fixed: when the window ends.
    until_us: u64,
    /// Fixed: requests in the window.
    used: u32,
}

/// Size of a bucket at the time of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) limit: u32,
    pub(crate) window_us: u64,
    pub(crate) kind: Kind,
}

/// What a bucket says about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ruling {
    pub(crate) allowed: bool,
    pub(crate) remaining: u32,
    /// Until the bucket is full (sliding) or the window ends (fixed).
    pub(crate) reset_after_us: u64,
    /// Until one request is allowed again; 0 when this one was.
    pub(crate) retry_after_us: u64,
}

impl Bucket {
    /// Takes one request out of the bucket if it holds one.
    pub(crate) fn take(&mut self, size: Size, now_us: u64) -> Ruling {
        match size.kind {
            Kind::Fixed => self.take_fixed(size, now_us),
            Kind::Sliding => self.take_sliding(size, now_us),
        }
    }

    fn take_fixed(&mut self, size: Size, now_us: u64) -> Ruling {
        if now_us >= self.until_us {
            *self = Self {
                until_us: now_us + size.window_us,
                used: 0,
            };
        }
        let allowed = self.used < size.limit;
        if allowed {
            self.used += 1;
        }
        let left_us = self.until_us - now_us;
        Ruling {
            allowed,
            remaining: size.limit.saturating_sub(self.used),
            reset_after_us: left_us,
            retry_after_us: if allowed { 0 } else { left_us },
        }
    }

    fn take_sliding(&mut self, size: Size, now_us: u64) -> Ruling {
        let period_us = size.window_us.div_ceil(u64::from(size.limit)).max(1);
        let full_us = period_us * u64::from(size.limit);
        let missing_us = self.until_us.saturating_sub(now_us);
        let allowed = missing_us + period_us <= full_us;
        if allowed {
            self.until_us = now_us + missing_us + period_us;
        }
        let missing_us = self.until_us.saturating_sub(now_us);
        let retry_after_us = if allowed {
            0
        } else {
            missing_us + period_us - full_us
        };
        let remaining = (full_us.saturating_sub(missing_us) / period_us) as u32;
        Ruling {
            allowed,
            remaining,
            reset_after_us: missing_us,
            retry_after_us,
        }
    }

    /// Requests left, without taking one.
    pub(crate) fn remaining(mut self, size: Size, now_us: u64) -> u32 {
        let ruling = self.take(size, now_us);
        ruling.remaining + u32::from(ruling.allowed)
    }

    /// Whether nothing of it is in use, so that it need not be kept.
    pub(crate) fn is_idle(self, now_us: u64) -> bool {
        now_us >= self.until_us
    }
}

/// The requests a second of one token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Global {
    sent_us: VecDeque<u64>,
}

impl Global {
    /// Admits a request, or says after how many microseconds to come again.
    pub(crate) fn take(&mut self, window: GlobalWindow, limit: u32, now_us: u64) -> Result<(), u64> {
        match window {
            // The first entry is the start of the window.
            GlobalWindow::Fixed => {
                if self
                    .sent_us
                    .front()
                    .is_some_and(|start| now_us >= start + SECOND_US)
                {
                    self.sent_us.clear();
                }
            }
            GlobalWindow::SlidingLog => {
                while self
                    .sent_us
                    .front()
                    .is_some_and(|sent| now_us >= sent + SECOND_US)
                {
                    self.sent_us.pop_front();
                }
            }
        }
        if self.sent_us.len() < limit as usize {
            self.sent_us.push_back(now_us);
            return Ok(());
        }
        let first = self.sent_us.front().copied().unwrap_or(now_us);
        Err(first + SECOND_US - now_us)
    }

    /// Requests in the window as last seen.
    pub(crate) fn used(&self, now_us: u64) -> usize {
        self.sent_us
            .iter()
            .filter(|sent| now_us < *sent + SECOND_US)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXED: Size = Size {
        limit: 10,
        window_us: 10_000_000,
        kind: Kind::Fixed,
    };
    const SLIDING: Size = Size {
        kind: Kind::Sliding,
        ..FIXED
    };

    #[test]
    fn a_fixed_window_keeps_its_end_and_refills_at_once() {
        let mut bucket = Bucket::default();
        for n in 0..10 {
            let ruling = bucket.take(FIXED, n * 100_000);
            assert!(ruling.allowed);
            assert_eq!(ruling.reset_after_us, 10_000_000 - n * 100_000);
        }
        let refused = bucket.take(FIXED, 4_000_000);
        assert_eq!((refused.allowed, refused.retry_after_us), (false, 6_000_000));
        let again = bucket.take(FIXED, 10_000_000);
        assert_eq!((again.allowed, again.remaining), (true, 9));
    }

    #[test]
    fn a_sliding_bucket_gives_one_request_a_period() {
        let mut bucket = Bucket::default();
        for n in 1..=10 {
            let ruling = bucket.take(SLIDING, 0);
            assert!(ruling.allowed);
            assert_eq!(ruling.reset_after_us, n * 1_000_000);
        }
        let refused = bucket.take(SLIDING, 400_000);
        assert_eq!((refused.allowed, refused.retry_after_us), (false, 600_000));
        assert!(bucket.take(SLIDING, 1_000_000).allowed);
        assert!(!bucket.take(SLIDING, 1_999_999).allowed);
    }

    #[test]
    fn a_refused_request_costs_nothing() {
        let mut bucket = Bucket::default();
        for _ in 0..10 {
            bucket.take(SLIDING, 0);
        }
        for _ in 0..100 {
            assert!(!bucket.take(SLIDING, 500_000).allowed);
        }
        assert!(bucket.take(SLIDING, 1_000_000).allowed);
    }

    #[test]
    fn a_sliding_log_allows_no_double_burst() {
        let mut fixed = Global::default();
        let mut log = Global::default();
        let late = |global: &mut Global, window| {
            assert!(global.take(window, 50, 0).is_ok());
            for _ in 0..49 {
                assert!(global.take(window, 50, 990_000).is_ok());
            }
            (0..50)
                .filter(|_| global.take(window, 50, 1_000_000).is_ok())
                .count()
        };
        assert_eq!(late(&mut fixed, GlobalWindow::Fixed), 50);
        assert_eq!(late(&mut log, GlobalWindow::SlidingLog), 1);
    }
}
