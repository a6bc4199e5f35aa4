//! Which jobs a query means, when what was pasted is known only to the stores.

use rolecall_core::error::StoreError;
use rolecall_core::ports::JobFilter;
use rolecall_core::query::{Pasted, Query};
use rolecall_core::{DiscordId, GuildId, RoleId};

use super::services::Services;

/// Why a query finds nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unfound {
    /// What was pasted does not go with the other words.
    #[error("{0}")]
    Wrong(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The filter of a query. A pasted id of Discord is a guild that is configured or had a job, a role that is mapped or had
/// one, or else an account.
///
/// # Errors
/// See [`Unfound`].
pub async fn filter(services: &Services, query: Query) -> Result<JobFilter, Unfound> {
    let Some(id) = query.snowflake else {
        return Ok(query.filter);
    };
    query.with(pasted(services, id).await?).map_err(Unfound::Wrong)
}

async fn pasted(services: &Services, id: u64) -> Result<Pasted, Unfound> {
    let ids = (GuildId::new(id), RoleId::new(id), DiscordId::new(id));
    let (Some(guild), Some(role), Some(account)) = ids else {
        return Err(Unfound::Wrong(format!("{id} is no id of Discord")));
    };
    let guilds = JobFilter {
        guild_id: Some(guild),
        ..JobFilter::default()
    };
    let roles = JobFilter {
        role_id: Some(role),
        ..JobFilter::default()
    };
    let is_guild = services.guilds.get(guild).await?.is_some() || had_a_job(services, &guilds).await?;
    if is_guild {
        return Ok(Pasted::Guild(guild));
    }
    let mapped = services.mappings.list(None).await?;
    let is_role = mapped.iter().any(|m| m.role_id == role) || had_a_job(services, &roles).await?;
    Ok(if is_role {
        Pasted::Role(role)
    } else {
        Pasted::Account(account)
    })
}

async fn had_a_job(services: &Services, filter: &JobFilter) -> Result<bool, StoreError> {
    Ok(!services.ledger.list(filter, None, 1).await?.is_empty())
}
