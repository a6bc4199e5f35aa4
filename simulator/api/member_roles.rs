//! Giving or taking one role.

use super::members::absent;
use super::{Answer, Reply, Request};
use crate::errors::{ApiError, MISSING_PERMISSIONS, UNKNOWN_ROLE};
use crate::guild::Guild;
use crate::permissions::MANAGE_ROLES;
use crate::world::World;

/// Gives (`given`) or takes the role of the path. Repeating it changes nothing and is answered the same.
pub(super) fn write(world: &mut World, request: &Request<'_>, given: bool) -> Answer {
    let (bot, user, role) = (request.bot()?, request.params.user, request.params.role);
    let has_2fa = world.has_2fa(bot);
    let World { guilds, users, .. } = world;
    let guild = request.enter(guilds)?;
    let exists = |guild: &Guild| -> Result<(), ApiError> {
        if !guild.members.contains_key(&user) {
            return Err(absent(users.contains_key(&user)));
        }
        // @everyone, whose id is the guild's, is no role that a member could get.
        if role == guild.id || !guild.roles.contains_key(&role) {
            return Err(UNKNOWN_ROLE);
        }
        Ok(())
    };
    if request.config.existence_first {
        exists(guild)?;
    }
    guild.require(bot, MANAGE_ROLES, has_2fa, request.unix_ms)?;
    exists(guild)?;
    if !guild.may_grant(bot, role) {
        return Err(MISSING_PERMISSIONS);
    }
    let mut roles = guild
        .members
        .get(&user)
        .map(|member| member.roles.to_vec())
        .unwrap_or_default();
    roles.retain(|held| *held != role);
    if given {
        roles.push(role);
        roles.sort_unstable();
    }
    let effect = request.set_roles(guild, user, roles, bot);
    Ok(Reply::empty().with_effect(effect))
}
