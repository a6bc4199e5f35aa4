//! Which jobs a query means, when what was pasted is known only to the stores.

use rolecall_core::error::StoreError;
use rolecall_core::ports::JobFilter;
use rolecall_core::query::Query;
use rolecall_core::{DiscordId, GuildId, RoleId};

use super::services::Services;

/// The filter of a query. A pasted id of Discord is a guild that is configured, a role that is mapped, or else an
/// account.
///
/// # Errors
/// If the store fails.
pub async fn filter(services: &Services, query: Query) -> Result<JobFilter, StoreError> {
    let mut filter = query.filter;
    let Some(id) = query.snowflake else {
        return Ok(filter);
    };
    let guild = GuildId::new(id);
    if let Some(guild) = guild
        && services.guilds.get(guild).await?.is_some()
    {
        filter.guild_id = Some(guild);
        return Ok(filter);
    }
    let role = RoleId::new(id);
    let mapped = services.mappings.list(None).await?;
    if mapped.iter().any(|m| Some(m.role_id) == role) {
        filter.role_id = role;
    } else {
        filter.discord_id = DiscordId::new(id);
    }
    Ok(filter)
}
