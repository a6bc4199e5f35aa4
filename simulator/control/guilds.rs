//! Control calls about guilds.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, NO_BOT, NO_GUILD, NO_MEMBER, NO_ROLE, when};
use crate::Simulator;
use crate::building::{BotIn, NewGuild, NewRole};
use crate::guild::Guild;
use crate::ids::{self, Id};

/// Members answered when no limit is asked for: all.
const ALL: usize = usize::MAX;

fn summary(guild: &Guild) -> Value {
    json!({
        "id": Id(guild.id),
        "name": guild.name,
        "owner_id": Id(guild.owner_id),
        "mfa_level": guild.mfa_level,
        "channel_id": Id(guild.channel_id),
        "member_count": guild.members.len(),
        "role_count": guild.roles.len(),
    })
}

pub(super) async fn list(State(simulator): State<Simulator>) -> Json<Value> {
    Json(simulator.with(|state| state.world.guilds.values().map(summary).collect()))
}

pub(super) async fn add(State(simulator): State<Simulator>, Json(new): Json<NewGuild>) -> Answer {
    let id = simulator.add_guild(new);
    show(State(simulator), Path(id)).await
}

/// A guild with its roles, highest first.
pub(super) async fn show(State(simulator): State<Simulator>, Path(guild): Path<u64>) -> Answer {
    let value = simulator.with_guild(guild, |guild| {
        let mut ids: Vec<u64> = guild.roles.keys().copied().collect();
        ids.sort_by_key(|id| std::cmp::Reverse(guild.rank(*id)));
        let role = |id: &u64| {
            let role = guild.roles.get(id)?;
            Some(json!({
                "id": Id(*id),
                "name": role.name,
                "position": role.position,
                "permissions": role.permissions.to_string(),
                "managed": role.managed,
                "bot_id": role.bot_id.map(Id),
                "member_count": guild.members.values().filter(|member| member.roles.contains(id)).count(),
            }))
        };
        let roles: Vec<Value> = ids.iter().filter_map(role).collect();
        let mut value = summary(guild);
        value["roles"] = roles.into();
        value
    });
    value.map(Json).ok_or(NO_GUILD)
}

#[derive(Deserialize)]
pub(super) struct GuildSettings {
    mfa_level: u8,
}

pub(super) async fn change(
    State(simulator): State<Simulator>,
    Path(guild): Path<u64>,
    Json(settings): Json<GuildSettings>,
) -> Answer {
    simulator.set_mfa_level(guild, settings.mfa_level);
    when(exists(&simulator, guild), NO_GUILD)
}

fn exists(simulator: &Simulator, guild: u64) -> bool {
    simulator.with_guild(guild, |_| ()).is_some()
}

#[derive(Deserialize)]
pub(super) struct Search {
    /// Part of a name or of an id.
    #[serde(default)]
    search: String,
    limit: Option<usize>,
}

/// All members with their roles, in rising order of ids; bots are among them.
pub(super) async fn members(
    State(simulator): State<Simulator>,
    Path(guild): Path<u64>,
    Query(search): Query<Search>,
) -> Answer {
    let part = search.search.to_lowercase();
    simulator.with(|state| {
        let guild = state.world.guilds.get(&guild).ok_or(NO_GUILD)?;
        let named = guild.members.iter().filter_map(|(id, member)| {
            let user = state.world.users.get(id)?;
            let meant =
                part.is_empty() || user.name.to_lowercase().contains(&part) || id.to_string().contains(&part);
            meant.then(|| {
                json!({
                    "user_id": Id(*id),
                    "name": user.name,
                    "nick": member.nick,
                    "bot": user.bot,
                    "roles": ids::texts(&member.roles),
                })
            })
        });
        Ok(Json(named.take(search.limit.unwrap_or(ALL)).collect()))
    })
}

#[derive(Deserialize)]
pub(super) struct NewMember {
    /// A fresh user called `name` unless given.
    #[serde(default, with = "ids::option")]
    user_id: Option<u64>,
    name: Option<String>,
    #[serde(default)]
    roles: Vec<Id>,
}

#[derive(Deserialize)]
pub(super) struct NewMembers {
    #[serde(default)]
    members: Vec<NewMember>,
    /// This many more fresh members.
    #[serde(default)]
    count: usize,
    /// The roles of each of those.
    #[serde(default)]
    roles: Vec<Id>,
}

fn plain(ids: &[Id]) -> Vec<u64> {
    ids.iter().map(|id| id.0).collect()
}

pub(super) async fn add_members(
    State(simulator): State<Simulator>,
    Path(guild): Path<u64>,
    Json(new): Json<NewMembers>,
) -> Answer {
    if !exists(&simulator, guild) {
        return Err(NO_GUILD);
    }
    let mut members: Vec<(u64, Vec<u64>)> = Vec::with_capacity(new.members.len() + new.count);
    for member in &new.members {
        let name = member.name.as_deref();
        let id = match member.user_id {
            Some(id) => {
                if let Some(name) = name {
                    simulator.with(|state| state.world.name_user(id, name));
                }
                id
            }
            None => simulator.add_user(name.unwrap_or("member")),
        };
        members.push((id, plain(&member.roles)));
    }
    let crowd_roles = plain(&new.roles);
    members.extend(
        simulator
            .add_users("member", new.count)
            .into_iter()
            .map(|id| (id, crowd_roles.clone())),
    );
    let ids: Vec<u64> = members.iter().map(|member| member.0).collect();
    let added = simulator.add_members(guild, members);
    Ok(Json(json!({ "added": added, "user_ids": ids::texts(&ids) })))
}

#[derive(Deserialize)]
pub(super) struct Roles {
    roles: Vec<Id>,
}

/// A foreign edit: the roles of a member, by hand.
pub(super) async fn set_roles(
    State(simulator): State<Simulator>,
    Path((guild, user)): Path<(u64, u64)>,
    Json(wanted): Json<Roles>,
) -> Answer {
    if !exists(&simulator, guild) {
        return Err(NO_GUILD);
    }
    simulator.set_member_roles(guild, user, &plain(&wanted.roles));
    let roles = simulator.member_roles(guild, user).ok_or(NO_MEMBER)?;
    Ok(Json(json!({ "user_id": Id(user), "roles": ids::texts(&roles) })))
}

pub(super) async fn remove_member(
    State(simulator): State<Simulator>,
    Path((guild, user)): Path<(u64, u64)>,
) -> Answer {
    when(simulator.remove_member(guild, user), NO_MEMBER)
}

pub(super) async fn ban(State(simulator): State<Simulator>, Path((guild, user)): Path<(u64, u64)>) -> Answer {
    simulator.ban(guild, user);
    when(exists(&simulator, guild), NO_GUILD)
}

pub(super) async fn unban(
    State(simulator): State<Simulator>,
    Path((guild, user)): Path<(u64, u64)>,
) -> Answer {
    simulator.unban(guild, user);
    when(exists(&simulator, guild), NO_GUILD)
}

pub(super) async fn add_bot(
    State(simulator): State<Simulator>,
    Path(guild): Path<u64>,
    Json(bot): Json<BotIn>,
) -> Answer {
    let id = simulator.add_bot_to(guild, &bot).ok_or(NO_GUILD)?;
    Ok(Json(json!({ "id": Id(id) })))
}

pub(super) async fn kick_bot(
    State(simulator): State<Simulator>,
    Path((guild, bot)): Path<(u64, u64)>,
) -> Answer {
    when(simulator.kick_bot(guild, bot), NO_BOT)
}

pub(super) async fn add_role(
    State(simulator): State<Simulator>,
    Path(guild): Path<u64>,
    Json(role): Json<NewRole>,
) -> Answer {
    let id = simulator.add_role(guild, role).ok_or(NO_GUILD)?;
    Ok(Json(json!({ "id": Id(id) })))
}

#[derive(Deserialize)]
pub(super) struct Place {
    position: i64,
}

pub(super) async fn move_role(
    State(simulator): State<Simulator>,
    Path((guild, role)): Path<(u64, u64)>,
    Json(place): Json<Place>,
) -> Answer {
    when(simulator.move_role(guild, role, place.position), NO_ROLE)
}

pub(super) async fn delete_role(
    State(simulator): State<Simulator>,
    Path((guild, role)): Path<(u64, u64)>,
) -> Answer {
    when(simulator.delete_role(guild, role), NO_ROLE)
}

pub(super) async fn touched_roles(State(simulator): State<Simulator>, Path(guild): Path<u64>) -> Json<Value> {
    let roles: Vec<u64> = simulator.touched_roles(guild).into_iter().collect();
    Json(json!(ids::texts(&roles)))
}
