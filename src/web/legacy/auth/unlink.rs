//! `DELETE /discord/auth/unlink/{discord_id}`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use rolecall_core::DiscordId;
use rolecall_workflows::unlink_account::request_unlink;
use serde::Serialize;
use tracing::Instrument;
use utoipa::ToSchema;

use crate::web::auth::EvenBanned;
use crate::web::http::fields::SNOWFLAKE;
use crate::web::http::problem::{ApiError, Detail, Problem};
use crate::web::http::trace::RequestNames;
use crate::web::state::Web;

/// An account that was unlinked. Its mapped roles go, and its record is deleted, by jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnlinkResponse {
    /// In words.
    message: String,
    /// The account.
    discord_id: String,
    /// The run that takes the roles and deletes the record.
    sync_id: String,
}

/// Unlinks one of the caller's accounts. Repeating it harms nothing. Open to banned users, too.
#[utoipa::path(delete, path = "/discord/auth/unlink/{discord_id}", tag = "Discord Authentication",
    operation_id = "unlinkDiscordAccount",
    params(("discord_id" = String, Path, description = "The account")),
    responses(
        (status = 200, description = "Unlinked; `Location` names the run that takes the roles", body = UnlinkResponse,
            headers(("Location" = String))),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The account belongs to another user, or an API key asks", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "The account is not linked", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "No Discord id", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store did not answer", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn unlink(
    State(web): State<Web>,
    EvenBanned(caller): EvenBanned,
    names: RequestNames,
    Path(account): Path<String>,
) -> Result<Response, ApiError> {
    let user = caller.user()?;
    let account: DiscordId = account.trim().parse().map_err(|_| {
        ApiError::invalid(vec![Detail::at(
            "path.discord_id",
            format!("expected {SNOWFLAKE}"),
        )])
    })?;
    let link = web.services.links.of_account(account).await?.ok_or_else(|| {
        ApiError::not_found(
            "account_not_linked",
            format!("Discord account {account} is not linked"),
        )
    })?;
    if link.user_id != *user {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "account_of_other_user",
            "Discord account belongs to different user",
        ));
    }
    let by = caller.by("DELETE /discord/auth/unlink/{discord_id}", &names);
    let owned = web.clone();
    // In a task of its own: a run that is stored without its job would never end.
    let task = async move {
        let trace = Some(names.traceparent);
        request_unlink(&owned.services, &owned.queue, &link, by, trace).await
    };
    let run = tokio::spawn(task.in_current_span()).await.map_err(|broken| {
        ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR).with_cause(broken.to_string())
    })??;
    let body = UnlinkResponse {
        message: "Discord account unlinked successfully".to_owned(),
        discord_id: account.to_string(),
        sync_id: run.id.to_string(),
    };
    Ok(([(LOCATION, format!("/v1/runs/{}", run.id))], Json(body)).into_response())
}
