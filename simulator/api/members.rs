//! Reading members, and throwing one out.

use super::{Answer, Reply, Request};
use crate::errors::{ApiError, MISSING_ACCESS, MISSING_PERMISSIONS, UNKNOWN_MEMBER, UNKNOWN_USER};
use crate::faults::FaultKind;
use crate::json::write_member;
use crate::permissions::KICK_MEMBERS;
use crate::traffic::Effect;
use crate::world::World;

/// Most members on one page.
const PAGE_MAX: u64 = 1_000;

/// Bytes that one member takes in a page, about; a guess that only saves growing the text.
const MEMBER_BYTES: usize = 560;

/// The error about a user who is no member: 10013 if there is no such user at all.
pub(super) fn absent(world_has_user: bool) -> ApiError {
    if world_has_user {
        UNKNOWN_MEMBER
    } else {
        UNKNOWN_USER
    }
}

pub(super) fn get(world: &mut World, request: &Request<'_>) -> Answer {
    let World { guilds, users, .. } = world;
    let guild = request.enter(guilds)?;
    let id = request.params.user;
    let user = users.get(&id).ok_or(UNKNOWN_USER)?;
    let mut out = String::with_capacity(MEMBER_BYTES);
    let member = guild.members.get(&id).ok_or(UNKNOWN_MEMBER)?;
    write_member(&mut out, guild, id, member, user, request.now_ms);
    guild.mark_read(request.bot()?, id, id);
    Ok(Reply::json(200, out))
}

/// A page in rising order of ids; the first one shorter than `limit` is the last.
pub(super) fn list(world: &mut World, request: &Request<'_>) -> Answer {
    let limit = request.number("limit", 1, (1, PAGE_MAX))? as usize;
    let after = request.number("after", 0, (0, u64::MAX))?;
    let bot = request.bot()?;
    let World {
        guilds, users, apps, ..
    } = world;
    let guild = request.enter(guilds)?;
    let intent = apps.get(&bot).is_some_and(|app| app.members_intent);
    if !intent || request.strikes.has(&FaultKind::IntentRevoked) {
        return Err(MISSING_ACCESS);
    }
    let mut out = String::with_capacity(limit.min(guild.members.len()) * MEMBER_BYTES + 2);
    out.push('[');
    let (mut first, mut last) = (u64::MAX, 0);
    for (id, member) in guild.members.range(after.saturating_add(1)..).take(limit) {
        let Some(user) = users.get(id) else { continue };
        if out.len() > 1 {
            out.push(',');
        }
        write_member(&mut out, guild, *id, member, user, request.now_ms);
        (first, last) = (first.min(*id), *id);
    }
    out.push(']');
    guild.mark_read(bot, first, last);
    Ok(Reply::json(200, out))
}

/// Members whose username or nickname begins with the query.
pub(super) fn search(world: &mut World, request: &Request<'_>) -> Answer {
    let limit = request.number("limit", 1, (1, PAGE_MAX))? as usize;
    let query = request.text("query").unwrap_or_default().to_lowercase();
    if query.is_empty() {
        return Err(ApiError::field(
            "query",
            "BASE_TYPE_REQUIRED",
            "This field is required",
        ));
    }
    let World { guilds, users, .. } = world;
    let guild = request.enter(guilds)?;
    let mut out = String::from("[");
    let mut found = Vec::new();
    for (id, member) in &guild.members {
        let Some(user) = users.get(id) else { continue };
        let nick = member.nick.as_deref().unwrap_or_default().to_lowercase();
        if !user.username().starts_with(&query) && !nick.starts_with(&query) {
            continue;
        }
        if out.len() > 1 {
            out.push(',');
        }
        write_member(&mut out, guild, *id, member, user, request.now_ms);
        found.push(*id);
        if found.len() == limit {
            break;
        }
    }
    out.push(']');
    let bot = request.bot()?;
    for id in found {
        guild.mark_read(bot, id, id);
    }
    Ok(Reply::json(200, out))
}

pub(super) fn kick(world: &mut World, request: &Request<'_>) -> Answer {
    let (bot, user) = (request.bot()?, request.params.user);
    let has_2fa = world.has_2fa(bot);
    let World { guilds, users, .. } = world;
    let guild = request.enter(guilds)?;
    if !guild.members.contains_key(&user) {
        return Err(absent(users.contains_key(&user)));
    }
    guild.require(bot, KICK_MEMBERS, has_2fa, request.unix_ms)?;
    if !guild.outranks(bot, user) {
        return Err(MISSING_PERMISSIONS);
    }
    let changed = !request.strikes.has(&FaultKind::Ignored) && guild.remove_member(user);
    Ok(Reply::empty().with_effect(Effect {
        changed,
        lost_updates: 0,
    }))
}
