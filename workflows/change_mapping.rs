//! Changes or removes a mapping, with what follows: a sync of its guild, and the role that nothing gives any more is
//! taken away.

use rolecall_core::error::StoreError;
use rolecall_core::mapping::Mapping;
use rolecall_core::retire::{named_by, retired_by};
use rolecall_core::{RoleId, RunId};
use rolecall_jobs::kernel::queue::Queue;
use rolecall_jobs::kernel::services::Services;

use crate::follow_up::{Asked, FollowUp};
use crate::retire_roles::{Removed, RetireRoles};

/// What becomes of those who have the role that the mapping named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The mapping still names its role, or never gave it: nothing new.
    AsBefore,
    /// Linked members lose it.
    Taken(RoleId),
    /// Another active mapping names it: the sync decides.
    Shared(RoleId),
    /// The guild is disabled, and so not touched: they keep it.
    Kept(RoleId),
}

/// A change that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// The run that follows it.
    pub run: Option<RunId>,
    /// What becomes of the role.
    pub fate: Fate,
}

/// Why a mapping was not changed.
#[derive(Debug, thiserror::Error)]
pub enum Unchanged {
    /// Somebody removed or changed it meanwhile.
    #[error("somebody else changed this mapping meanwhile")]
    Outdated,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes `after` in the place of `before`. `sync`: whether a sync follows even if no role is retired.
///
/// # Errors
/// [`Unchanged`].
pub async fn update_mapping(
    services: &Services,
    queue: &Queue,
    before: &Mapping,
    after: &Mapping,
    sync: bool,
    asked: Asked,
) -> Result<Followed, Unchanged> {
    let followed = follow(services, queue, before, Some(after), sync, asked).await?;
    let written = services.mappings.update(after, Some(before.updated_at)).await?;
    services.cache.forget(before.guild_id);
    if written {
        Ok(followed)
    } else {
        Err(Unchanged::Outdated)
    }
}

/// Removes it.
///
/// # Errors
/// [`Unchanged`].
pub async fn remove_mapping(
    services: &Services,
    queue: &Queue,
    before: &Mapping,
    sync: bool,
    asked: Asked,
) -> Result<Followed, Unchanged> {
    let followed = follow(services, queue, before, None, sync, asked).await?;
    let removed = services.mappings.remove(&before.id).await?;
    services.cache.forget(before.guild_id);
    if removed {
        Ok(followed)
    } else {
        Err(Unchanged::Outdated)
    }
}

/// Stores what follows.
async fn follow(
    services: &Services,
    queue: &Queue,
    before: &Mapping,
    after: Option<&Mapping>,
    sync: bool,
    asked: Asked,
) -> Result<Followed, StoreError> {
    let guild = services.guilds.get(before.guild_id).await?;
    let is_enabled = guild.is_some_and(|g| g.is_enabled);
    let retired = retired_by(before, after);
    let fate = match retired {
        None => Fate::AsBefore,
        Some(role) if !is_enabled => Fate::Kept(role),
        Some(role) => {
            let mut others = services.mappings.list(Some(before.guild_id)).await?;
            others.retain(|m| m.id != before.id);
            match named_by(&others).contains(&role) {
                true => Fate::Shared(role),
                false => Fate::Taken(role),
            }
        }
    };
    if !is_enabled || (retired.is_none() && !sync) {
        return Ok(Followed { run: None, fate });
    }
    // Stored whatever other mappings say now: they may end while it waits.
    let retire = retired.map(|role| RetireRoles {
        guild_id: before.guild_id,
        roles: [role].into(),
        removed: Removed::Mapping(Box::new(before.clone())),
        asked_at: services.clock.now(),
    });
    let follow_up = FollowUp {
        guild: before.guild_id,
        sync: Some(None),
        retire,
    };
    let run = Some(follow_up.store(services, queue, asked).await?);
    Ok(Followed { run, fate })
}

impl Fate {
    /// In words; `None` where there is nothing to say.
    pub fn told(self, role_name: &str) -> Option<String> {
        let role = |id: RoleId| match role_name {
            "" => format!("role {id}"),
            name => format!("role {name} ({id})"),
        };
        match self {
            Self::AsBefore => None,
            Self::Taken(id) => Some(format!("linked members who have {} lose it", role(id))),
            Self::Shared(id) => Some(format!(
                "{} is named by another active mapping: who is in its group keeps it",
                role(id)
            )),
            Self::Kept(id) => Some(format!(
                "the guild is disabled, so who has {} keeps it, also when the guild is enabled again",
                role(id)
            )),
        }
    }
}
