//! Why a job waits: everything that stands in its way now, what has to go first first.

use crate::company::Company;
use crate::ids::JobId;
use crate::job::{Job, JobState, Lane};
use crate::pause::{Face, Pause, PauseId};
use crate::ports::Obstacles;
use crate::time::Timestamp;

/// Something that stands in the way of a waiting job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// An operator holds it back.
    Paused {
        /// The pause.
        id: PauseId,
        /// What it holds back, as a query.
        holds: String,
        /// Why.
        reason: String,
        /// Until when; `None`: until somebody ends it.
        until: Option<Timestamp>,
    },
    /// It failed, and is tried again later.
    Backoff {
        /// When.
        until: Timestamp,
        /// Tries that failed.
        failed: u32,
        /// Tries in all.
        of: u32,
    },
    /// It was told to come again later (a limit of Discord, a newer release that is needed). That uses up no try.
    Snoozed {
        /// When.
        until: Timestamp,
        /// How often so far.
        times: u32,
        /// Why, as far as it is known: the code of the last time.
        code: Option<String>,
        /// The same in words.
        why: Option<String>,
    },
    /// It was stored for later, or given another time.
    Delayed {
        /// When.
        until: Timestamp,
    },
    /// Another job that must not run at the same time is running.
    Busy {
        /// What both are about.
        key: String,
        /// The other one.
        job: JobId,
    },
    /// It was at work when workers died, so it does not run beside everybody.
    Company {
        /// How many workers died.
        crashes: u32,
        /// Beside nobody; else only beside no other job of which a worker died.
        alone: bool,
    },
    /// So many jobs of its lane are due before it. At most [`Obstacles::MOST_AHEAD`] are counted.
    Behind {
        /// Its lane.
        lane: Lane,
        /// How many.
        jobs: u64,
    },
    /// It is due, and was not handed to the delivery yet: no relay runs, or the window of its lane is full.
    NotSent,
    /// It was handed to the delivery: no worker has taken it yet.
    Sent {
        /// When.
        at: Timestamp,
    },
}

/// Why this job waits. Nothing for a job that does not.
pub fn why(job: &Job, pauses: &[Pause], obstacles: &Obstacles, now: Timestamp) -> Vec<Wait> {
    if !job.state.is_waiting() {
        return Vec::new();
    }
    let held = pauses.iter().filter(|p| p.holds(Face::from(job), now));
    let mut all: Vec<Wait> = held
        .map(|p| Wait::Paused {
            id: p.id,
            holds: p.held.to_string(),
            reason: p.reason.clone(),
            until: p.until,
        })
        .collect();
    let is_due = job.run_at <= now;
    if !is_due {
        all.push(time(job));
    }
    if let (Some(key), Some(other)) = (&job.concurrency, obstacles.busy_with) {
        all.push(Wait::Busy {
            key: key.clone(),
            job: other,
        });
    }
    let company = Company::of(job.crashes);
    if is_due && company != Company::Anybody {
        all.push(Wait::Company {
            crashes: job.crashes,
            alone: company == Company::Nobody,
        });
    }
    if is_due && obstacles.ahead > 0 {
        all.push(Wait::Behind {
            lane: job.lane,
            jobs: obstacles.ahead,
        });
    }
    if is_due {
        all.push(job.sent_at.map_or(Wait::NotSent, |at| Wait::Sent { at }));
    }
    all
}

/// Why its time has not come.
fn time(job: &Job) -> Wait {
    let until = job.run_at;
    match job.state {
        JobState::Retryable => Wait::Backoff {
            until,
            failed: job.attempt,
            of: job.max_attempts,
        },
        _ if job.snoozes > 0 => {
            let last = job.waits.last();
            Wait::Snoozed {
                until,
                times: job.snoozes,
                code: last.map(|wait| wait.code.clone()),
                why: last.map(|wait| wait.message.clone()),
            }
        }
        _ => Wait::Delayed { until },
    }
}

impl Wait {
    /// The written name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Paused { .. } => "paused",
            Self::Backoff { .. } => "backoff",
            Self::Snoozed { .. } => "snoozed",
            Self::Delayed { .. } => "delayed",
            Self::Busy { .. } => "busy",
            Self::Company { .. } => "company",
            Self::Behind { .. } => "behind",
            Self::NotSent => "not_sent",
            Self::Sent { .. } => "sent",
        }
    }

    /// When it will be over by itself, if that is known.
    pub const fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Paused { until, .. } => *until,
            Self::Backoff { until, .. } | Self::Snoozed { until, .. } | Self::Delayed { until } => {
                Some(*until)
            }
            Self::Busy { .. }
            | Self::Company { .. }
            | Self::Behind { .. }
            | Self::NotSent
            | Self::Sent { .. } => None,
        }
    }

    /// In a sentence.
    pub fn told(&self) -> String {
        match self {
            Self::Paused {
                id,
                holds,
                reason,
                until,
            } => {
                let until = until.map_or_else(
                    || "until somebody ends it".to_owned(),
                    |at| format!("until {}", at.to_rfc3339()),
                );
                format!("Held back by pause {id} of {holds} ({reason}), {until}.")
            }
            Self::Backoff { until, failed, of } => format!(
                "Failed {failed} of {of} times; it is tried again at {}.",
                until.to_rfc3339()
            ),
            Self::Snoozed {
                until, times, why, ..
            } => {
                let why = why.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
                let times = if *times == 1 {
                    "once".to_owned()
                } else {
                    format!("{times} times")
                };
                let until = until.to_rfc3339();
                format!("Was told to wait {times}{why}, which uses up no try; it comes again at {until}.")
            }
            Self::Delayed { until } => format!("It is for {}.", until.to_rfc3339()),
            Self::Busy { key, job } => {
                format!("Job {job} is running, and no two about {key} run at once.")
            }
            Self::Company { crashes, alone } => company(*crashes, *alone),
            Self::Behind { lane, jobs } if *jobs >= Obstacles::MOST_AHEAD => {
                format!("{jobs} or more jobs of the queue {lane} are due before it.")
            }
            Self::Behind { lane, jobs: 1 } => format!("1 job of the queue {lane} is due before it."),
            Self::Behind { lane, jobs } => format!("{jobs} jobs of the queue {lane} are due before it."),
            Self::NotSent => {
                "It is due, and was not sent to a worker yet: no process with workers runs, or all are busy."
                    .to_owned()
            }
            Self::Sent { at } => format!(
                "It was sent to the workers at {}, and none has taken it yet.",
                at.to_rfc3339()
            ),
        }
    }
}

fn company(crashes: u32, alone: bool) -> String {
    let died = if crashes == 1 {
        "A worker died while it was at work".to_owned()
    } else {
        format!("{crashes} workers died while it was at work")
    };
    if alone {
        format!("{died}: it runs alone, so a worker lets it in when what runs there has ended.")
    } else {
        format!("{died}: it runs in no process together with another job of which that is true.")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::cause::Cause;
    use crate::job::Subject;
    use crate::pause::Held;

    const NOW: Timestamp = Timestamp(1_000);

    pub(crate) fn job(state: JobState, run_at: i64) -> Job {
        Job {
            id: JobId(Uuid::from_u128(1)),
            kind: "add_role".to_owned(),
            version: 1,
            payload: json!({}),
            lane: Lane::Bulk,
            state,
            run_at: Timestamp(run_at),
            attempt: 3,
            max_attempts: 12,
            crashes: 0,
            snoozes: 0,
            fence: 3,
            lease: None,
            unique_key: None,
            concurrency: Some("member:1:2".to_owned()),
            run_id: None,
            parent_id: None,
            subject: Subject::default(),
            cause: Cause::new("demo", ""),
            trace: None,
            attempts: Vec::new(),
            waits: Vec::new(),
            progress: None,
            outcome: None,
            fingerprint: None,
            cancel_by: None,
            inserted_at: Timestamp(0),
            redriven_at: None,
            sent_at: None,
            finished_at: None,
        }
    }

    fn names(job: &Job, pauses: &[Pause], obstacles: &Obstacles) -> Vec<&'static str> {
        let all = why(job, pauses, obstacles, NOW);
        for wait in &all {
            assert!(wait.told().ends_with('.'), "{}", wait.told());
        }
        all.iter().map(Wait::as_str).collect()
    }

    fn pause(lane: Lane) -> Pause {
        Pause {
            id: PauseId(Uuid::from_u128(9)),
            held: Held {
                lane: Some(lane),
                ..Held::default()
            },
            reason: "looking".to_owned(),
            author: "user:eve".to_owned(),
            created_at: Timestamp(0),
            until: None,
            canary: None,
        }
    }

    #[test]
    fn what_has_to_go_first_is_told_first() {
        let obstacles = Obstacles {
            busy_with: Some(JobId(Uuid::from_u128(2))),
            ahead: 7,
        };
        let pauses = [pause(Lane::Normal), pause(Lane::Bulk)];
        let due = job(JobState::Available, 900);
        assert_eq!(
            names(&due, &pauses, &obstacles),
            ["paused", "busy", "behind", "not_sent"]
        );
        let sent = Job {
            sent_at: Some(NOW),
            ..due
        };
        assert_eq!(names(&sent, &[], &Obstacles::default()), ["sent"]);
    }

    #[test]
    fn of_a_job_whose_workers_died_it_is_told_beside_whom_it_runs() {
        let obstacles = Obstacles {
            busy_with: Some(JobId(Uuid::from_u128(2))),
            ahead: 1,
        };
        let died = |crashes| Job {
            crashes,
            ..job(JobState::Available, 900)
        };
        assert_eq!(
            names(&died(1), &[pause(Lane::Bulk)], &obstacles),
            ["paused", "busy", "company", "behind", "not_sent"]
        );
        let told = |crashes| why(&died(crashes), &[], &Obstacles::default(), NOW)[0].told();
        assert!(told(1).contains("together with another job"), "{}", told(1));
        assert!(
            told(2).contains("2 workers died") && told(2).contains("runs alone"),
            "{}",
            told(2)
        );
        let later = Job {
            run_at: Timestamp(2_000),
            ..died(2)
        };
        assert_eq!(names(&later, &[], &Obstacles::default()), ["delayed"]);
    }

    #[test]
    fn a_time_that_has_not_come_is_a_backoff_a_snooze_or_a_delay() {
        let none = Obstacles::default();
        assert_eq!(names(&job(JobState::Retryable, 2_000), &[], &none), ["backoff"]);
        assert_eq!(names(&job(JobState::Scheduled, 2_000), &[], &none), ["delayed"]);
        let snoozed = Job {
            snoozes: 2,
            ..job(JobState::Scheduled, 2_000)
        };
        assert_eq!(names(&snoozed, &[], &none), ["snoozed"]);
        let waits = why(&job(JobState::Retryable, 2_000), &[], &none, NOW);
        let told = "Failed 3 of 12 times; it is tried again at 1970-01-01T00:00:02.000Z.";
        assert_eq!(waits[0].told(), told);
        assert_eq!(waits[0].until(), Some(Timestamp(2_000)));
    }

    #[test]
    fn what_runs_or_is_over_waits_for_nothing() {
        let obstacles = Obstacles {
            busy_with: Some(JobId(Uuid::from_u128(2))),
            ahead: 7,
        };
        for state in [JobState::Running, JobState::Completed, JobState::Discarded] {
            assert!(names(&job(state, 0), &[pause(Lane::Bulk)], &obstacles).is_empty());
        }
    }

    #[test]
    fn a_pause_that_is_over_holds_nothing_back() {
        let over = Pause {
            until: Some(NOW),
            ..pause(Lane::Bulk)
        };
        assert_eq!(
            names(&job(JobState::Available, 0), &[over], &Obstacles::default()),
            ["not_sent"]
        );
    }
}
