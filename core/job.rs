//! A job: one stored piece of work, and what is known of it.

mod history;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cause::Cause;
use crate::ids::{DiscordId, EndpointId, GuildId, JobId, RoleId, RunId, UserId};
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::time::Timestamp;

pub use history::{ATTEMPTS_KEPT, Attempt, WAITS_KEPT, WaitNote};

/// Where a job is in its life. The last three are final. The words are River's and Oban's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for its time: delayed from the start, or snoozed.
    Scheduled,
    /// May be claimed.
    Available,
    /// Claimed, at work.
    Running,
    /// Failed, and waits for its next try.
    Retryable,
    /// Ended well.
    Completed,
    /// Ended by order.
    Cancelled,
    /// Ended badly: a dead letter.
    Discarded,
}

impl JobState {
    /// All states, in the order of a life.
    pub const ALL: [Self; 7] = [
        Self::Scheduled,
        Self::Available,
        Self::Running,
        Self::Retryable,
        Self::Completed,
        Self::Cancelled,
        Self::Discarded,
    ];

    /// The written name. Stored: never change one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Available => "available",
            Self::Running => "running",
            Self::Retryable => "retryable",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Discarded => "discarded",
        }
    }

    /// The state with this written name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }

    /// Nothing more will happen, unless somebody redrives it.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Discarded)
    }

    /// May be claimed once its time has come.
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::Scheduled | Self::Available | Self::Retryable)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How urgent a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Somebody waits in front of a screen.
    Interactive,
    /// The usual.
    Normal,
    /// Part of something big.
    Bulk,
}

impl Lane {
    /// All lanes, most urgent first.
    pub const ALL: [Self; 3] = [Self::Interactive, Self::Normal, Self::Bulk];

    /// The written name. Stored: never change one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }

    /// The lane with this written name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.as_str() == name)
    }

    /// 0 is the most urgent. For indexes that sort.
    pub const fn rank(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a job is about: the keys that people search by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// The application's user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The Discord account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discord_id: Option<DiscordId>,
    /// The role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_id: Option<RoleId>,
    /// The endpoint of events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_id: Option<EndpointId>,
}

/// A job that is to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its id. Inserting the same id again changes nothing.
    pub id: JobId,
    /// Its kind's written name.
    pub kind: String,
    /// Version of the payload's shape.
    pub version: u16,
    /// Its data: ids only, never a secret.
    pub payload: Value,
    /// How urgent.
    pub lane: Lane,
    /// Not before this moment; see [`NewJob::AT_ONCE`].
    pub run_at: Timestamp,
    /// Tries in all, the first included.
    pub max_attempts: u32,
    /// While a live job has this key, no other job gets it.
    pub unique_key: Option<String>,
    /// While a job with this key runs, no other with it may start.
    pub concurrency: Option<String>,
    /// The run it belongs to.
    pub run_id: Option<RunId>,
    /// The job that made it.
    pub parent_id: Option<JobId>,
    /// What it is about.
    pub subject: Subject,
    /// Who asked, and why.
    pub cause: Cause,
    /// The request that caused it, as a W3C `traceparent`.
    pub trace: Option<String>,
    /// Its envelope is handed over as soon as it is stored. Noted with the job, so that the note is no write of its own.
    pub sent: bool,
}

impl NewJob {
    /// The `run_at` of a job that is due as soon as it is stored.
    pub const AT_ONCE: Timestamp = Timestamp(0);

    /// The `run_at` of the job if it is stored at `now`. Jobs are taken in the order of this time, and their waits are
    /// counted from it: what is for at once comes after what waits already.
    pub fn due_from(&self, now: Timestamp) -> Timestamp {
        match self.run_at {
            Self::AT_ONCE => now,
            run_at => run_at,
        }
    }
}

/// What became of an insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// Stored.
    Created(JobId),
    /// This very id was already there (a repeated insert). Nothing was changed.
    Repeated(JobId),
    /// A live job with the same unique key exists: this one. Nothing was stored.
    Duplicate(JobId),
}

impl Inserted {
    /// The job that now stands for what was asked.
    pub const fn id(self) -> JobId {
        match self {
            Self::Created(id) | Self::Repeated(id) | Self::Duplicate(id) => id,
        }
    }
}

/// The right to run a job until a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The worker's name.
    pub owner: String,
    /// Since when, by the store's clock; `None`: stored before that was noted.
    pub since: Option<Timestamp>,
    /// Until when, by the store's clock.
    pub until: Timestamp,
}

/// A stored job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Its kind's written name.
    pub kind: String,
    /// Version of the payload's shape.
    pub version: u16,
    /// Its data.
    pub payload: Value,
    /// How urgent.
    pub lane: Lane,
    /// Where it is in its life.
    pub state: JobState,
    /// Not before this moment.
    pub run_at: Timestamp,
    /// Claims so far, less those given back.
    pub attempt: u32,
    /// Tries in all.
    pub max_attempts: u32,
    /// Claims that ended without a word (the worker died).
    pub crashes: u32,
    /// Snoozes so far.
    pub snoozes: u32,
    /// Grows with each claim; an older holder's write changes nothing.
    pub fence: i64,
    /// Who runs it, while it is running.
    pub lease: Option<Lease>,
    /// See [`NewJob::unique_key`]; present only while live.
    pub unique_key: Option<String>,
    /// See [`NewJob::concurrency`].
    pub concurrency: Option<String>,
    /// The run it belongs to.
    pub run_id: Option<RunId>,
    /// The job that made it.
    pub parent_id: Option<JobId>,
    /// What it is about.
    pub subject: Subject,
    /// Who asked, and why.
    pub cause: Cause,
    /// The request that caused it.
    pub trace: Option<String>,
    /// The newest attempts, oldest first, at most [`ATTEMPTS_KEPT`].
    pub attempts: Vec<Attempt>,
    /// The newest times that it was told to wait, oldest first, at most [`WAITS_KEPT`].
    pub waits: Vec<WaitNote>,
    /// How far it is, if it is one that says so while it runs; how far it came, once it is over.
    pub progress: Option<Progress>,
    /// What it did, once completed (or why it was cancelled).
    pub outcome: Option<Outcome>,
    /// Groups failures of one cause.
    pub fingerprint: Option<String>,
    /// Who asked to cancel it, while it runs.
    pub cancel_by: Option<String>,
    /// When it was stored.
    pub inserted_at: Timestamp,
    /// When somebody last ran it again after its end: its age counts from then.
    pub redriven_at: Option<Timestamp>,
    /// When it was last handed to the delivery.
    pub sent_at: Option<Timestamp>,
    /// When it reached a final state.
    pub finished_at: Option<Timestamp>,
}

impl Job {
    /// Since when it is due, or will be. Not `run_at` alone: older releases stored jobs for at once with one long past.
    pub fn due_since(&self) -> Timestamp {
        self.run_at.max(self.redriven_at.unwrap_or(self.inserted_at))
    }

    /// When it will have done what it told so far of; never of a job that is over, and may have been stopped halfway.
    pub fn eta(&self) -> Option<Timestamp> {
        self.progress.as_ref().filter(|_| !self.state.is_final())?.eta()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_lane_names_are_the_ones_already_stored() {
        assert_eq!(
            JobState::ALL.map(JobState::as_str),
            [
                "scheduled",
                "available",
                "running",
                "retryable",
                "completed",
                "cancelled",
                "discarded"
            ]
        );
        assert_eq!(Lane::ALL.map(Lane::as_str), ["interactive", "normal", "bulk"]);
        for state in JobState::ALL {
            assert_eq!(JobState::from_name(state.as_str()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert!(state.is_final() ^ (state.is_waiting() || state == JobState::Running));
        }
    }
}
