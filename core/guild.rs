//! A guild: what rolecall is told about it, and what Discord says of it.

use serde::{Deserialize, Serialize};

use crate::ids::{DiscordId, GuildId, RoleId};
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
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
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
