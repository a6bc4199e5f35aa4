//! `GET /discord/guilds/{guild_id}/members/{discord_id}`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use rolecall_core::DiscordId;

use super::roles;
use crate::member::{self, MemberView};
use crate::web::auth::right::{Allowed, ManageGuilds};
use crate::web::http::fields::SNOWFLAKE;
use crate::web::http::problem::{ApiError, Detail, Problem};
use crate::web::http::refused::{Missing, Refused};
use crate::web::look;
use crate::web::state::Web;

/// A member of a guild. Its roles as Discord tells them now, whose account it is, and what becomes of each mapped role.
#[utoipa::path(get, path = "/discord/guilds/{guild_id}/members/{discord_id}", tag = "Discord Guilds",
    operation_id = "getGuildMember",
    params(
        ("guild_id" = String, Path, description = "Discord's id", example = "123456789012345678"),
        ("discord_id" = String, Path, description = "The account", example = "80351110224678912"),
    ),
    responses(
        (status = 200, description = "The member", body = MemberView),
        (status = 409, description = "The guild is disabled, or no bot token is stored, or it cannot be opened",
            body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "Discord refused", body = Problem, content_type = "application/problem+json"),
        Refused, Missing,
    ))]
pub(crate) async fn guild_member(
    State(web): State<Web>,
    _: Allowed<ManageGuilds>,
    Path((guild, account)): Path<(String, String)>,
) -> Result<Json<MemberView>, ApiError> {
    let id = super::id(&guild)?;
    let account: DiscordId = account.parse().map_err(|_| {
        ApiError::invalid(vec![Detail::at(
            "path.discord_id",
            format!("expected {SNOWFLAKE}"),
        )])
    })?;
    let config = super::find(&web, id).await?;
    if !config.is_enabled {
        let sentence = format!("guild {id} is disabled");
        return Err(ApiError::new(StatusCode::CONFLICT, "guild_disabled", sentence));
    }
    let services = &web.services;
    let token = look::stored_token(services, id).await?;
    let read = services
        .discord
        .member(&token, id, account, &look::options())
        .await;
    let member = read.map_err(|error| match member::absent(&error, id, account) {
        Some(sentence) => ApiError::not_found("member_unknown", sentence).with_cause(error.message),
        None => look::refused(error),
    })?;
    let mut info = roles::info(&web, id).await?;
    if !member
        .roles
        .iter()
        .all(|role| info.roles.iter().any(|r| r.id == *role))
    {
        // A member has a role that the guild had not when it was read.
        info = roles::read_info(&web, id).await?;
    }
    Ok(Json(member::view(services, &config, &info, &member).await?))
}
