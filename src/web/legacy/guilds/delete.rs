//! `DELETE /discord/guilds/{guild_id}`.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use rolecall_core::audit::Act;
use rolecall_core::guild::GuildConfig;
use rolecall_workflows::remove_guild::{NotRemoved, remove_guild};

use super::view;
use crate::web::auth::right::ManageGuilds;
use crate::web::change::{self, Change, Changing, Done};
use crate::web::http::etag;
use crate::web::http::page::flag;
use crate::web::http::problem::ApiError;
use crate::web::http::query::Params;
use crate::web::http::refused::{Changed, Missing, Refused};

/// Removes a guild together with its mappings.
///
/// Everybody keeps the roles they have, unless `remove_roles=true`: then a run takes the roles that the guild's active
/// mappings name from every linked member, also in a disabled guild, however many they are.
#[utoipa::path(delete, path = "/discord/guilds/{guild_id}", tag = "Discord Guilds", operation_id = "deleteGuildConfig",
    params(
        ("guild_id" = String, Path, description = "Discord's id", example = "123456789012345678"),
        ("remove_roles" = Option<bool>, Query, description = "Take the mapped roles from linked members, too"),
        ("If-Match" = Option<String>, Header, description = "Only if the guild still has this tag"),
    ),
    responses(
        (status = 200, description = "Removed. With `remove_roles=true`, `sync_id` is the run that takes the roles",
            body = Done, headers(("Location" = String, description = "The run that takes the roles"))),
        (status = 409, description = "`remove_roles=true`, and no bot token is stored",
            body = crate::web::http::problem::Problem, content_type = "application/problem+json"),
        Refused, Missing, Changed,
    ))]
pub(crate) async fn delete_guild(
    Changing(change, _): Changing<ManageGuilds>,
    headers: HeaderMap,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, ApiError> {
    let remove_roles = flag(&mut params, &["remove_roles"]).unwrap_or(false);
    params.finish()?;
    let stored = super::find(&change.web, super::id(&id)?).await?;
    etag::check_unchanged(&headers, &view::tag(&stored))?;
    let act = delete(change.clone(), stored, remove_roles);
    change.whole(act).await
}

async fn delete(change: Change, stored: GuildConfig, remove_roles: bool) -> Result<Response, ApiError> {
    let services = &change.web.services;
    let id = stored.guild_id;
    let act = Act::new("guild.deleted", format!("guild:{id}")).before(&stored);
    let removed = remove_guild(services, &change.web.queue, &stored, remove_roles, change.asked());
    let sync = match change.audited(act, removed).await {
        Ok(sync) => sync,
        Err(NotRemoved::Gone) => return Err(super::unknown()),
        Err(error @ NotRemoved::NoToken) => {
            return Err(
                ApiError::new(StatusCode::CONFLICT, "bot_token_missing", error.to_string())
                    .with_hint("Store a token first, or delete without remove_roles: everybody keeps the roles they have."),
            );
        }
        Err(NotRemoved::Store(error)) => return Err(error.into()),
    };
    let followed = match sync {
        Some(_) => ". Its roles are taken from linked members",
        None => "",
    };
    let done = Done {
        message: format!("Guild configuration deleted successfully{followed}"),
        sync_id: sync.map(|s| s.to_string()),
    };
    Ok(change::answer(done, None, sync))
}
