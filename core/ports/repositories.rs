//! What is stored beside jobs: guilds, mappings, links, runs.

use async_trait::async_trait;

use crate::account::{LinkedAccount, OAuthState, Profile, Taken};
use crate::audit::{AuditFilter, AuditRecord, Draft, Ends, Mark};
use crate::error::StoreError;
use crate::guild::{GuildConfig, GuildHealth, RetiredGuild};
use crate::ids::{DiscordId, GroupId, GuildId, MappingId, RoleId, RunId, UserId};
use crate::link::{ActiveLink, Link, SealedTokens};
use crate::mapping::Mapping;
use crate::run::{Run, RunResults, RunState};
use crate::time::Timestamp;

/// A guild that is to be stored.
#[derive(Clone)]
pub struct NewGuild {
    /// What is configured.
    pub config: GuildConfig,
    /// The bot's token, sealed. `None`: keep the stored one.
    pub sealed_token: Option<String>,
}

impl std::fmt::Debug for NewGuild {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewGuild")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Configured guilds (`discord_guild_configs`).
#[async_trait]
pub trait Guilds: Send + Sync + 'static {
    /// Stores, or changes the one with the same `guild_id` (its `created_at` stays). `true` if it was new.
    async fn put(&self, guild: NewGuild) -> Result<bool, StoreError>;
    /// One guild.
    async fn get(&self, id: GuildId) -> Result<Option<GuildConfig>, StoreError>;
    /// Its bot's token, sealed; a plain text in records of the original.
    async fn sealed_token(&self, id: GuildId) -> Result<Option<String>, StoreError>;
    /// All guilds, by name, then id.
    async fn list(&self) -> Result<Vec<GuildConfig>, StoreError>;
    /// Removes it together with its mappings. `false` if there was none.
    async fn remove(&self, id: GuildId) -> Result<bool, StoreError>;
    /// The record's id, 24 hex digits (`_id` of go-falcon's document).
    async fn record_id(&self, id: GuildId) -> Result<Option<String>, StoreError>;
    /// Notes what a look at it found; nothing else changes, `updated_at` neither.
    async fn set_health(&self, id: GuildId, health: &GuildHealth) -> Result<(), StoreError>;
}

/// Guilds that were removed while their roles are still to be taken away (`rolecall_retired_guilds`). None of them is a
/// configured guild: nothing syncs, lists or checks them.
#[async_trait]
pub trait RetiredGuilds: Send + Sync + 'static {
    /// Stores one in the place of the one with the same `guild_id`.
    async fn put(&self, guild: &RetiredGuild) -> Result<(), StoreError>;
    /// One.
    async fn get(&self, id: GuildId) -> Result<Option<RetiredGuild>, StoreError>;
    /// All, by id.
    async fn list(&self) -> Result<Vec<RetiredGuild>, StoreError>;
    /// Removes it, if it is (still) this run that takes its roles. `false` if there was none.
    async fn forget(&self, id: GuildId, run: RunId) -> Result<bool, StoreError>;
}

/// Role mappings (`discord_role_mappings`).
#[async_trait]
pub trait Mappings: Send + Sync + 'static {
    /// Stores a new one. `Err(existing)` inside if the guild already maps this group (one role a group and guild).
    async fn add(&self, mapping: Mapping) -> Result<Result<(), Mapping>, StoreError>;
    /// One mapping.
    async fn get(&self, id: &MappingId) -> Result<Option<Mapping>, StoreError>;
    /// Mappings of a guild, or of all, by guild, priority (high first), id.
    async fn list(&self, guild: Option<GuildId>) -> Result<Vec<Mapping>, StoreError>;
    /// The mapping of this guild, group and role, if any.
    async fn find(
        &self,
        guild: GuildId,
        group: &GroupId,
        role: RoleId,
    ) -> Result<Option<Mapping>, StoreError>;
    /// Changes the one with this id, if it is as old as `unless_changed_since` says (its `updated_at`; `None`: whatever it
    /// is). `Ok(false)`: there is none, or somebody changed it meanwhile.
    async fn update(
        &self,
        mapping: &Mapping,
        unless_changed_since: Option<Timestamp>,
    ) -> Result<bool, StoreError>;
    /// Notes that a sync of these mappings ended: `last_sync`, and one more in `sync_count`; nothing else changes.
    async fn note_sync(&self, ids: &[MappingId], at: Timestamp) -> Result<(), StoreError>;
    /// Removes it. `false` if there was none.
    async fn remove(&self, id: &MappingId) -> Result<bool, StoreError>;
}

/// Linked accounts (`discord_users`).
#[async_trait]
pub trait Links: Send + Sync + 'static {
    /// All accounts of a user.
    async fn of_user(&self, user: &UserId) -> Result<Vec<Link>, StoreError>;
    /// The link of an account.
    async fn of_account(&self, account: DiscordId) -> Result<Option<Link>, StoreError>;
    /// All active links, by account.
    async fn active(&self) -> Result<Vec<ActiveLink>, StoreError>;
    /// How many links are active.
    async fn count_active(&self) -> Result<u64, StoreError>;
    /// Stores a link, or changes the one of the same account; with tokens, these are stored, too.
    async fn put(&self, link: &Link, tokens: Option<SealedTokens>) -> Result<(), StoreError>;
    /// The same, unless another user has the account by an active link: `false` then, and nothing is stored. Of many users
    /// who claim an account at once, one gets it.
    async fn claim(&self, link: &Link, tokens: Option<SealedTokens>) -> Result<bool, StoreError>;
    /// The tokens of an account.
    async fn tokens(&self, account: DiscordId) -> Result<Option<SealedTokens>, StoreError>;
    /// Notes that the refresh token was refused: the user has to consent again. The link stays active.
    async fn mark_needs_consent(&self, account: DiscordId) -> Result<(), StoreError>;
    /// Active links with tokens that end before `before` and can be refreshed, those that end first first.
    async fn expiring(&self, before: Timestamp, limit: usize) -> Result<Vec<Link>, StoreError>;
}

/// Which linked accounts to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// Only active ones, or only others.
    pub is_active: Option<bool>,
    /// Only this account.
    pub discord_id: Option<DiscordId>,
    /// Only of this user.
    pub user_id: Option<UserId>,
    /// Only those that were in this guild when Discord told their guilds at the last login. Of accounts that were
    /// imported, or that did not grant `guilds`, nothing is known.
    pub guild_id: Option<GuildId>,
}

/// Linked accounts as people see them; the same records as [`Links`].
#[async_trait]
pub trait Accounts: Send + Sync + 'static {
    /// Accounts, newest link first (by `linked_at`, then account, both descending), from `skip` on; and how many there are
    /// in all.
    async fn list(
        &self,
        filter: &AccountFilter,
        skip: u64,
        limit: usize,
    ) -> Result<(Vec<LinkedAccount>, u64), StoreError>;
    /// Notes what Discord told of an account.
    async fn set_profile(&self, account: DiscordId, profile: &Profile) -> Result<(), StoreError>;
    /// Notes when an account was synced.
    async fn set_last_sync(&self, account: DiscordId, at: Timestamp) -> Result<(), StoreError>;
    /// The same of all active accounts, by one statement.
    async fn set_last_sync_of_all(&self, at: Timestamp) -> Result<(), StoreError>;
    /// Removes a link with everything that is known of the person. `false` if there was none.
    async fn remove(&self, account: DiscordId) -> Result<bool, StoreError>;
}

/// States of OAuth flows (`discord_oauth_states`).
#[async_trait]
pub trait OAuthStates: Send + Sync + 'static {
    /// Stores one.
    async fn put(&self, state: &OAuthState) -> Result<(), StoreError>;
    /// Uses up the one with this hash: of many who come with it, one gets it.
    async fn take(&self, hash: &str, now: Timestamp) -> Result<Taken, StoreError>;
    /// Removes those that ended before this time; says how many.
    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError>;
}

/// Who did what: a chain of records. Acts are recorded by `rolecall_jobs::kernel::audit`.
#[async_trait]
pub trait Audit: Send + Sync + 'static {
    /// Adds a record to the end of the chain, whoever else does the same at this moment, in whichever process; the
    /// record as it is stored. The same id again changes nothing, and answers with what is stored.
    async fn append(&self, draft: &Draft) -> Result<AuditRecord, StoreError>;
    /// Records, newest first (by `seq`), before the one with this `seq`.
    async fn list(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError>;
    /// Records after the one with this `seq`, oldest first. None that was pruned.
    async fn after(&self, seq: u64, limit: usize) -> Result<Vec<AuditRecord>, StoreError>;
    /// Where the chain begins and ends.
    async fn ends(&self) -> Result<Ends, StoreError>;
    /// Erases what is known of a person in records of this subject, with their salt; how many that were.
    /// [`crate::audit_chain`] demands a record of it.
    async fn erase(&self, subject: &str) -> Result<u64, StoreError>;
    /// The last of the oldest records that are all older than this; never the newest record of all. `None`: there is
    /// none to prune.
    async fn prunable(&self, before: Timestamp) -> Result<Option<Mark>, StoreError>;
    /// Makes the chain begin after this record, and deletes at most `limit` of those before; how many that were.
    async fn prune(&self, last: &Mark, limit: usize) -> Result<u64, StoreError>;
}

/// Which runs to list. Nothing said: all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only those that name this guild.
    pub guild: Option<GuildId>,
    /// Only those in this state.
    pub state: Option<RunState>,
}

impl RunFilter {
    /// Those that name this guild; `None`: all.
    pub const fn of_guild(guild: Option<GuildId>) -> Self {
        Self { guild, state: None }
    }
}

/// Runs (`discord_sync_status`).
#[async_trait]
pub trait Runs: Send + Sync + 'static {
    /// Stores a run; the same id again changes nothing.
    async fn insert(&self, run: &Run) -> Result<(), StoreError>;
    /// One run.
    async fn get(&self, id: RunId) -> Result<Option<Run>, StoreError>;
    /// Ends a running run. `false` if it was not running.
    async fn close(
        &self,
        id: RunId,
        state: RunState,
        results: &RunResults,
        at: Timestamp,
    ) -> Result<bool, StoreError>;
    /// Runs it again from its end: running, without results. `false` if it was not over.
    async fn reopen(&self, id: RunId) -> Result<bool, StoreError>;
    /// Runs, newest first (by `started_at`, then id, both descending), after the given one.
    async fn list(
        &self,
        filter: RunFilter,
        after: Option<(Timestamp, RunId)>,
        limit: usize,
    ) -> Result<Vec<Run>, StoreError>;
    /// Those that are running.
    async fn running(&self) -> Result<Vec<Run>, StoreError>;
    /// How many there are.
    async fn count(&self, guild: Option<GuildId>) -> Result<u64, StoreError>;
}

/// The store itself.
#[async_trait]
pub trait StoreHealth: Send + Sync + 'static {
    /// Whether it answers.
    async fn ping(&self) -> Result<(), StoreError>;
    /// Whether it takes writes: reading needs neither room on a disk nor the right to write. Changes nothing.
    async fn try_writing(&self) -> Result<(), StoreError>;
    /// Makes what it needs (tables, indexes). Safe to repeat. Answers with sentences about what could not be made
    /// because of what is already stored, such as duplicates.
    async fn prepare(&self) -> Result<Vec<String>, StoreError>;
    /// What it is, for people and `doctor`, one fact a line: kind, version, replica set, file.
    async fn describe(&self) -> Result<Vec<(String, String)>, StoreError>;
}
