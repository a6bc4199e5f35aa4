//! `GET /discord/guilds/{guild_id}/role-mappings`.

use axum::Json;
use axum::extract::{Path, State};

use super::list::{MappingPage, Wanted, page};
use crate::web::auth::right::{Allowed, ManageGuilds};
use crate::web::http::problem::ApiError;
use crate::web::http::query::Params;
use crate::web::http::refused::{Missing, Refused};
use crate::web::legacy::guilds;
use crate::web::state::Web;

/// Mappings of a guild.
#[utoipa::path(get, path = "/discord/guilds/{guild_id}/role-mappings", tag = "Discord Role Mappings",
    operation_id = "listRoleMappings",
    params(
        ("guild_id" = String, Path, description = "Discord's id", example = "123456789012345678"),
        ("group_id" = Option<String>, Query, description = "Only of this group"),
        ("is_active" = Option<bool>, Query, description = "Only active ones, or only others"),
        ("enabled" = Option<bool>, Query, description = "The same"),
        ("page" = Option<u32>, Query, description = "From 1"),
        ("limit" = Option<u32>, Query, description = "1 to 100; default 20"),
    ),
    responses((status = 200, description = "A page", body = MappingPage), Refused, Missing))]
pub(crate) async fn list_mappings(
    State(web): State<Web>,
    _: Allowed<ManageGuilds>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<MappingPage>, ApiError> {
    let id = guilds::id(&id)?;
    let wanted = Wanted::read(&mut params);
    params.finish()?;
    let guild = guilds::find(&web, id).await?;
    let mut out = page(&web, Some(id), wanted).await?;
    out.guild_id = Some(id.to_string());
    out.guild_name = Some(guild.guild_name);
    Ok(Json(out))
}
