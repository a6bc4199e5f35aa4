//! A guild as it is sent: the names of the original and those of its documentation. Never a token.

use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_core::guild::{GuildConfig, GuildSettings};
use rolecall_core::hierarchy::{RIGHTS, Right};
use serde::Serialize;
use utoipa::ToSchema;

use crate::web::http::etag;
use crate::web::state::Web;

/// A guild.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = DiscordGuildConfigResponse)]
pub(crate) struct GuildView {
    /// The record's id.
    #[schema(example = "64b000000000000000000001")]
    pub(crate) id: String,
    /// Discord's id.
    #[schema(example = "123456789012345678")]
    pub(crate) guild_id: String,
    /// Its name, for people.
    pub(crate) guild_name: String,
    /// Whether it is synced at all.
    pub(crate) is_enabled: bool,
    /// The same.
    pub(crate) enabled: bool,
    /// Always empty; the mappings have their own path.
    #[schema(value_type = Vec<Object>)]
    pub(crate) role_mappings: [(); 0],
    /// How it is synced.
    pub(crate) settings: SettingsView,
    /// The bot's own account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bot_user_id: Option<String>,
    /// The bot's permissions, as a bit set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bot_permissions: Option<String>,
    /// What they hold of what a bot should have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) permission_report: Vec<RightView>,
    /// Owner of the guild.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner_id: Option<String>,
    /// When it was last looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_health_check: Option<String>,
    /// `healthy`, `degraded` or `unhealthy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) health_status: Option<String>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<String>,
    /// The character that added it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_by: Option<i64>,
    /// When it was added.
    pub(crate) created_at: String,
    /// When it was last changed.
    pub(crate) updated_at: String,
    /// The sync that follows this change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sync_id: Option<String>,
    /// What works, but not wholly.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
}

/// A permission of the bot, as it was found when the guild was last looked at.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RightView {
    /// Discord's name of the bit.
    #[schema(example = "MANAGE_ROLES")]
    pub(crate) permission: &'static str,
    /// What Discord's pages call it.
    #[schema(example = "Manage Roles")]
    pub(crate) name: &'static str,
    /// Whether the bot has it.
    pub(crate) granted: bool,
    /// What does not work without it.
    #[schema(example = "giving and taking roles")]
    pub(crate) what_for: &'static str,
}

fn report(permissions: u64) -> Vec<RightView> {
    let one = |right: &Right| RightView {
        permission: right.permission,
        name: right.name,
        granted: right.is_in(permissions),
        what_for: right.what_for,
    };
    RIGHTS.iter().map(one).collect()
}

/// How a guild is synced.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SettingsView {
    auto_sync: bool,
    sync_interval: Option<String>,
    sync_on_join: bool,
    remove_roles_on_leave: bool,
    audit_channel_id: Option<String>,
    notification_channel_id: Option<String>,
    max_role_changes_per_sync: Option<u32>,
}

impl From<&GuildSettings> for SettingsView {
    fn from(s: &GuildSettings) -> Self {
        Self {
            auto_sync: s.auto_sync,
            sync_interval: s.sync_interval.map(span),
            sync_on_join: s.sync_on_join,
            remove_roles_on_leave: s.remove_roles_on_leave,
            audit_channel_id: s.audit_channel_id.map(|c| c.to_string()),
            notification_channel_id: s.notification_channel_id.map(|c| c.to_string()),
            max_role_changes_per_sync: s.max_role_changes_per_sync,
        }
    }
}

fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    if seconds > 0 && seconds.is_multiple_of(3_600) {
        format!("{}h", seconds / 3_600)
    } else if seconds > 0 && seconds.is_multiple_of(60) {
        format!("{}m", seconds / 60)
    } else {
        format!("{seconds}s")
    }
}

/// The guild as it is sent.
pub(crate) async fn view(
    web: &Web,
    guild: &GuildConfig,
) -> Result<GuildView, rolecall_core::error::StoreError> {
    let id = web.services.guilds.record_id(guild.guild_id).await?;
    Ok(of(guild, id.unwrap_or_else(|| guild.guild_id.to_string())))
}

/// Pure.
pub(crate) fn of(guild: &GuildConfig, id: String) -> GuildView {
    let health = guild.health.as_ref();
    GuildView {
        id,
        guild_id: guild.guild_id.to_string(),
        guild_name: guild.guild_name.clone(),
        is_enabled: guild.is_enabled,
        enabled: guild.is_enabled,
        role_mappings: [],
        settings: SettingsView::from(&guild.settings),
        bot_user_id: guild.bot_user_id.map(|b| b.to_string()),
        bot_permissions: health.and_then(|h| h.bot_permissions).map(|p| p.to_string()),
        permission_report: health
            .and_then(|h| h.bot_permissions)
            .map(report)
            .unwrap_or_default(),
        owner_id: health.and_then(|h| h.owner_id).map(|o| o.to_string()),
        last_health_check: health.map(|h| h.checked_at).map(Timestamp::to_rfc3339),
        health_status: health.map(|h| h.status.as_str().to_owned()),
        last_error: health.and_then(|h| h.last_error.clone()),
        created_by: guild.created_by,
        created_at: guild.created_at.to_rfc3339(),
        updated_at: guild.updated_at.to_rfc3339(),
        sync_id: None,
        warnings: Vec::new(),
    }
}

/// The tag of what somebody can change of a guild; what the system notes beside it plays no part.
pub(crate) fn tag(guild: &GuildConfig) -> String {
    let known = GuildConfig {
        health: None,
        bot_user_id: None,
        ..guild.clone()
    };
    etag::of(&serde_json::to_vec(&known).unwrap_or_default())
}
