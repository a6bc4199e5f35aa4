//! `GET /discord/guilds/{guild_id}`.

use axum::extract::{Path, State};
use axum::response::Response;

use super::view::{self, GuildView};
use crate::web::auth::right::{Allowed, ManageGuilds};
use crate::web::change;
use crate::web::http::problem::ApiError;
use crate::web::http::refused::{Missing, Refused};
use crate::web::state::Web;

/// One guild. Its `ETag` stands for what can be changed of it, for `If-Match`.
#[utoipa::path(get, path = "/discord/guilds/{guild_id}", tag = "Discord Guilds", operation_id = "getGuildConfig",
    params(("guild_id" = String, Path, description = "Discord's id", example = "123456789012345678")),
    responses(
        (status = 200, description = "The guild", body = GuildView, headers(("ETag" = String))),
        Refused, Missing,
    ))]
pub(crate) async fn get_guild(
    State(web): State<Web>,
    _: Allowed<ManageGuilds>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let guild = super::find(&web, super::id(&id)?).await?;
    let tag = view::tag(&guild);
    let body = view::view(&web, &guild).await?;
    Ok(change::answer(body, Some(&tag), None))
}
