//! What keeps a store tidy: secrets under the newest key, no record older than it has to be, no refresh forgotten, and
//! the notes that go-falcon's scheduler shows.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::StoreError;
use crate::ids::{DiscordId, UserId};
use crate::job::JobState;
use crate::link::SealedTokens;
use crate::secrets::{SecretKind, StoredSecret};
use crate::time::Timestamp;

/// Every stored secret, field by field.
#[async_trait]
pub trait SealedFields: Send + Sync + 'static {
    /// Secrets of a kind, in a fixed order of their records, of the records after `after`
    /// ([`StoredSecret::record`]). Records without one are left out, and so are those whose text begins with
    /// `other_than`. An empty page is the last.
    async fn page(
        &self,
        kind: SecretKind,
        after: Option<&str>,
        other_than: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredSecret>, StoreError>;

    /// Puts `text` in the place of this one. `false`: it is not as it was read, and stays.
    async fn replace(&self, secret: &StoredSecret, text: &str) -> Result<bool, StoreError>;
}

/// Deletes what is older than it has to be, in batches: each answers how many it deleted, at most `limit`.
#[async_trait]
pub trait Retention: Send + Sync + 'static {
    /// Jobs in this final state that ended before then. Those of a run that is still running stay.
    async fn delete_jobs(
        &self,
        state: JobState,
        ended_before: Timestamp,
        limit: usize,
    ) -> Result<u64, StoreError>;

    /// Runs that began before then and are over.
    async fn delete_runs(&self, begun_before: Timestamp, limit: usize) -> Result<u64, StoreError>;

    /// Links that are not active and were not changed since then; says of which accounts.
    async fn delete_inactive_links(
        &self,
        unchanged_since: Timestamp,
        limit: usize,
    ) -> Result<Vec<DiscordId>, StoreError>;
}

/// How refreshes of tokens go. Discord's answer to a refresh kills the old refresh token, so what is not known of one
/// is kept: its note stays until a pair is stored, or it is certain that Discord did nothing.
#[async_trait]
pub trait Refreshes: Send + Sync + 'static {
    /// Notes that Discord is asked for a new pair now, unless somebody asked for one less than [`REFRESH_TAKES`] ago and
    /// has not told what came of it: of many who begin at once, one does.
    async fn begin(&self, account: DiscordId, now: Timestamp) -> Result<Begun, StoreError>;

    /// Discord did nothing: the note is as it was before [`Self::begin`] answered `unknown_since`.
    async fn nothing_done(
        &self,
        account: DiscordId,
        unknown_since: Option<Timestamp>,
    ) -> Result<(), StoreError>;

    /// Stores the new pair and removes the note, if the user's active link still has the refresh token `instead_of` (as
    /// it is stored). `false`: it has not, and nothing was changed.
    async fn succeed(
        &self,
        account: DiscordId,
        user: &UserId,
        instead_of: &str,
        tokens: &SealedTokens,
    ) -> Result<bool, StoreError>;

    /// Removes the note, and notes that the user has to consent again, and why.
    async fn refuse(&self, account: DiscordId, reason: &str) -> Result<(), StoreError>;

    /// How many active links need a new consent, by reason; an empty reason where none was noted.
    async fn refused(&self) -> Result<Vec<(String, u64)>, StoreError>;
}

/// A refresh that began longer ago is over: it was done, or its process died. Much longer than a call may take.
pub const REFRESH_TAKES: Duration = Duration::from_secs(30);

/// Whether a refresh may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It is noted.
    Now {
        /// The first of earlier ones whose end is not known.
        unknown_since: Option<Timestamp>,
    },
    /// Another one is under way.
    UnderWay,
}

/// Reasons of [`Refreshes::refuse`]. Stored and shown: never change one.
pub mod consent {
    /// Discord does not accept the refresh token: the user took the consent back, or somebody else used the token.
    pub const REFUSED: &str = "refresh_refused";
    /// The same after a refresh whose answer was lost: Discord probably gave a new pair that never arrived.
    pub const LOST: &str = "refresh_answer_lost";
}

/// A task of go-falcon's scheduler that rolecall does in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchedulerTask {
    /// `system-discord-token-refresh`
    TokenRefresh,
    /// `system-discord-role-sync`
    RoleSync,
}

impl SchedulerTask {
    /// Its id (`_id` of its document), as go-falcon gives it.
    pub const fn id(self) -> &'static str {
        match self {
            Self::TokenRefresh => "system-discord-token-refresh",
            Self::RoleSync => "system-discord-role-sync",
        }
    }
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskEnd {
    /// The job or run that it was: the same one is counted once.
    pub id: uuid::Uuid,
    /// How long it took.
    pub took: Duration,
    /// What went wrong, in words.
    pub error: Option<String>,
}

/// Documents of go-falcon's scheduler (`scheduler_tasks`), where there are some. None is ever made, and none is switched
/// on or off.
#[async_trait]
pub trait SchedulerTasks: Send + Sync + 'static {
    /// A task has begun.
    async fn began(
        &self,
        task: SchedulerTask,
        at: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<(), StoreError>;
    /// It has ended.
    async fn ended(&self, task: SchedulerTask, end: &TaskEnd) -> Result<(), StoreError>;
}

/// Where there are no such documents, or they are not to be touched.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSchedulerTasks;

#[async_trait]
impl SchedulerTasks for NoSchedulerTasks {
    async fn began(&self, _: SchedulerTask, _: Timestamp, _: Option<Timestamp>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn ended(&self, _: SchedulerTask, _: &TaskEnd) -> Result<(), StoreError> {
        Ok(())
    }
}
