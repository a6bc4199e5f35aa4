//! A guild whose roles are taken away: one that was removed is worked on all the same.

use std::sync::Arc;

use rolecall_core::guild::{GuildConfig, GuildSettings, RetiredGuild};
use rolecall_core::{GuildId, Timestamp};

use super::guilds::{NOT_CONFIGURED, NotReady, ReadyGuild};
use super::services::Services;

impl Services {
    /// A guild as it is configured ([`Self::ready_guild`]); if it was removed, as was noted then. A removed guild has no
    /// mappings, so no role of it is named. One that was added anew goes by its new configuration.
    pub async fn leaving_guild(&self, id: GuildId, not_before: Timestamp) -> Result<ReadyGuild, NotReady> {
        match self.ready_guild(id, not_before).await {
            Err(NotReady::Skip(NOT_CONFIGURED)) => {}
            configured => return configured,
        }
        let retired = self.retired_guilds.get(id).await?;
        let retired = retired.ok_or(NotReady::Skip(NOT_CONFIGURED))?;
        let token = self.open_token(id, Some(retired.sealed_token.clone()))?;
        Ok(ReadyGuild {
            config: config(retired),
            token,
            rules: Arc::default(),
            role_names: Arc::default(),
        })
    }
}

/// It was asked for by name, so whether the guild was enabled plays no part.
fn config(retired: RetiredGuild) -> GuildConfig {
    GuildConfig {
        guild_id: retired.guild_id,
        guild_name: retired.guild_name,
        is_enabled: true,
        bot_user_id: retired.bot_user_id,
        settings: GuildSettings::default(),
        health: None,
        created_by: None,
        created_at: retired.retired_at,
        updated_at: retired.retired_at,
    }
}
