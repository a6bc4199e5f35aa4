//! `DELETE /discord/guilds/{guild_id}`.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use rolecall_core::guild::GuildConfig;

use super::view;
use crate::web::auth::right::{Allowed, ManageGuilds};
use crate::web::change::{self, Change, Done};
use crate::web::http::etag;
use crate::web::http::page::flag;
use crate::web::http::problem::ApiError;
use crate::web::http::query::Params;
use crate::web::http::refused::{Changed, Missing, Refused};
use crate::web::http::trace::RequestNames;
use crate::web::removal;
use crate::web::state::Web;

/// Removes a guild together with its mappings. Everybody keeps the roles they have.
#[utoipa::path(delete, path = "/discord/guilds/{guild_id}", tag = "Discord Guilds", operation_id = "deleteGuildConfig",
    params(
        ("guild_id" = String, Path, description = "Discord's id", example = "123456789012345678"),
        ("remove_roles" = Option<bool>, Query, description = "Take the mapped roles away, too: not possible yet (422)"),
        ("If-Match" = Option<String>, Header, description = "Only if the guild still has this tag"),
    ),
    responses(
        (status = 200, description = "Removed", body = Done),
        Refused, Missing, Changed,
    ))]
pub(crate) async fn delete_guild(
    State(web): State<Web>,
    Allowed(caller, _): Allowed<ManageGuilds>,
    names: RequestNames,
    headers: HeaderMap,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, ApiError> {
    let remove_roles = flag(&mut params, &["remove_roles"]).unwrap_or(false);
    params.finish()?;
    let stored = super::find(&web, super::id(&id)?).await?;
    etag::check_unchanged(&headers, &view::tag(&stored))?;
    let change = Change {
        web,
        caller,
        names,
        route: "DELETE /discord/guilds/{guild_id}",
    };
    let act = delete(change.clone(), stored, remove_roles);
    change.whole(act).await
}

async fn delete(change: Change, stored: GuildConfig, remove_roles: bool) -> Result<Response, ApiError> {
    let services = &change.web.services;
    let id = stored.guild_id;
    let sync = match remove_roles {
        true => removal::of_guild(&change, id).await?,
        false => None,
    };
    if !services.guilds.remove(id).await? {
        return Err(super::unknown());
    }
    services.cache.forget(id);
    let before = serde_json::to_value(&stored).ok();
    change
        .note("guild.deleted", format!("guild:{id}"), before, None)
        .await;
    let done = Done {
        message: "Guild configuration deleted successfully".to_owned(),
        sync_id: sync.map(|s| s.to_string()),
    };
    Ok(change::answer(done, None, sync))
}
