//! `POST /discord/sync/user/{user_id}`.

use axum::extract::{Path, State};
use axum::response::Response;
use rolecall_core::run::Scope;
use rolecall_core::{GuildId, RunId};
use rolecall_workflows::request::SyncRequest;
use serde::Deserialize;
use utoipa::ToSchema;

use super::sync_answer::{self, SyncResponse};
use crate::web::auth::Caller;
use crate::web::auth::right::{ManageSync, allow};
use crate::web::http::body::Body;
use crate::web::http::fields::{Fields, user_of_path};
use crate::web::http::problem::{ApiError, Problem};
use crate::web::http::trace::RequestNames;
use crate::web::state::Web;
use crate::web::v1::accepted;
use crate::web::wait::Preference;

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

/// Asks for the sync of one user, and waits for its end as long as `API_SYNC_WAIT` says. Repeating it harms nothing.
///
/// Everybody may ask for their own. A sync that ended is answered with 200 also if it failed: the object says what went
/// wrong, guild by guild.
#[utoipa::path(post, path = "/discord/sync/user/{user_id}", tag = "Discord Sync", operation_id = "syncUser",
    params(
        ("user_id" = String, Path, description = "The application's user"),
        ("Prefer" = Option<String>, Header,
            description = "`wait=3`: seconds to wait at most; `respond-async`: do not wait"),
    ),
    request_body(content = Option<UserSyncBody>, description = "Optional"),
    responses(
        (status = 200, description = "Ended while the caller waited", body = SyncResponse,
            headers(("Location" = String), ("Preference-Applied" = String))),
        (status = 202, description = "Accepted; `Location` names the run", body = SyncResponse,
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
    caller: Caller,
    names: RequestNames,
    preference: Preference,
    Path(user): Path<String>,
    Body(fields): Body,
) -> Result<Response, ApiError> {
    let user = user_of_path(&user)?;
    if !caller.is(&user) {
        allow::<ManageSync>(&web, &caller).await?;
    }
    let (guild, dry_run) = read(fields)?;
    let by = caller.by("POST /discord/sync/user/{user_id}", &names);
    let request = SyncRequest {
        scope: Scope {
            guilds: guild.into_iter().collect(),
            users: vec![user],
            ..Scope::default()
        },
        dry_run,
        trace: Some(names.traceparent),
        run_id: names.repeatable.map(RunId),
        ..SyncRequest::default()
    };
    let run = accepted::ask(&web, request, by).await?;
    let run = accepted::wait(&web, run, preference, web.config.api.sync_wait).await;
    let body = sync_answer::answer(&web, &run).await;
    Ok(accepted::answer(&web, &run, preference, body))
}

fn read(mut fields: Fields) -> Result<(Option<GuildId>, bool), ApiError> {
    let guild = fields.snowflake("guild_id");
    let dry_run = fields.flag("dry_run").unwrap_or(false);
    fields.finish()?;
    Ok((guild, dry_run))
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
}
