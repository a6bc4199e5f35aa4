//! A role mapping: members of this group get that role.

use serde::{Deserialize, Serialize};

use crate::conditions::Conditions;
use crate::ids::{GroupId, GuildId, MappingId, RoleId};
use crate::time::Timestamp;

/// Group → role, in one guild (`discord_role_mappings`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// Its id.
    pub id: MappingId,
    /// The guild.
    pub guild_id: GuildId,
    /// The group.
    pub group_id: GroupId,
    /// The group's name when the mapping was made, for people.
    pub group_name: String,
    /// The role.
    pub role_id: RoleId,
    /// The role's name when the mapping was made, for people.
    pub role_name: String,
    /// Higher counts more where mappings disagree.
    pub priority: i32,
    /// When it applies.
    #[serde(default)]
    pub conditions: Conditions,
    /// An inactive mapping neither gives nor takes.
    pub is_active: bool,
    /// Who added it (go-falcon: a character's id).
    #[serde(default)]
    pub created_by: Option<i64>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When a sync that looked at it last ended. No change of the mapping: `updated_at` and its tag stay.
    #[serde(default)]
    pub last_sync: Option<Timestamp>,
    /// How many such syncs there were.
    #[serde(default)]
    pub sync_count: u64,
}
