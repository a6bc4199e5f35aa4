//! Removes a guild with its mappings. If asked for, its mapped roles are taken from linked members first to last.
//!
//! What taking them needs (the bot's sealed token, the roles) outlives the guild in a record of its own. The order: the
//! run is stored, the record is stored, the guild is removed, the caller is answered. If the process dies before the
//! record is there, nothing happens; after it, the job removes the guild ([`crate::retire_roles`]).

use rolecall_core::error::StoreError;
use rolecall_core::guild::{GuildConfig, RetiredGuild};
use rolecall_core::retire::named_by;
use rolecall_core::{GuildId, RunId};
use rolecall_jobs::kernel::queue::Queue;
use rolecall_jobs::kernel::services::Services;
use uuid::Uuid;

use crate::follow_up::{Asked, FollowUp};
use crate::retire_roles::{Removed, RetireRoles};

/// Why a guild was not removed.
#[derive(Debug, thiserror::Error)]
pub enum NotRemoved {
    /// Somebody else removed it meanwhile.
    #[error("the guild was removed meanwhile")]
    Gone,
    /// No role can be taken without a token.
    #[error("no bot token is stored for this guild, so that no role can be taken from anybody")]
    NoToken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Removes it. With `remove_roles`, answers with the run that takes its roles, if it mapped any; also in a disabled
/// guild, because it was asked for by name.
///
/// # Errors
/// [`NotRemoved`].
pub async fn remove_guild(
    services: &Services,
    queue: &Queue,
    guild: &GuildConfig,
    remove_roles: bool,
    asked: Asked,
) -> Result<Option<RunId>, NotRemoved> {
    let id = guild.guild_id;
    let run = match remove_roles {
        true => retire(services, queue, guild, asked).await?,
        false => None,
    };
    let removed = services.guilds.remove(id).await?;
    services.cache.forget(id);
    // With a run it is no matter who removed it: this request, another one, or the run's own job.
    if removed || run.is_some() {
        Ok(run)
    } else {
        Err(NotRemoved::Gone)
    }
}

/// Stores the run, then the record.
async fn retire(
    services: &Services,
    queue: &Queue,
    guild: &GuildConfig,
    asked: Asked,
) -> Result<Option<RunId>, NotRemoved> {
    let id = guild.guild_id;
    let mut roles = named_by(&services.mappings.list(Some(id)).await?);
    // What an earlier removal could not take belongs to it.
    roles.extend(
        services
            .retired_guilds
            .get(id)
            .await?
            .into_iter()
            .flat_map(|r| r.roles),
    );
    if roles.is_empty() {
        return Ok(None);
    }
    let sealed_token = services.guilds.sealed_token(id).await?;
    let retired = RetiredGuild {
        guild_id: id,
        guild_name: guild.guild_name.clone(),
        bot_user_id: guild.bot_user_id,
        sealed_token: sealed_token
            .filter(|t| !t.is_empty())
            .ok_or(NotRemoved::NoToken)?,
        roles,
        run_id: RunId(Uuid::now_v7()),
        retired_at: services.clock.now(),
    };
    Ok(Some(store(services, queue, &retired, asked).await?))
}

/// Takes once more the roles of a guild that was removed, because not all could be taken. The run that does it.
///
/// # Errors
/// If the store fails.
pub async fn retire_again(
    services: &Services,
    queue: &Queue,
    retired: RetiredGuild,
    asked: Asked,
) -> Result<RunId, StoreError> {
    let retired = RetiredGuild {
        run_id: RunId(Uuid::now_v7()),
        retired_at: services.clock.now(),
        ..retired
    };
    store(services, queue, &retired, asked).await
}

/// A guild was added: what was left of an earlier removal of it is forgotten, because from now on its configuration
/// says what is taken.
pub async fn added_anew(services: &Services, id: GuildId) {
    let forgotten = async {
        match services.retired_guilds.get(id).await? {
            Some(left) => services.retired_guilds.forget(id, left.run_id).await,
            None => Ok(false),
        }
    };
    // The guild is stored by now. A record that stays is not used while there is a configuration.
    if let Err(error) = forgotten.await {
        tracing::warn!(%error, guild.id = %id, "discord_api: an earlier removal of guild {id} could not be forgotten");
    }
}

async fn store(
    services: &Services,
    queue: &Queue,
    retired: &RetiredGuild,
    asked: Asked,
) -> Result<RunId, StoreError> {
    let follow_up = FollowUp {
        guild: retired.guild_id,
        sync: None,
        retire: Some(RetireRoles {
            guild_id: retired.guild_id,
            roles: retired.roles.clone(),
            removed: Removed::Guild,
            asked_at: retired.retired_at,
        }),
    };
    let run = follow_up.store_as(retired.run_id, services, queue, asked).await?;
    services.retired_guilds.put(retired).await?;
    Ok(run)
}
