//! A guild: what rolecall is told about it, and what Discord says of it.

use serde::{Deserialize, Serialize};

use std::collections::BTreeSet;
use std::time::Duration;

use crate::ids::{ChannelId, DiscordId, GuildId, RoleId, RunId};
use crate::time::Timestamp;

/// What an administrator configured. The bot's token is stored sealed and is not part of this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuildConfig {
    /// Discord's id.
    pub guild_id: GuildId,
    /// Its name, for people.
    pub guild_name: String,
    /// A disabled guild is never read or written.
    pub is_enabled: bool,
    /// The bot's own account, learnt when the token was checked.
    pub bot_user_id: Option<DiscordId>,
    /// How it is synced.
    #[serde(default)]
    pub settings: GuildSettings,
    /// What the last look at it found.
    #[serde(default)]
    pub health: Option<GuildHealth>,
    /// Who added it (go-falcon: a character's id).
    #[serde(default)]
    pub created_by: Option<i64>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A guild that was removed while the roles that it gave are still to be taken away: what that needs, and no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetiredGuild {
    /// Discord's id.
    pub guild_id: GuildId,
    /// Its name, for people.
    pub guild_name: String,
    /// The bot's own account, if it was known.
    pub bot_user_id: Option<DiscordId>,
    /// The bot's token, sealed for the place that it had in the guild's configuration.
    pub sealed_token: String,
    /// The roles that its active mappings named.
    pub roles: BTreeSet<RoleId>,
    /// The run that takes them.
    pub run_id: RunId,
    /// When its removal was asked for.
    pub retired_at: Timestamp,
}

/// How a guild is synced. The names are those of go-falcon's documents (`settings`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GuildSettings {
    /// Whether the schedule syncs it. Somebody who asks can sync it anyway.
    pub auto_sync: bool,
    /// Least time between two scheduled syncs of it; `None`: at every tick.
    pub sync_interval: Option<Duration>,
    /// Whether linked people are joined to it.
    pub sync_on_join: bool,
    /// Whether somebody whose link ends loses the mapped roles.
    pub remove_roles_on_leave: bool,
    /// Channel that is told of each run that changed something.
    pub audit_channel_id: Option<ChannelId>,
    /// Channel that is told when something needs a person.
    pub notification_channel_id: Option<ChannelId>,
    /// A sync changes no more roles than this; what is left over follows with the next one.
    pub max_role_changes_per_sync: Option<u32>,
}

impl Default for GuildSettings {
    /// Synced at every tick, people are joined, roles go with the link, no channel, no cap.
    fn default() -> Self {
        Self {
            auto_sync: true,
            sync_interval: None,
            sync_on_join: true,
            remove_roles_on_leave: true,
            audit_channel_id: None,
            notification_channel_id: None,
            max_role_changes_per_sync: None,
        }
    }
}

/// What a look at a guild found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuildHealth {
    /// How it is.
    pub status: HealthStatus,
    /// What is wrong, in words.
    pub last_error: Option<String>,
    /// When it was looked at.
    pub checked_at: Timestamp,
    /// The bot's permissions in the guild, as a bit set.
    pub bot_permissions: Option<u64>,
    /// The guild's owner.
    pub owner_id: Option<DiscordId>,
}

/// How a guild is: the later, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// Everything that a sync needs is there.
    Healthy,
    /// Some of it is missing: some roles cannot be moved, or nobody can be joined.
    Degraded,
    /// A sync is not possible.
    Unhealthy,
}

impl HealthStatus {
    /// The written name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }

    /// The status with this written name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Healthy, Self::Degraded, Self::Unhealthy]
            .into_iter()
            .find(|s| s.as_str() == name)
    }
}

/// A role, as Discord tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// Its place: higher is mightier. Not unique, not without gaps.
    pub position: i64,
    /// Owned by a bot, a booster program or an integration; nobody else can give it.
    pub managed: bool,
    /// Bit set, see [`crate::hierarchy::permission`].
    pub permissions: u64,
    /// What decides nothing.
    pub looks: RoleLooks,
}

/// How a role is shown at Discord.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoleLooks {
    /// RGB; 0: none.
    pub color: u32,
    /// Whether its members are listed apart.
    pub hoist: bool,
    /// Whether everybody may mention it.
    pub mentionable: bool,
}

/// A guild, as Discord tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuildInfo {
    /// Its id.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner_id: Option<DiscordId>,
    /// Its roles, `@everyone` included.
    pub roles: Vec<Role>,
}

/// A member of a guild: what a sync needs and nothing else, so that 100,000 of them fit in little memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The account.
    pub id: DiscordId,
    /// Bots are never touched.
    pub bot: bool,
    /// Its roles, without `@everyone`.
    pub roles: Vec<RoleId>,
    /// When it joined, by Discord's clock, if that was told.
    pub joined_at: Option<Timestamp>,
}

/// The account behind a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: DiscordId,
    /// Its name.
    pub username: String,
    /// Whether it is a bot.
    pub bot: bool,
}
