//! Exponential backoff with jitter, for retries that are stored.
//!
//! Same parameters and formula as the `backoff` crate, which is unmaintained (RUSTSEC-2025-0012) and sleeps inside
//! the process; ours is a pure function, so a retry survives a restart. See `docs/adr/0002-backoff.md`.

use std::time::Duration;

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExponentialBackoff {
    /// Wait after the first failure.
    pub initial_interval: Duration,
    /// Each wait is this many times the one before.
    pub multiplier: f64,
    /// 0.5 means: anything from 50 % to 150 % of the wait.
    pub randomization_factor: f64,
    /// No wait is longer than this (before jitter).
    pub max_interval: Duration,
    /// No further try later than this after the job was stored. `None`: never too late.
    pub max_elapsed_time: Option<Duration>,
}

impl Default for ExponentialBackoff {
    /// 1 s, doubling to 10 min, half of it at random, for a day.
    fn default() -> Self {
        Self {
            initial_interval: Duration::from_secs(1),
            multiplier: 2.0,
            randomization_factor: 0.5,
            max_interval: Duration::from_secs(600),
            max_elapsed_time: Some(Duration::from_secs(24 * 3600)),
        }
    }
}

impl ExponentialBackoff {
    /// Wait before the try after attempt number `attempt` (from 1), with `dice` uniform in `[0, 1)`.
    /// `None` once `elapsed` plus the wait passes [`Self::max_elapsed_time`].
    pub fn delay(&self, attempt: u32, elapsed: Duration, dice: f64) -> Option<Duration> {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let plain = self.initial_interval.as_secs_f64() * self.multiplier.powi(exponent);
        let capped = plain.min(self.max_interval.as_secs_f64());
        let spread = capped * self.randomization_factor;
        let wait = Duration::from_secs_f64((capped - spread + dice.clamp(0.0, 1.0) * 2.0 * spread).max(0.0));
        match self.max_elapsed_time {
            Some(limit) if elapsed + wait > limit => None,
            _ => Some(wait),
        }
    }
}

/// When a job is tried again: by a formula, or by a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Waits {
    /// See [`ExponentialBackoff`].
    Backoff(ExponentialBackoff),
    /// The wait after each failure, from the first on; up to a tenth is added at random.
    Listed(&'static [Duration]),
}

impl From<ExponentialBackoff> for Waits {
    fn from(policy: ExponentialBackoff) -> Self {
        Self::Backoff(policy)
    }
}

impl Waits {
    /// As [`ExponentialBackoff::delay`]; `None`, too, where the list has ended.
    pub fn delay(&self, attempt: u32, elapsed: Duration, dice: f64) -> Option<Duration> {
        match self {
            Self::Backoff(policy) => policy.delay(attempt, elapsed, dice),
            Self::Listed(waits) => {
                let n = usize::try_from(attempt.checked_sub(1)?).ok()?;
                let wait = waits.get(n)?;
                Some(wait.mul_f64(1.0 + dice.clamp(0.0, 1.0) / 10.0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_wait_stays_within_its_published_range(attempt in 1u32..40, dice in 0.0f64..1.0) {
            let policy = ExponentialBackoff { max_elapsed_time: None, ..ExponentialBackoff::default() };
            let wait = policy.delay(attempt, Duration::ZERO, dice).unwrap().as_secs_f64();
            let middle = (2f64.powi(i32::try_from(attempt).unwrap() - 1)).min(600.0);
            prop_assert!(wait >= middle * 0.5 - 1e-6 && wait <= middle * 1.5 + 1e-6);
        }

        #[test]
        fn a_listed_wait_is_never_shortened_and_ends_with_the_list(attempt in 0u32..9, dice in 0.0f64..1.0) {
            const LIST: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(300), Duration::from_secs(7)];
            let wait = Waits::Listed(&LIST).delay(attempt, Duration::ZERO, dice);
            match attempt {
                1..=3 => {
                    let listed = LIST[attempt as usize - 1];
                    prop_assert!(wait.is_some_and(|w| w >= listed && w <= listed.mul_f64(1.1)));
                }
                _ => prop_assert_eq!(wait, None),
            }
        }

        #[test]
        fn nothing_is_tried_after_the_last_moment(elapsed in 86_400u64..1_000_000, dice in 0.0f64..1.0) {
            prop_assert_eq!(ExponentialBackoff::default().delay(1, Duration::from_secs(elapsed), dice), None);
        }
    }
}
