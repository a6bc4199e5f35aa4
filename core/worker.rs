//! A process of rolecall, as it tells of itself, and how it is from what is known of it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A process that was not heard of for this long, and did not say that it stops, is lost. Six of its beats.
pub const LOST_AFTER: Duration = Duration::from_secs(30);
/// What was not heard of for this long is forgotten.
pub const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Answers over HTTP.
    Web,
    /// Runs jobs.
    Worker,
    /// Ticks.
    Scheduler,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::Web, Self::Worker, Self::Scheduler];

    /// The written name. Stored: never change one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Worker => "worker",
            Self::Scheduler => "scheduler",
        }
    }

    /// The role with this written name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What does not change while a process lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its name, new with every start: the owner of its leases.
    pub id: String,
    /// Version and commit.
    pub release: String,
    /// The machine, the container or the dyno.
    pub host: String,
    /// Its number there.
    pub pid: u32,
    /// What it does.
    pub roles: Vec<Role>,
    /// Jobs at once in all lanes; 0 if it runs none.
    pub slots: u32,
    /// When it started, by its own clock.
    pub started_at: Timestamp,
}

/// What it tells with each beat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Beat {
    /// Jobs that it runs.
    pub running: u32,
    /// It takes no jobs, because it was told so.
    pub drains: bool,
    /// Its clock less the store's, in milliseconds, as it was at the beat before; `None`: not measured yet.
    pub skew_ms: Option<i64>,
    /// This is its last beat: it stops in order.
    pub stopped: bool,
}

/// The order to take no more jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drain {
    /// Who ordered it, as the actor of a [`crate::cause::Cause`].
    pub by: String,
    /// Why, in words; may be empty.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Whether the process ends once it runs nothing.
    pub exit: bool,
}

/// What is stored of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// What it is.
    pub process: Process,
    /// What it told last.
    pub beat: Beat,
    /// When it told that, by the store's clock.
    pub seen_at: Timestamp,
    /// What it is ordered.
    pub drain: Option<Drain>,
}

/// How a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is heard of.
    Alive,
    /// It is to take no more jobs, and may still run some.
    Draining,
    /// It takes no jobs and runs none.
    Drained,
    /// It stopped in order.
    Stopped,
    /// It is heard of no more, and did not say why. What it ran is taken up by others when its leases end.
    Lost,
}

impl Status {
    /// All, in the order of a life.
    pub const ALL: [Self; 5] = [
        Self::Alive,
        Self::Draining,
        Self::Drained,
        Self::Stopped,
        Self::Lost,
    ];

    /// The written name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Draining => "draining",
            Self::Drained => "drained",
            Self::Stopped => "stopped",
            Self::Lost => "lost",
        }
    }

    /// Whether it can be told anything.
    pub const fn hears(self) -> bool {
        matches!(self, Self::Alive | Self::Draining | Self::Drained)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Worker {
    /// How it is now, by the store's clock.
    pub fn status(&self, now: Timestamp) -> Status {
        if self.beat.stopped {
            Status::Stopped
        } else if self.seen_at + LOST_AFTER < now {
            Status::Lost
        } else if self.drain.is_none() {
            Status::Alive
        } else if self.beat.drains && self.beat.running == 0 {
            Status::Drained
        } else {
            Status::Draining
        }
    }

    /// Whether it takes jobs now, as far as is known.
    pub fn takes_jobs(&self, now: Timestamp) -> bool {
        self.process.roles.contains(&Role::Worker) && self.status(now) == Status::Alive
    }
}

/// Those that were lost and not yet forgotten, in the order given.
pub fn lost(workers: &[Worker], now: Timestamp) -> impl Iterator<Item = &Worker> {
    workers.iter().filter(move |w| w.status(now) == Status::Lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn worker() -> Worker {
        Worker {
            process: Process {
                id: "host-1-abc".to_owned(),
                release: "0.1.0 (abc)".to_owned(),
                host: "host".to_owned(),
                pid: 1,
                roles: vec![Role::Worker],
                slots: 8,
                started_at: NOW,
            },
            beat: Beat::default(),
            seen_at: NOW,
            drain: None,
        }
    }

    fn drained(running: u32, drains: bool) -> Worker {
        let drain = Drain {
            by: "user:ada".to_owned(),
            reason: String::new(),
            at: NOW,
            exit: false,
        };
        Worker {
            beat: Beat {
                running,
                drains,
                ..Beat::default()
            },
            drain: Some(drain),
            ..worker()
        }
    }

    #[test]
    fn a_process_is_lost_after_thirty_silent_seconds_unless_it_said_that_it_stops() {
        let silent = |seconds: u64| worker().status(NOW + Duration::from_secs(seconds));
        assert_eq!(
            [silent(0), silent(30), silent(31)],
            [Status::Alive, Status::Alive, Status::Lost]
        );
        let stopped = Worker {
            beat: Beat {
                stopped: true,
                ..Beat::default()
            },
            ..worker()
        };
        assert_eq!(stopped.status(NOW + KEPT), Status::Stopped);
        let both = [worker(), stopped];
        assert_eq!(lost(&both, NOW + KEPT).count(), 1);
        // A clock of the store that went back makes nobody lost.
        assert_eq!(worker().status(NOW - KEPT), Status::Alive);
    }

    #[test]
    fn a_process_is_drained_when_it_says_so_itself_and_runs_nothing() {
        for (worker, status) in [
            (drained(0, false), Status::Draining),
            (drained(2, true), Status::Draining),
            (drained(0, true), Status::Drained),
        ] {
            assert_eq!(worker.status(NOW), status);
            assert!(!worker.takes_jobs(NOW) && status.hears());
        }
        assert!(worker().takes_jobs(NOW) && !worker().takes_jobs(NOW + KEPT));
    }

    #[test]
    fn names_are_the_ones_already_stored_and_shown() {
        assert_eq!(Role::ALL.map(Role::as_str), ["web", "worker", "scheduler"]);
        for role in Role::ALL {
            assert_eq!(Role::from_name(role.as_str()), Some(role));
        }
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }
}
