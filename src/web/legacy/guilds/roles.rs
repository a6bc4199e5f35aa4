//! `GET /discord/guilds/{guild_id}/roles`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use rolecall_core::GuildId;
use rolecall_core::guild::{GuildInfo, Role};
use serde::Serialize;
use utoipa::ToSchema;

use crate::web::auth::right::{Allowed, ManageGuilds};
use crate::web::http::problem::{ApiError, Problem};
use crate::web::http::refused::{Missing, Refused};
use crate::web::look;
use crate::web::state::Web;

/// Roles of a guild.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DiscordGuildRolesResponse)]
pub(crate) struct RolesResponse {
    #[schema(example = "123456789012345678")]
    guild_id: String,
    /// All roles, `@everyone` and managed ones included, the highest first.
    roles: Vec<RoleView>,
}

/// A role.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DiscordRoleResponse)]
pub(crate) struct RoleView {
    #[schema(example = "987654321098765432")]
    id: String,
    #[schema(example = "Pilot")]
    name: String,
    /// As `0xRRGGBB`, in decimal; 0: none.
    #[schema(example = 3_447_003)]
    color: u32,
    /// Its members are shown apart from the others.
    hoist: bool,
    /// Its place: higher is mightier.
    position: i64,
    /// Bit set.
    #[schema(example = "0")]
    permissions: String,
    /// Owned by a bot or an integration: nobody can give it.
    managed: bool,
    /// Everybody may mention it.
    mentionable: bool,
}

impl From<&Role> for RoleView {
    fn from(role: &Role) -> Self {
        Self {
            id: role.id.to_string(),
            name: role.name.clone(),
            color: role.looks.color,
            hoist: role.looks.hoist,
            position: role.position,
            permissions: role.permissions.to_string(),
            managed: role.managed,
            mentionable: role.looks.mentionable,
        }
    }
}

/// Roles of a guild, as Discord told them within the last minutes.
#[utoipa::path(get, path = "/discord/guilds/{guild_id}/roles", tag = "Discord Guilds", operation_id = "getGuildRoles",
    params(("guild_id" = String, Path, description = "Discord's id", example = "123456789012345678")),
    responses(
        (status = 200, description = "The roles", body = RolesResponse),
        (status = 409, description = "No bot token is stored, or it cannot be opened", body = Problem,
            content_type = "application/problem+json"),
        (status = 502, description = "Discord refused", body = Problem, content_type = "application/problem+json"),
        Refused, Missing,
    ))]
pub(crate) async fn guild_roles(
    State(web): State<Web>,
    _: Allowed<ManageGuilds>,
    Path(id): Path<String>,
) -> Result<Json<RolesResponse>, ApiError> {
    let id = super::id(&id)?;
    super::find(&web, id).await?;
    let info = info(&web, id).await?;
    let mut roles: Vec<&Role> = info.roles.iter().collect();
    roles.sort_by(|a, b| rolecall_core::hierarchy::compare(b, a));
    Ok(Json(RolesResponse {
        guild_id: id.to_string(),
        roles: roles.into_iter().map(RoleView::from).collect(),
    }))
}

/// From the cache, or from Discord.
pub(super) async fn info(web: &Web, id: GuildId) -> Result<Arc<GuildInfo>, ApiError> {
    match web.services.cache.recent_info(id, web.services.clock.now()) {
        Some(info) => Ok(info),
        None => read_info(web, id).await,
    }
}

/// From Discord.
pub(super) async fn read_info(web: &Web, id: GuildId) -> Result<Arc<GuildInfo>, ApiError> {
    let services = &web.services;
    let token = look::stored_token(services, id).await?;
    let info = services.discord.guild(&token, id, &look::options()).await;
    let info = Arc::new(info.map_err(look::refused)?);
    services
        .cache
        .keep_info(id, services.clock.now(), Arc::clone(&info));
    Ok(info)
}
