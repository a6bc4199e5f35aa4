//! A run: one sync, and what became of it. Its numbers are derived from its jobs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::ids::{DiscordId, GuildId, RunId, UserId};
use crate::job::JobState;
use crate::time::Timestamp;

/// What a run covers. Stored in `sync_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// All enabled guilds.
    Full,
    /// One or some guilds.
    Guild,
    /// One or some users.
    User,
    /// One mapping's guild.
    Mapping,
}

impl RunKind {
    /// The written name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Guild => "guild",
            Self::User => "user",
            Self::Mapping => "mapping",
        }
    }

    /// The kind with this written name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Full, Self::Guild, Self::User, Self::Mapping]
            .into_iter()
            .find(|k| k.as_str() == name)
    }
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Its jobs are at work.
    Running,
    /// All went well.
    Completed,
    /// Some of it failed.
    Partial,
    /// All of it failed.
    Failed,
    /// The guard stopped its removals; the rest was done.
    Held,
}

impl RunState {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Running,
        Self::Completed,
        Self::Partial,
        Self::Failed,
        Self::Held,
    ];

    /// The written name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Held => "held",
        }
    }

    /// The state with this written name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }

    /// The word that go-falcon's callers know: only running, completed and failed.
    pub const fn legacy(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed | Self::Partial | Self::Held => "completed",
            Self::Failed => "failed",
        }
    }

    /// Nothing more will happen.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Running)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a run covers exactly. Empty lists mean "all".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Only these guilds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guilds: Vec<GuildId>,
    /// Only these users.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<UserId>,
    /// Only the guild of this mapping, and only its role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<crate::ids::MappingId>,
    /// Somebody who looked at the plan lets its removals pass the guard.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_removals: bool,
}

/// Names of the numbers that planning jobs report in their outcome.
pub mod counts {
    /// Members that were read.
    pub const MEMBERS: &str = "members";
    /// Members who joined since the reading before.
    pub const MEMBERS_JOINED: &str = "members_joined";
    /// Members who left since the reading before.
    pub const MEMBERS_LEFT: &str = "members_left";
    /// Linked members among them that were decided about.
    pub const LINKED: &str = "linked";
    /// Linked members who already had what they should.
    pub const UNCHANGED: &str = "unchanged";
    /// Roles planned to be given.
    pub const PLANNED_ADDS: &str = "planned_adds";
    /// Roles planned to be taken.
    pub const PLANNED_REMOVES: &str = "planned_removes";
    /// Linked accounts planned to be joined.
    pub const PLANNED_JOINS: &str = "planned_joins";
    /// Removals that the guard held back.
    pub const HELD: &str = "held";
    /// Guilds that were planned.
    pub const GUILDS: &str = "guilds";
    /// Words in the note about a mapped role that the bot cannot move.
    pub const CANNOT_BE_MOVED: &str = "cannot be moved";
    /// Changes that another run had begun, and whose end was waited for.
    pub const UNDER_WAY: &str = "under_way_elsewhere";
    /// Prefix of the reasons why something was left alone, such as `skipped.role_above_bot`.
    pub const SKIPPED: &str = "skipped.";
    /// Roles that the member of a plan had, where the plan is of one member.
    pub const ROLES: &str = "roles";
    /// Changes that a guild's cap left for the next sync.
    pub const CAPPED: &str = "skipped.capped";
}

/// One thing that went wrong, as the status shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// The user, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The account, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discord_id: Option<DiscordId>,
    /// The guild, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// In words.
    pub error: String,
    /// When.
    pub occurred_at: Timestamp,
}

/// What a run did: an aggregation over its jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResults {
    /// Linked members that were decided about.
    pub users_processed: u64,
    /// Of these, those without a failed job.
    pub users_succeeded: u64,
    /// Those with a failed job.
    pub users_failed: u64,
    /// Roles given.
    pub roles_added: u64,
    /// Roles taken.
    pub roles_removed: u64,
    /// Accounts joined to a guild.
    pub joined: u64,
    /// Linked members who already had what they should.
    pub unchanged: u64,
    /// Guilds that were planned.
    pub guilds_processed: u64,
    /// What was left alone, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Jobs by state.
    pub jobs: BTreeMap<String, u64>,
    /// Planned numbers (a dry run stops there).
    pub planned: BTreeMap<String, u64>,
    /// What went wrong, the first hundred.
    pub errors: Vec<RunError>,
    /// Why the guard held removals back, one sentence a guild.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<String>,
    /// What else people should know, such as changes that a guild's cap left for the next sync.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A stored run (`discord_sync_status`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its id: the `sync_id` of the legacy answers.
    pub id: RunId,
    /// What it covers.
    pub kind: RunKind,
    /// What it covers exactly.
    pub scope: Scope,
    /// Plans, and changes nothing.
    pub dry_run: bool,
    /// Where it is.
    pub state: RunState,
    /// Who asked, and why.
    pub cause: Cause,
    /// When it was accepted.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What it did, stored once when it ended; while it runs, ask its jobs.
    pub results: Option<RunResults>,
}

/// When the last sync that went well ended, of these, newest first: one that changed something or found nothing to
/// change, and could do all that was to be done.
pub fn last_success(runs: &[Run]) -> Option<Timestamp> {
    let well = |run: &&Run| !run.dry_run && run.state == RunState::Completed;
    runs.iter().find(well).and_then(|run| run.finished_at)
}

/// A line of a run's tally: so many of its jobs are alike in these respects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TallyLine {
    /// The jobs' kind.
    pub kind: String,
    /// Their state.
    pub state: JobState,
    /// The outcome's effect and reason, once completed.
    pub effect: Option<(crate::outcome::Effect, Option<String>)>,
    /// How many.
    pub jobs: u64,
    /// Roles given by them.
    pub granted: u64,
    /// Roles taken by them.
    pub revoked: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_names_are_the_ones_already_stored() {
        assert_eq!(
            RunState::ALL.map(RunState::as_str),
            ["running", "completed", "partial", "failed", "held"]
        );
        for name in ["full", "guild", "user", "mapping"] {
            assert_eq!(RunKind::from_name(name).map(RunKind::as_str), Some(name));
        }
    }
}
