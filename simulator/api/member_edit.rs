//! Editing a member: the full set of roles, the nickname.

use serde_json::{Map, Value};

use super::members::absent;
use super::{Answer, Reply, Request, nickname, role_ids};
use crate::errors::{ApiError, MISSING_PERMISSIONS, UNKNOWN_MEMBER, UNKNOWN_ROLE, UNKNOWN_USER};
use crate::faults::FaultKind;
use crate::guild::Guild;
use crate::json::write_member;
use crate::permissions::{CHANGE_NICKNAME, MANAGE_NICKNAMES, MANAGE_ROLES};
use crate::traffic::Effect;
use crate::world::World;

/// Fields that Discord knows. Those besides `roles` and `nick` are accepted and have no effect.
const FIELDS: [&str; 7] = [
    "nick",
    "roles",
    "mute",
    "deaf",
    "channel_id",
    "communication_disabled_until",
    "flags",
];

/// What the body asks for. The outer `None` leaves the field alone.
struct Wish {
    roles: Option<Vec<u64>>,
    nick: Option<Option<String>>,
}

impl Wish {
    fn of(object: &Map<String, Value>) -> Result<Self, ApiError> {
        Ok(Self {
            roles: role_ids(object)?,
            nick: nickname(object)?,
        })
    }
}

pub(super) fn edit(world: &mut World, request: &Request<'_>) -> Answer {
    let wish = Wish::of(&request.object(&FIELDS)?)?;
    let (bot, id) = (request.bot()?, request.params.user);
    let has_2fa = world.has_2fa(bot);
    let World { guilds, users, .. } = world;
    let guild = request.enter(guilds)?;
    let old = guild.members.get(&id).map(|member| member.roles.to_vec());
    let old = old.ok_or_else(|| absent(users.contains_key(&id)))?;
    // All is judged before anything is done: a nickname out of reach loses the roles as well.
    if let Some(roles) = &wish.roles {
        judge_roles(guild, request, (bot, has_2fa), &old, roles)?;
    }
    if wish.nick.is_some() {
        guild.require(bot, MANAGE_NICKNAMES, has_2fa, request.unix_ms)?;
        if id != bot && !guild.outranks(bot, id) {
            return Err(MISSING_PERMISSIONS);
        }
    }
    let mut effect = Effect::default();
    if let Some(roles) = wish.roles {
        let taken: Vec<u64> = old.iter().copied().filter(|role| !roles.contains(role)).collect();
        let unseen = guild.unseen_gifts(bot, id, &taken);
        effect = request.set_roles(guild, id, roles, bot);
        if effect.changed {
            effect.lost_updates += unseen;
        }
    }
    if let Some(nick) = wish.nick {
        effect.changed |= set_nick(guild, request, id, nick);
    }
    // The answer shows the member, so its roles are no secret to the caller any more.
    guild.mark_read(bot, id, id);
    let user = users.get(&id).ok_or(UNKNOWN_USER)?;
    let member = guild.members.get(&id).ok_or(UNKNOWN_MEMBER)?;
    let mut out = String::new();
    // The answer is fresh even where reads lag behind.
    write_member(&mut out, guild, id, member, user, u64::MAX);
    Ok(Reply::json(200, out).with_effect(effect))
}

/// Discord looks at the difference: a managed role that stays is fine, one that is left out is refused.
fn judge_roles(
    guild: &Guild,
    request: &Request<'_>,
    (bot, has_2fa): (u64, bool),
    old: &[u64],
    new: &[u64],
) -> Result<(), ApiError> {
    let known = |role: &u64| *role != guild.id && guild.roles.contains_key(role);
    let all_known = new.iter().all(known);
    if request.config.existence_first && !all_known {
        return Err(UNKNOWN_ROLE);
    }
    guild.require(bot, MANAGE_ROLES, has_2fa, request.unix_ms)?;
    if !all_known {
        return Err(UNKNOWN_ROLE);
    }
    let given = new.iter().filter(|role| !old.contains(role));
    let taken = old.iter().filter(|role| !new.contains(role));
    if given.chain(taken).all(|role| guild.may_grant(bot, *role)) {
        Ok(())
    } else {
        Err(MISSING_PERMISSIONS)
    }
}

fn set_nick(guild: &mut Guild, request: &Request<'_>, id: u64, nick: Option<String>) -> bool {
    let Some(member) = guild.members.get_mut(&id) else {
        return false;
    };
    let nick = nick.map(String::into_boxed_str);
    if request.strikes.has(&FaultKind::Ignored) || member.nick == nick {
        return false;
    }
    member.nick = nick;
    true
}

/// The bot's own nickname.
pub(super) fn edit_self(world: &mut World, request: &Request<'_>) -> Answer {
    let nick = nickname(&request.object(&["nick", "avatar", "banner", "bio"])?)?;
    let bot = request.bot()?;
    let has_2fa = world.has_2fa(bot);
    let World { guilds, users, .. } = world;
    let guild = request.enter(guilds)?;
    if let Some(nick) = nick {
        guild.require(bot, CHANGE_NICKNAME, has_2fa, request.unix_ms)?;
        set_nick(guild, request, bot, nick);
    }
    let member = guild.members.get(&bot).ok_or(UNKNOWN_MEMBER)?;
    let mut out = String::new();
    write_member(
        &mut out,
        guild,
        bot,
        member,
        users.get(&bot).ok_or(UNKNOWN_USER)?,
        request.now_ms,
    );
    Ok(Reply::json(200, out))
}
