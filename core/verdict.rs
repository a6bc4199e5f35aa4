//! What becomes of a job after an attempt: one pure function.

use std::time::Duration;

use crate::backoff::Waits;
use crate::error::{ErrorClass, JobError};
use crate::outcome::Outcome;
use crate::time::Timestamp;

/// The runner's order to the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Complete,
    /// Try again then.
    RetryAt(Timestamp),
    /// Wait until then; the attempt is given back.
    SnoozeUntil(Timestamp),
    /// It ended by order.
    Cancel,
    /// It failed for good: a dead letter.
    Discard,
}

/// What the judge has to know about the attempt.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Tries in all.
    pub max_attempts: u32,
    /// When the job was stored.
    pub inserted_at: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// Uniform in `[0, 1)`.
    pub dice: f64,
    /// Somebody asked to cancel.
    pub cancel_requested: bool,
}

/// A job that was only ever told to wait is given up after this long, so that nothing waits for ever.
pub const MAX_SNOOZE_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Decides. A time named by the other side is never shortened, and jitter is only added to it.
pub fn judge(result: &Result<Outcome, JobError>, policy: impl Into<Waits>, trial: Trial) -> Verdict {
    let Err(error) = result else {
        return Verdict::Complete;
    };
    if trial.cancel_requested {
        return Verdict::Cancel;
    }
    let age = u64::try_from(trial.now.millis_since(trial.inserted_at)).unwrap_or(0);
    let age = Duration::from_millis(age);
    match error.class {
        ErrorClass::Permanent => Verdict::Discard,
        ErrorClass::RateLimited { .. } if age > MAX_SNOOZE_AGE => Verdict::Discard,
        ErrorClass::RateLimited { wait } => Verdict::SnoozeUntil(trial.now + wait),
        ErrorClass::Transient if trial.attempt >= trial.max_attempts => Verdict::Discard,
        ErrorClass::Transient => match policy.into().delay(trial.attempt, age, trial.dice) {
            Some(wait) => Verdict::RetryAt(trial.now + wait),
            None => Verdict::Discard,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backoff::ExponentialBackoff;

    fn trial(attempt: u32) -> Trial {
        Trial {
            attempt,
            max_attempts: 3,
            inserted_at: Timestamp(0),
            now: Timestamp(1_000),
            dice: 0.5,
            cancel_requested: false,
        }
    }

    fn judged(error: JobError, trial: Trial) -> Verdict {
        judge(&Err(error), ExponentialBackoff::default(), trial)
    }

    #[test]
    fn a_transient_error_is_tried_again_until_the_last_attempt() {
        let error = JobError::transient("x", "x");
        assert_eq!(
            judged(error.clone(), trial(1)),
            Verdict::RetryAt(Timestamp(2_000))
        );
        assert_eq!(
            judged(error.clone(), trial(2)),
            Verdict::RetryAt(Timestamp(3_000))
        );
        assert_eq!(judged(error, trial(3)), Verdict::Discard);
    }

    #[test]
    fn a_named_time_is_kept_even_on_the_last_attempt() {
        let error = JobError::wait("x", Duration::from_secs(90), "x");
        assert_eq!(judged(error, trial(3)), Verdict::SnoozeUntil(Timestamp(91_000)));
    }

    #[test]
    fn a_permanent_error_is_discarded_at_once() {
        assert_eq!(judged(JobError::permanent("x", "x"), trial(1)), Verdict::Discard);
    }

    #[test]
    fn a_cancelled_job_that_failed_is_cancelled_and_one_that_succeeded_is_complete() {
        let asked = Trial {
            cancel_requested: true,
            ..trial(1)
        };
        assert_eq!(judged(JobError::transient("x", "x"), asked), Verdict::Cancel);
        assert_eq!(
            judge(&Ok(Outcome::unchanged()), ExponentialBackoff::default(), asked),
            Verdict::Complete
        );
    }
}
