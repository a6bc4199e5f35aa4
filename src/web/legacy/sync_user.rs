//! `POST /discord/sync/user/{user_id}`.

use axum::extract::{Path, State};
use axum::response::Response;
use rolecall_core::run::{Run, Scope};
use rolecall_core::{GuildId, UserId};
use rolecall_workflows::request::SyncRequest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::estimate::estimated_duration;
use crate::web::auth::right::{Allowed, ManageSync};
use crate::web::http::body::Body;
use crate::web::http::fields::Fields;
use crate::web::http::problem::{ApiError, Detail, Problem};
use crate::web::http::trace::RequestNames;
use crate::web::state::Web;
use crate::web::v1::accepted;

/// How to sync the user. All is optional.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "only the document needs it; the body is read field by field"
)]
pub(crate) struct UserSyncBody {
    /// Only in this guild.
    guild_id: Option<String>,
    /// Plan only.
    dry_run: Option<bool>,
}

/// A user's sync that was accepted. The results are in the run, once there are some.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserSyncResponse {
    /// In words.
    message: String,
    /// The run's id.
    sync_id: String,
    /// Always true: the sync runs after this answer.
    is_async: bool,
    /// How long the last one like it took, or `unknown`.
    estimated_duration: String,
    /// Where it is, in the original's words.
    status: String,
    /// Where it is.
    state: String,
    /// Whether it only plans.
    dry_run: bool,
    /// The user.
    user_id: String,
    /// The user's account at Discord; the first, if there are several.
    discord_user_id: Option<String>,
    /// Always empty in this answer.
    #[schema(value_type = Vec<Object>)]
    sync_results: [(); 0],
    /// Guilds in which the user is looked at.
    total_guilds: u64,
    /// Always 0 in this answer.
    successful_guilds: u64,
    /// Always 0 in this answer.
    failed_guilds: u64,
    /// Always null in this answer.
    synced_at: Option<String>,
}

/// Asks for the sync of one user. Repeating it harms nothing.
#[utoipa::path(post, path = "/discord/sync/user/{user_id}", tag = "Discord Sync", operation_id = "syncUser",
    params(("user_id" = String, Path, description = "The application's user")),
    request_body(content = Option<UserSyncBody>, description = "Optional"),
    responses(
        (status = 202, description = "Accepted; `Location` names the run", body = UserSyncResponse,
            headers(("Location" = String), ("Retry-After" = u32))),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the permission", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "No account is linked, or the guild is unknown", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "Disabled guild, or none", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "Wrong values", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store did not answer", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn sync_user(
    State(web): State<Web>,
    Allowed(caller, _): Allowed<ManageSync>,
    names: RequestNames,
    Path(user): Path<String>,
    Body(fields): Body,
) -> Result<Response, ApiError> {
    let user = user_id(&user)?;
    let (guild, dry_run) = read(fields)?;
    let request = SyncRequest {
        scope: Scope {
            guilds: guild.into_iter().collect(),
            users: vec![user.clone()],
            ..Scope::default()
        },
        dry_run,
        trace: Some(names.traceparent),
        ..SyncRequest::default()
    };
    let cause = caller.cause("POST /discord/sync/user/{user_id}");
    let run = accepted::ask(&web, request, cause).await?;
    let body = answer(&web, user, &run).await;
    Ok(accepted::answer(&run, body))
}

fn user_id(text: &str) -> Result<UserId, ApiError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 128 || text.chars().any(char::is_control) {
        let wrong = Detail::at("path.user_id", "expected a user's id of at most 128 characters");
        return Err(ApiError::invalid(vec![wrong]));
    }
    Ok(UserId::from(text))
}

fn read(mut fields: Fields) -> Result<(Option<GuildId>, bool), ApiError> {
    let guild = fields.snowflake("guild_id");
    let dry_run = fields.flag("dry_run").unwrap_or(false);
    fields.finish()?;
    Ok((guild, dry_run))
}

/// The run is stored: what cannot be read any more is left out.
async fn answer(web: &Web, user: UserId, run: &Run) -> UserSyncResponse {
    let (links, guilds, estimated_duration) = tokio::join!(
        web.services.links.of_user(&user),
        web.services.guilds.list(),
        estimated_duration(web, run),
    );
    let account = links.unwrap_or_default().into_iter().find(|l| l.is_active);
    let total_guilds = match run.scope.guilds.len() {
        0 => guilds.unwrap_or_default().iter().filter(|g| g.is_enabled).count(),
        named => named,
    };
    let what = if run.dry_run {
        "User sync preview"
    } else {
        "User sync"
    };
    UserSyncResponse {
        message: format!("{what} started"),
        sync_id: run.id.to_string(),
        is_async: true,
        estimated_duration,
        status: run.state.legacy().to_owned(),
        state: run.state.as_str().to_owned(),
        dry_run: run.dry_run,
        user_id: user.0,
        discord_user_id: account.map(|link| link.discord_id.to_string()),
        sync_results: [],
        total_guilds: total_guilds as u64,
        successful_guilds: 0,
        failed_guilds: 0,
        synced_at: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_body_is_optional_and_so_is_each_field() {
        let parse = |body: Value| read(Fields::new(body.as_object().cloned().unwrap()));
        let guild = "5".parse().ok();
        assert_eq!(parse(json!({})).unwrap(), (None, false));
        assert_eq!(
            parse(json!({"guild_id": "", "dry_run": null})).unwrap(),
            (None, false)
        );
        assert_eq!(
            parse(json!({"guild_id": "5", "dry_run": true})).unwrap(),
            (guild, true)
        );
        assert!(parse(json!({"guild_id": "x"})).is_err() && parse(json!({"user_ids": ["x"]})).is_err());
    }

    #[test]
    fn an_empty_or_endless_user_is_refused() {
        assert!(user_id(" ").is_err() && user_id(&"x".repeat(129)).is_err() && user_id("a\nb").is_err());
        assert_eq!(user_id("6f1c").unwrap(), UserId::from("6f1c"));
    }
}
