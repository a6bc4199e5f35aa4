//! A pause's canary: from time to time one job of those that are held back is let through. If it succeeds, the pause has
//! served its purpose, and ends; if it fails, the pause stays, and says so.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::JobId;
use crate::job::{Job, JobState};
use crate::outcome::Effect;
use crate::time::Timestamp;

/// The shortest time between two canaries of a pause.
pub const SHORTEST: Duration = Duration::from_secs(10);
/// The longest.
pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 3_600);
/// A job that nobody took is sent again after this long.
const RESEND_MS: i64 = 15_000;

/// When jobs are let through, and what became of them. Stored with its pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// So long after one that failed, the next one is let through.
    pub every: Duration,
    /// Grows with each change: of two that change it at once, one counts.
    pub turn: u32,
    /// When the next one is let through.
    pub next_at: Timestamp,
    /// The one that is let through now.
    #[serde(default)]
    pub out: Option<Out>,
    /// How the last one ended.
    #[serde(default)]
    pub last: Option<Sang>,
    /// How many failed.
    #[serde(default)]
    pub failed: u32,
}

/// A job that is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Out {
    /// The job.
    pub job: JobId,
    /// Its attempts before.
    pub attempt: u32,
    /// When it was let through.
    pub at: Timestamp,
}

/// How a job that was let through ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sang {
    /// The job.
    pub job: JobId,
    /// When that was seen.
    pub at: Timestamp,
    /// Whether it succeeded.
    pub well: bool,
    /// What happened, in words.
    pub what: String,
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Choose a job, and let it through: [`Canary::letting`].
    Choose,
    /// Send the one that is let through to the workers.
    Send,
    /// It proved that the jobs succeed again: end the pause.
    Lift(Canary),
    /// It failed, or proved nothing: go on like this.
    Keep(Canary),
}

impl Canary {
    /// The first is let through at `first`, the next ones `every` so long.
    pub fn new(every: Duration, first: Timestamp) -> Self {
        Self {
            every,
            turn: 0,
            next_at: first,
            out: None,
            last: None,
            failed: 0,
        }
    }

    /// With this job let through.
    #[must_use]
    pub fn letting(&self, job: &Job, now: Timestamp) -> Self {
        Self {
            turn: self.turn + 1,
            out: Some(Out {
                job: job.id,
                attempt: job.attempt,
                at: now,
            }),
            ..self.clone()
        }
    }

    fn ended(&self, job: JobId, now: Timestamp, well: bool, what: String) -> Self {
        Self {
            turn: self.turn + 1,
            next_at: now + self.every,
            out: None,
            last: Some(Sang {
                job,
                at: now,
                well,
                what,
            }),
            failed: self.failed + u32::from(!well),
            ..self.clone()
        }
    }

    /// It proved nothing: another one at once.
    fn another(&self, now: Timestamp) -> Self {
        Self {
            turn: self.turn + 1,
            next_at: now,
            out: None,
            ..self.clone()
        }
    }
}

/// Decides. `job`: the one that is let through, as it is now; `None` if it is gone, or none is.
pub fn step(canary: &Canary, job: Option<&Job>, now: Timestamp) -> Step {
    let Some(out) = canary.out else {
        return match now >= canary.next_at {
            true => Step::Choose,
            false => Step::Nothing,
        };
    };
    let Some(job) = job else {
        return Step::Keep(canary.another(now));
    };
    let failed = || {
        let last = job.attempts.last().and_then(|a| a.message.clone());
        let what = last.unwrap_or_else(|| format!("job {} failed", job.id));
        Step::Keep(canary.ended(job.id, now, false, what))
    };
    match job.state {
        // Whoever had nothing to do did not find out whether it can be done.
        JobState::Completed if job.outcome.as_ref().is_some_and(|o| o.effect == Effect::Skipped) => {
            Step::Keep(canary.another(now))
        }
        JobState::Completed => {
            Step::Lift(canary.ended(job.id, now, true, format!("job {} succeeded", job.id)))
        }
        JobState::Cancelled => Step::Keep(canary.another(now)),
        JobState::Discarded => failed(),
        JobState::Running => Step::Nothing,
        // A claim that used up a try: an error, or a worker that died.
        _ if job.attempt > out.attempt => failed(),
        // Told to wait, or not taken by anybody yet.
        _ if job.run_at > now => Step::Nothing,
        _ if job.sent_at.is_none_or(|at| now.millis_since(at) > RESEND_MS) => Step::Send,
        _ => Step::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;
    use crate::waiting::tests::job;

    const NOW: Timestamp = Timestamp(50_000);

    fn out(before: &Job) -> Canary {
        Canary::new(Duration::from_secs(60), Timestamp(10)).letting(before, Timestamp(20))
    }

    #[test]
    fn one_is_let_through_when_its_time_has_come() {
        let canary = Canary::new(Duration::from_secs(60), Timestamp(10));
        assert_eq!(step(&canary, None, Timestamp(9)), Step::Nothing);
        assert_eq!(step(&canary, None, Timestamp(10)), Step::Choose);
        let waiting = job(JobState::Available, 0);
        assert_eq!(step(&out(&waiting), Some(&waiting), NOW), Step::Send);
        let sent = Job {
            sent_at: Some(NOW),
            ..waiting.clone()
        };
        assert_eq!(step(&out(&waiting), Some(&sent), NOW), Step::Nothing);
    }

    #[test]
    fn success_lifts_the_pause_and_having_nothing_to_do_is_no_success() {
        let before = job(JobState::Available, 0);
        let done = |outcome| Job {
            outcome: Some(outcome),
            attempt: 4,
            ..job(JobState::Completed, 0)
        };
        let Step::Lift(after) = step(&out(&before), Some(&done(Outcome::applied(1, 0))), NOW) else {
            panic!("a job that succeeded lifts the pause");
        };
        assert!(after.last.unwrap().well && after.out.is_none());
        let skipped = done(Outcome::skipped("superseded"));
        let Step::Keep(after) = step(&out(&before), Some(&skipped), NOW) else {
            panic!("a job that did nothing proves nothing");
        };
        assert_eq!((after.failed, after.next_at, after.turn), (0, NOW, 2));
    }

    #[test]
    fn failure_keeps_the_pause_until_the_next_one() {
        let before = job(JobState::Retryable, 0);
        for state in [JobState::Retryable, JobState::Available, JobState::Discarded] {
            let failed = Job {
                attempt: before.attempt + 1,
                ..job(state, 90_000)
            };
            let Step::Keep(after) = step(&out(&before), Some(&failed), NOW) else {
                panic!("{state} after a try is a failure");
            };
            assert_eq!((after.failed, after.next_at), (1, NOW + Duration::from_secs(60)));
            assert!(!after.last.unwrap().well);
        }
    }

    #[test]
    fn a_job_that_was_told_to_wait_or_runs_has_not_said_anything_yet() {
        let before = job(JobState::Available, 0);
        for now in [job(JobState::Scheduled, 90_000), job(JobState::Running, 0)] {
            assert_eq!(step(&out(&before), Some(&now), NOW), Step::Nothing);
        }
        assert!(matches!(step(&out(&before), None, NOW), Step::Keep(c) if c.out.is_none()));
    }
}
