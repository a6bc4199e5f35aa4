//! The ledger: the truth about jobs, and its own outbox.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::ids::{DiscordId, EndpointId, GuildId, JobId, RoleId, RunId, UserId};
use crate::job::{Attempt, Inserted, Job, JobState, Lane, NewJob, WaitNote};
use crate::outcome::Outcome;
use crate::pause::Held;
use crate::progress::Progress;
use crate::run::TallyLine;
use crate::time::Timestamp;

/// What came of a claim.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// It is ours, with its new fence.
    Claimed(Box<Job>),
    /// Another job with the same concurrency key is running.
    Busy,
    /// It could be claimed, but more of its claims ended without a word than were asked for: so many. Nothing was changed.
    Suspect(u32),
    /// It is not there to be claimed: final, running, not due, or unknown.
    Gone,
}

/// A due job, as the relay sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueJob {
    /// The job.
    pub id: JobId,
    /// Its kind.
    pub kind: String,
    /// Its guild.
    pub guild_id: Option<GuildId>,
    /// It was handed over before, and nobody took it.
    pub sent_before: bool,
}

/// How a claimed job is left.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// Its new state: `Completed`, `Retryable`, `Scheduled` (snoozed), `Available` (handed back), `Cancelled` or
    /// `Discarded`.
    pub state: JobState,
    /// When it may run again, for the states that wait.
    pub run_at: Option<Timestamp>,
    /// Whether the claim uses up no attempt (a snooze, a hand-back); then what the last attempt left stays, too: its
    /// fingerprint and its error.
    pub give_back: bool,
    /// What it did.
    pub outcome: Option<Outcome>,
    /// What to add to the history.
    pub attempt: Option<Attempt>,
    /// Groups failures of one cause.
    pub fingerprint: Option<String>,
    /// Why it waits, if it was told to.
    pub wait: Option<WaitNote>,
}

impl Settlement {
    /// The same, unless it would let a job wait that somebody asked to cancel: then the end of that job.
    #[must_use]
    pub fn unless_cancelled(self, cancel_by: Option<&str>) -> Self {
        match cancel_by {
            Some(by) if self.state.is_waiting() => Self {
                state: JobState::Cancelled,
                run_at: None,
                outcome: Some(Outcome::cancelled(by)),
                ..self
            },
            _ => self,
        }
    }
}

/// A job whose lease had ended, and what was made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescued {
    /// The job.
    pub id: JobId,
    /// Its kind.
    pub kind: String,
    /// Its lane.
    pub lane: Lane,
    /// Its run.
    pub run_id: Option<RunId>,
    /// `Available` again, or `Discarded` as quarantined.
    pub state: JobState,
    /// Claims that ended without a word, this one included.
    pub crashes: u32,
}

/// A lease that was renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewed {
    /// The job.
    pub id: JobId,
    /// Somebody asked to cancel it.
    pub cancel_asked: bool,
}

/// Which jobs to list. Empty means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// In one of these states.
    pub states: Vec<JobState>,
    /// Of this kind.
    pub kind: Option<String>,
    /// Of this guild.
    pub guild_id: Option<GuildId>,
    /// Of this user.
    pub user_id: Option<UserId>,
    /// Of this Discord account.
    pub discord_id: Option<DiscordId>,
    /// Of this run.
    pub run_id: Option<RunId>,
    /// About this role.
    pub role_id: Option<RoleId>,
    /// A delivery to this endpoint of events.
    pub webhook_id: Option<EndpointId>,
    /// Made by this job.
    pub parent_id: Option<JobId>,
    /// Of this lane.
    pub lane: Option<Lane>,
    /// Failed for this cause.
    pub fingerprint: Option<String>,
    /// Whose last failure has this code: the error's own name, or Discord's number.
    pub error_code: Option<String>,
    /// Whose last failure says this, whatever the case.
    pub text: Option<String>,
    /// Stored at this time or later.
    pub since: Option<Timestamp>,
    /// Stored before this time.
    pub until: Option<Timestamp>,
}

/// Where a page ends: jobs after this one, in the order of the list (newest first).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCursor {
    /// When the last job of the page was stored.
    pub inserted_at: Timestamp,
    /// The last job of the page.
    pub id: JobId,
}

/// What stands in the way of a waiting job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Obstacles {
    /// The running job with the same concurrency key.
    pub busy_with: Option<JobId>,
    /// Jobs of its lane that are due before it and not held back, counted up to [`Self::MOST_AHEAD`].
    pub ahead: u64,
}

impl Obstacles {
    /// Nobody waits for a longer count.
    pub const MOST_AHEAD: u64 = 10_000;
}

/// By what jobs are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitBy {
    /// Their guild.
    Guild,
    /// Their kind.
    Kind,
    /// The cause for which they failed.
    Fingerprint,
}

/// Jobs that are alike in one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The guild's id, the kind, or the fingerprint; `None`: those without one.
    pub value: Option<String>,
    /// How many.
    pub jobs: u64,
    /// When the first of them ended, or was stored if it did not.
    pub first: Timestamp,
    /// The same of the last.
    pub last: Timestamp,
    /// The job stored last of them.
    pub newest: JobId,
}

/// Jobs, durably.
///
/// Times that decide about leases (`claim`, `renew`, `rescue`) are the store's own.
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Stores jobs; each is answered for itself, in the order given. Answers only when what was created is durable.
    /// No id is given twice at once.
    async fn insert(&self, jobs: Vec<NewJob>) -> Result<Vec<Inserted>, StoreError>;

    /// Takes a waiting, due job for `lease`: state running, attempt + 1, fence + 1. Only one of which at most `crashes`
    /// claims ended without a word.
    ///
    /// Survives the death of every process. If the store's machine itself dies within moments, the claim may be forgotten:
    /// then the job is as if it had never been claimed, and runs once more, which is harmless.
    async fn claim_within(
        &self,
        id: JobId,
        worker: &str,
        lease: Duration,
        crashes: u32,
    ) -> Result<Claim, StoreError>;

    /// The same, however many of its claims ended without a word.
    async fn claim(&self, id: JobId, worker: &str, lease: Duration) -> Result<Claim, StoreError> {
        self.claim_within(id, worker, lease, u32::MAX).await
    }

    /// Renews the leases that are still held with this fence and worker; says which were.
    async fn renew(
        &self,
        worker: &str,
        held: &[(JobId, i64)],
        lease: Duration,
    ) -> Result<Vec<Renewed>, StoreError>;

    /// Leaves a claimed job; answers when that is durable. One that was to be cancelled, and would wait, ends as cancelled
    /// instead. `false`: the fence is old, nothing was changed.
    async fn settle(&self, id: JobId, fence: i64, settlement: Settlement) -> Result<bool, StoreError>;

    /// Says how far a claimed job is. `false`: the fence is old, nothing was changed. What a job said stays when it
    /// waits or ends, until it is redriven.
    async fn report(&self, id: JobId, fence: i64, progress: &Progress) -> Result<bool, StoreError>;

    /// Puts off a waiting job to this time (it was busy, or a limit said so). Changes nothing if it is not waiting.
    async fn defer(&self, id: JobId, until: Timestamp) -> Result<(), StoreError>;

    /// Waiting jobs of a lane that are due, were not sent since `sent_before` and are not held back by any of `paused`, in
    /// the order (`run_at`, id).
    async fn due(
        &self,
        lane: Lane,
        sent_before: Timestamp,
        paused: &[Held],
        limit: usize,
    ) -> Result<Vec<DueJob>, StoreError>;

    /// Notes that these were handed to the delivery now; only waiting jobs are marked. A claim or a settlement removes
    /// the note, so that a retry is sent again at once.
    async fn mark_sent(&self, ids: &[JobId]) -> Result<(), StoreError>;

    /// Takes that note back, of those that still wait: they could not be handed over after all.
    async fn mark_unsent(&self, ids: &[JobId]) -> Result<(), StoreError>;

    /// When the next waiting job of a lane becomes due, if that is in the future.
    async fn next_due(&self, lane: Lane) -> Result<Option<Timestamp>, StoreError>;

    /// Takes back jobs whose lease has ended: crashes + 1, an attempt `crashed` in the history, available again; after
    /// `quarantine_after` crashes discarded with fingerprint `{kind}|quarantined`.
    async fn rescue(&self, quarantine_after: u32, limit: usize) -> Result<Vec<Rescued>, StoreError>;

    /// One job.
    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError>;

    /// Jobs, newest first (by `inserted_at`, then id, both descending).
    async fn list(
        &self,
        filter: &JobFilter,
        after: Option<JobCursor>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError>;

    /// How many jobs are in each state; states without a job may be left out.
    async fn counts(&self, filter: &JobFilter) -> Result<Vec<(JobState, u64)>, StoreError>;

    /// The jobs of a filter told apart by one thing, the largest share first, at most `limit`.
    async fn split(&self, filter: &JobFilter, by: SplitBy, limit: usize) -> Result<Vec<Share>, StoreError>;

    /// How many jobs of a filter ended in each hour since this moment (those that did not end are counted when they were
    /// stored); hours without one are left out. The oldest first; an hour is named by its beginning (UTC).
    async fn by_hour(
        &self,
        filter: &JobFilter,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, u64)>, StoreError>;

    /// What stands in the way of this waiting job; jobs held back by any of `paused` stand in nobody's way.
    async fn obstacles(&self, job: &Job, paused: &[Held]) -> Result<Obstacles, StoreError>;

    /// A run's jobs, grouped.
    async fn tally(&self, run: RunId) -> Result<Vec<TallyLine>, StoreError>;

    /// Whether a run has a job that is not final, other than those of kind `except`.
    async fn run_is_live(&self, run: RunId, except: &str) -> Result<bool, StoreError>;

    /// The store's clock.
    async fn now(&self) -> Result<Timestamp, StoreError>;
}
