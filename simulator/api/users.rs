//! The caller itself: user, application, guilds.

use serde_json::{Value, json};

use super::{Answer, Caller, Reply, Request};
use crate::errors::{ApiError, MISSING_SCOPE, UNAUTHORIZED, UNKNOWN_GUILD, UNKNOWN_USER};
use crate::guild::Guild;
use crate::ids::Id;
use crate::json::{write_member, write_user};
use crate::world::World;

/// Application flag of a bot with the GUILD_MEMBERS intent in fewer than 100 guilds.
const GATEWAY_GUILD_MEMBERS_LIMITED: u64 = 1 << 15;

/// Most guilds on one page of the caller's guilds.
const GUILDS_MAX: u64 = 200;

pub(super) fn require_scope(caller: &Caller, scope: &str) -> Result<(), ApiError> {
    match caller {
        Caller::User { scopes, .. } if !scopes.iter().any(|granted| granted == scope) => Err(MISSING_SCOPE),
        _ => Ok(()),
    }
}

/// Id of the caller as a user.
fn user_id(caller: &Caller) -> Result<u64, ApiError> {
    match caller {
        Caller::Bot(id) => Ok(*id),
        Caller::User { user, .. } => Ok(*user),
        Caller::Nobody => Err(UNAUTHORIZED),
    }
}

pub(super) fn user_value(world: &World, id: u64) -> Option<Value> {
    let user = world.users.get(&id)?;
    Some(json!({
        "id": Id(id),
        "username": user.username(),
        "avatar": null,
        "discriminator": "0",
        "public_flags": 0,
        "flags": 0,
        "bot": user.bot,
        "banner": null,
        "accent_color": null,
        "global_name": if user.bot { None } else { Some(&user.name) },
        "primary_guild": null,
        "mfa_enabled": if user.bot { world.has_2fa(id) } else { false },
        "locale": "en-US",
        "premium_type": 0,
        "verified": true,
    }))
}

pub(super) fn current_user(world: &World, request: &Request<'_>) -> Answer {
    require_scope(request.caller, "identify")?;
    let value = user_value(world, user_id(request.caller)?).ok_or(UNAUTHORIZED)?;
    Ok(Reply::value(200, &value))
}

pub(super) fn get_user(world: &World, request: &Request<'_>) -> Answer {
    let id = request.params.user;
    let mut out = String::new();
    write_user(&mut out, id, world.users.get(&id).ok_or(UNKNOWN_USER)?);
    Ok(Reply::json(200, out))
}

/// Paged by `before` or `after`; `permissions` are those of the caller in the whole guild.
pub(super) fn current_user_guilds(world: &World, request: &Request<'_>) -> Answer {
    require_scope(request.caller, "guilds")?;
    let limit = request.number("limit", GUILDS_MAX, (1, GUILDS_MAX))? as usize;
    let after = request.number("after", 0, (0, u64::MAX))?;
    let before = request.number("before", u64::MAX, (0, u64::MAX))?;
    let with_counts = matches!(request.text("with_counts"), Some("true" | "True" | "1"));
    let id = user_id(request.caller)?;
    let mine = |guild: &&Guild| guild.members.contains_key(&id) && guild.id < before;
    let values = |guilds: &mut dyn Iterator<Item = &Guild>| -> Vec<Value> {
        guilds
            .map(|guild| partial_guild(guild, id, with_counts, request.unix_ms))
            .collect()
    };
    // With `before` alone the page is the one just before it.
    let page = if before < u64::MAX && after == 0 {
        let mut page = values(&mut world.guilds.values().rev().filter(mine).take(limit));
        page.reverse();
        page
    } else {
        let later = world
            .guilds
            .range(after.saturating_add(1)..)
            .map(|(_, guild)| guild);
        values(&mut later.filter(mine).take(limit))
    };
    Ok(Reply::value(200, &Value::Array(page)))
}

fn partial_guild(guild: &Guild, user: u64, with_counts: bool, unix_ms: u64) -> Value {
    let mut value = json!({
        "id": Id(guild.id),
        "name": guild.name,
        "icon": null,
        "banner": null,
        "owner": guild.owner_id == user,
        "permissions": guild.permissions(user, unix_ms).to_string(),
        "features": [],
    });
    if with_counts {
        value["approximate_member_count"] = guild.members.len().into();
        value["approximate_presence_count"] = 0.into();
    }
    value
}

pub(super) fn current_user_guild_member(world: &World, request: &Request<'_>) -> Answer {
    require_scope(request.caller, "guilds.members.read")?;
    let id = user_id(request.caller)?;
    let guild = world.guilds.get(&request.params.guild).ok_or(UNKNOWN_GUILD)?;
    // A guild that the user is not in does not exist for it.
    let member = guild.members.get(&id).ok_or(UNKNOWN_GUILD)?;
    let mut out = String::new();
    write_member(
        &mut out,
        guild,
        id,
        member,
        world.users.get(&id).ok_or(UNKNOWN_USER)?,
        request.now_ms,
    );
    Ok(Reply::json(200, out))
}

pub(super) fn application_value(world: &World, app: u64) -> Value {
    let name = world.users.get(&app).map_or("Application", |bot| &*bot.name);
    json!({
        "id": Id(app),
        "name": name,
        "icon": null,
        "description": "",
        "bot_public": true,
        "bot_require_code_grant": false,
        "verify_key": "0".repeat(64),
    })
}

pub(super) fn current_application(world: &World, request: &Request<'_>) -> Answer {
    let id = request.bot()?;
    let app = world.apps.get(&id).ok_or(UNAUTHORIZED)?;
    let mut value = application_value(world, id);
    value["flags"] = if app.members_intent {
        GATEWAY_GUILD_MEMBERS_LIMITED.into()
    } else {
        0.into()
    };
    value["approximate_guild_count"] = world.guilds_of(id).count().into();
    // Without a list every address is accepted, which no list can say.
    if !request.config.redirect_uris.is_empty() {
        value["redirect_uris"] = json!(request.config.redirect_uris);
    }
    value["event_webhooks_status"] = 1.into();
    Ok(Reply::value(200, &value))
}

/// Only what tells a client how large its global limit is.
pub(super) fn gateway_bot() -> Answer {
    Ok(Reply::value(
        200,
        &json!({
            "url": "wss://gateway.invalid",
            "shards": 1,
            "session_start_limit": {
                "total": 1000, "remaining": 1000, "reset_after": 86_400_000, "max_concurrency": 1,
            },
        }),
    ))
}
