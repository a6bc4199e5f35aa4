//! `POST /discord/guilds/{guild_id}/role-mappings`.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use rolecall_core::audit::Act;
use rolecall_core::conditions::Conditions;
use rolecall_core::error::StoreError;
use rolecall_core::guild::GuildConfig;
use rolecall_core::mapping::Mapping;
use rolecall_core::{GroupId, MappingId, RoleId, Timestamp};

use super::input::{self, Input, MappingBody};
use super::view::{self, MappingView};
use crate::web::auth::right::ManageGuilds;
use crate::web::change::{self, Change, Changing};
use crate::web::http::body::Body;
use crate::web::http::problem::{ApiError, Detail};
use crate::web::http::refused::{Missing, Refused, RefusedWrite};
use crate::web::legacy::guilds;
use crate::web::look;
use crate::web::state::Web;

/// The frontend repeats a write that it takes for failed after a second; so long, the same again is the same.
const REPEAT_MS: i64 = 60_000;

/// Maps a group to a role. Discord is asked whether the guild has the role and the bot can give it. The same again
/// within a minute is the same answer, later a 409.
#[utoipa::path(post, path = "/discord/guilds/{guild_id}/role-mappings", tag = "Discord Role Mappings",
    operation_id = "createRoleMapping",
    params(("guild_id" = String, Path, description = "Discord's id", example = "123456789012345678")),
    request_body(content = MappingBody),
    responses(
        (status = 200, description = "Mapped; a sync follows", body = MappingView,
            headers(("ETag" = String), ("Location" = String, description = "The run of the sync"))),
        Refused, RefusedWrite, Missing,
    ))]
pub(crate) async fn create_mapping(
    Changing(change, _): Changing<ManageGuilds>,
    Path(id): Path<String>,
    Body(fields): Body,
) -> Result<Response, ApiError> {
    let id = guilds::id(&id)?;
    let input = input::read(fields, Conditions::default(), |input, fields| {
        if input.guild_id.is_some_and(|sent| sent != id) {
            fields.wrong("guild_id", "is not the guild of the path");
        }
        if input.group_id.is_none() {
            fields.require("group_id");
        }
        if input.role_id.is_none() {
            fields.require("discord_role_id");
        }
    })?;
    let guild = guilds::find(&change.web, id).await?;
    let act = create(change.clone(), guild, input);
    change.whole(act).await
}

async fn create(change: Change, guild: GuildConfig, input: Input) -> Result<Response, ApiError> {
    let services = &change.web.services;
    let (Some(group_id), Some(role_id)) = (input.group_id.clone(), input.role_id) else {
        return Err(ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR));
    };
    let now = services.clock.now();
    let stored = services.mappings.list(Some(guild.guild_id)).await?;
    if let Some(existing) = stored.into_iter().find(|m| m.group_id == group_id) {
        return exists(&change, &existing, &input, now).await;
    }
    let group_name = group(&change.web, &group_id).await?;
    let role_name = role(&change.web, &guild, role_id, input.role_name.as_deref()).await?;
    let mapping = Mapping {
        id: new_id(now, fastrand::u64(..)),
        guild_id: guild.guild_id,
        group_id,
        group_name,
        role_id,
        role_name,
        priority: input.priority.unwrap_or(0),
        conditions: input.conditions.clone(),
        is_active: input.is_active.unwrap_or(true),
        created_by: change.caller.character_id,
        created_at: now,
        updated_at: now,
        last_sync: None,
        sync_count: 0,
    };
    let act = Act::new("mapping.created", format!("mapping:{}", mapping.id)).after(&mapping);
    let added = change.audited(act, async {
        let sync = match guild.is_enabled && mapping.is_active {
            true => Some(change.sync_soon(guild.guild_id, Some(mapping.id.clone())).await?),
            false => None,
        };
        match services.mappings.add(mapping.clone()).await? {
            Ok(()) => Ok(sync),
            Err(existing) => Err(NotAdded::There(Box::new(existing))),
        }
    });
    let sync = match added.await {
        Ok(sync) => sync,
        Err(NotAdded::There(existing)) => return exists(&change, &existing, &input, now).await,
        Err(NotAdded::Failed(error)) => return Err(error),
    };
    services.cache.forget(guild.guild_id);
    let mut body = view::view(&change.web, &mapping).await?;
    body.sync_id = sync.map(|s| s.to_string());
    Ok(change::answer(body, Some(&view::tag(&mapping)), sync))
}

/// Why a mapping was not added.
enum NotAdded {
    /// Somebody else was faster.
    There(Box<Mapping>),
    Failed(ApiError),
}

impl From<ApiError> for NotAdded {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for NotAdded {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// The group is mapped in this guild: the same answer again if it is the repeat of what made it, else 409.
async fn exists(
    change: &Change,
    existing: &Mapping,
    input: &Input,
    now: Timestamp,
) -> Result<Response, ApiError> {
    let same = Some(existing.role_id) == input.role_id
        && existing.is_active == input.is_active.unwrap_or(true)
        && existing.priority == input.priority.unwrap_or(0)
        && existing.conditions == input.conditions;
    if same && now.millis_since(existing.created_at) < REPEAT_MS {
        let body = view::view(&change.web, existing).await?;
        return Ok(change::answer(body, Some(&view::tag(existing)), None));
    }
    let sentence = format!(
        "this guild already maps group {} to role {} (mapping {})",
        existing.group_id, existing.role_id, existing.id
    );
    Err(ApiError::new(StatusCode::CONFLICT, "mapping_exists", sentence)
        .with_hint("Change it with PUT /discord/role-mappings/{mapping_id}."))
}

/// The name of a group that the directory knows.
async fn group(web: &Web, id: &GroupId) -> Result<String, ApiError> {
    let groups = web.services.directory.groups().await?;
    if let Some(found) = groups.iter().find(|g| g.id == *id) {
        return Ok(found.name.clone());
    }
    // A name in the place of the id is what people send first.
    let sentence = match groups.iter().find(|g| g.name == id.0) {
        Some(named) => format!("expected a group's id: the group {id} has the id {}", named.id),
        None => format!("the directory knows no active group {id}"),
    };
    Err(ApiError::invalid(vec![Detail::at("/group_id", sentence)]))
}

/// The name of a role that the bot can give in this guild. A disabled guild is never read; what was sent counts then.
pub(crate) async fn role(
    web: &Web,
    guild: &GuildConfig,
    role: RoleId,
    sent: Option<&str>,
) -> Result<String, ApiError> {
    if !guild.is_enabled {
        return Ok(sent.unwrap_or_default().to_owned());
    }
    let token = look::stored_token(&web.services, guild.guild_id).await?;
    look::look(&web.services, guild.guild_id, &token)
        .await?
        .role(role)
}

/// 24 hex digits that begin with the time, as an `ObjectId` does.
fn new_id(now: Timestamp, random: u64) -> MappingId {
    let seconds = u32::try_from(now.0.div_euclid(1_000)).unwrap_or(u32::MAX);
    MappingId(format!("{seconds:08x}{random:016x}"))
}
