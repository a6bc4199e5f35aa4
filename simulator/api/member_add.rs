//! Joining a user to a guild with the access token that the user granted.

use super::{Answer, Reply, Request, nickname, role_ids};
use crate::errors::{
    ApiError, BAD_ACCESS_TOKEN, GUILD_CAP, JOIN_BLOCKED, MISSING_PERMISSIONS, MISSING_SCOPE, UNKNOWN_ROLE,
    UNKNOWN_USER, UNVERIFIED_USER, USER_BANNED,
};
use crate::guild::{Guild, Member};
use crate::json::write_member;
use crate::permissions::{CREATE_INSTANT_INVITE, MANAGE_NICKNAMES, MANAGE_ROLES};
use crate::traffic::Effect;
use crate::world::{JoinTrouble, World};

const FIELDS: [&str; 6] = ["access_token", "nick", "roles", "mute", "deaf", "flags"];

/// 201 with the member, or 204 if it is there already, in which case nickname and roles are ignored.
pub(super) fn add(world: &mut World, request: &Request<'_>) -> Answer {
    let object = request.object(&FIELDS)?;
    let token = object.get("access_token").and_then(|token| token.as_str());
    let token = token
        .ok_or_else(|| ApiError::field("access_token", "BASE_TYPE_REQUIRED", "This field is required"))?;
    let mut roles = role_ids(&object)?.unwrap_or_default();
    let nick = nickname(&object)?.flatten();
    let (bot, user) = (request.bot()?, request.params.user);
    let has_2fa = world.has_2fa(bot);

    let guild = request.enter(&mut world.guilds)?;
    let mut wanted = CREATE_INSTANT_INVITE;
    if nick.is_some() {
        wanted |= MANAGE_NICKNAMES;
    }
    if !roles.is_empty() {
        wanted |= MANAGE_ROLES;
    }
    guild.require(bot, wanted, has_2fa, request.unix_ms)?;
    if let Err(error) = judge_roles(guild, bot, &roles) {
        if request.config.join_fails_with_bad_role {
            return Err(error);
        }
        roles.clear();
    }
    let present = guild.members.contains_key(&user);
    let guild_id = guild.id;
    judge_token(world, request, token)?;
    if present {
        return Ok(Reply::empty().with_effect(Effect::default()));
    }
    judge_user(world, request, guild_id)?;
    join(
        world,
        request,
        Member {
            roles: roles.into(),
            nick: nick.map(String::into_boxed_str),
            joined_unix_ms: request.unix_ms,
            flags: 0,
            pending: request.config.join_pending,
        },
    )
}

fn judge_roles(guild: &Guild, bot: u64, roles: &[u64]) -> Result<(), ApiError> {
    if roles
        .iter()
        .any(|role| *role == guild.id || !guild.roles.contains_key(role))
    {
        return Err(UNKNOWN_ROLE);
    }
    if roles.iter().all(|role| guild.may_grant(bot, *role)) {
        Ok(())
    } else {
        Err(MISSING_PERMISSIONS)
    }
}

/// The token must be this user's, for this bot's application, with scope `guilds.join`.
fn judge_token(world: &World, request: &Request<'_>, token: &str) -> Result<(), ApiError> {
    if !world.users.contains_key(&request.params.user) {
        return Err(UNKNOWN_USER);
    }
    let token = world
        .tokens
        .access(token, request.now_ms)
        .ok_or(BAD_ACCESS_TOKEN)?;
    if token.user != request.params.user || token.app != request.bot()? {
        return Err(BAD_ACCESS_TOKEN);
    }
    if token.scopes.iter().any(|scope| scope == "guilds.join") {
        Ok(())
    } else {
        Err(MISSING_SCOPE)
    }
}

fn judge_user(world: &World, request: &Request<'_>, guild: u64) -> Result<(), ApiError> {
    let id = request.params.user;
    if world
        .guilds
        .get(&guild)
        .is_some_and(|guild| guild.bans.contains(&id))
    {
        return Err(USER_BANNED);
    }
    match world.users.get(&id).map(|user| user.trouble) {
        Some(JoinTrouble::Unverified) => return Err(UNVERIFIED_USER),
        Some(JoinTrouble::Blocked) => return Err(JOIN_BLOCKED),
        _ => {}
    }
    if world.guilds_of(id).take(request.config.guild_cap).count() >= request.config.guild_cap {
        return Err(GUILD_CAP);
    }
    Ok(())
}

fn join(world: &mut World, request: &Request<'_>, member: Member) -> Answer {
    let (bot, id) = (request.bot()?, request.params.user);
    let World { guilds, users, .. } = world;
    let guild = request.enter(guilds)?;
    let roles = member.roles.to_vec();
    guild.members.insert(
        id,
        Member {
            roles: [].into(),
            ..member
        },
    );
    guild.set_roles(id, roles, request.change(bot));
    let user = users.get(&id).ok_or(UNKNOWN_USER)?;
    let mut out = String::new();
    if let Some(member) = guild.members.get(&id) {
        write_member(&mut out, guild, id, member, user, u64::MAX);
    }
    Ok(Reply::json(201, out).with_effect(Effect {
        changed: true,
        lost_updates: 0,
    }))
}
