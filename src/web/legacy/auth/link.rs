//! `POST /discord/auth/link`: links the account of a token that the caller already has.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rolecall_core::ports::{CallError, CallFailure, TokenPair};
use rolecall_workflows::link_account::{LinkError, Linked, NewLink, link as store_link};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tracing::Instrument;
use utoipa::ToSchema;

use super::exchange;
use super::login::not_configured;
use crate::web::auth::Caller;
use crate::web::http::body::Body;
use crate::web::http::fields::Fields;
use crate::web::http::problem::{ApiError, Problem};
use crate::web::http::trace::RequestNames;
use crate::web::state::Web;

/// The tokens.
#[derive(Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "only the document needs it; the body is read field by field"
)]
pub(crate) struct LinkBody {
    /// The person's access token, made for our application.
    access_token: String,
    /// Its refresh token; without one the link ends to be of use for joins when the access token ends.
    refresh_token: Option<String>,
}

/// An account that was linked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkResponse {
    /// In words.
    message: String,
    /// The account.
    discord_id: String,
    /// The run that joins it to guilds and gives its roles; absent if there is no guild.
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_id: Option<String>,
}

/// Links an account by its token. Also answered at `POST /discord/link`.
#[utoipa::path(post, path = "/discord/auth/link", tag = "Discord Authentication", operation_id = "linkDiscordAccount",
    request_body(content = LinkBody),
    responses(
        (status = 200, description = "Linked; `Location` names the run that gives the roles", body = LinkResponse,
            headers(("Location" = String))),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Banned, or an API key, which has no account", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The account is linked to another user", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "Discord does not know the token, or it was made for another application",
            body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "Discord does not answer", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "Not configured, or the store did not answer", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn link(
    State(web): State<Web>,
    caller: Caller,
    names: RequestNames,
    Body(fields): Body,
) -> Result<Response, ApiError> {
    let user_id = caller.user()?.clone();
    let (access, refresh) = read(fields)?;
    let Some(client) = &web.services.oauth else {
        return Err(not_configured());
    };
    let told = web
        .services
        .discord
        .authorization(&access, &exchange::options())
        .await
        .map_err(refused)?;
    if told.application_id != client.id {
        return Err(unusable(
            "discord_token_foreign",
            "the token was made for another application",
        ));
    }
    if !told.scopes.iter().any(|s| s == "identify") {
        return Err(unusable(
            "discord_scope_missing",
            "the token lacks the scope identify",
        ));
    }
    let (discord_id, profile) = exchange::profile(&web, &access, &told.scopes)
        .await
        .map_err(refused)?;
    let by = caller.by("POST /discord/auth/link", &names);
    let new = NewLink {
        user_id,
        discord_id,
        profile,
        tokens: TokenPair {
            access,
            refresh,
            expires_in: Duration::from_secs(u64::try_from(told.expires_in).unwrap_or(0)),
            scope: told.scopes.join(" "),
        },
        allow_move: web.config.accounts.allow_account_move,
        trace: Some(names.traceparent),
    };
    let owned = web.clone();
    // In a task of its own, so that a caller who hangs up does not stop it between its steps.
    let task = async move { store_link(&owned.services, &owned.queue, new, by).await };
    let Linked { run, .. } = tokio::spawn(task.in_current_span())
        .await
        .map_err(|broken| internal(&broken))?
        .map_err(not_linked)?;
    let body = LinkResponse {
        message: "Discord account linked successfully".to_owned(),
        discord_id: discord_id.to_string(),
        sync_id: run.map(|id| id.to_string()),
    };
    let mut response = Json(body).into_response();
    if let Some(place) = run.and_then(|id| HeaderValue::try_from(format!("/v1/runs/{id}")).ok()) {
        response.headers_mut().insert(LOCATION, place);
    }
    Ok(response)
}

fn read(mut fields: Fields) -> Result<(SecretString, SecretString), ApiError> {
    let access = fields.text("access_token");
    let refresh = fields.text("refresh_token").unwrap_or_default();
    if access.is_none() {
        fields.wrong("access_token", "required: the person's access token, a string");
    }
    fields.finish()?;
    Ok((access.unwrap_or_default().into(), refresh.into()))
}

fn unusable(code: &'static str, detail: &str) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
        .with_hint("Log in through GET /discord/auth/login instead.")
}

/// Discord's own words stay in the log.
fn refused(error: CallError) -> ApiError {
    match error.failure {
        CallFailure::Unauthorized => unusable(
            "discord_token_invalid",
            "Discord does not accept the token (any more)",
        ),
        CallFailure::Wait(wait) => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "discord_rate_limited",
            "Discord is busy at present",
        )
        .retry_after(wait.as_secs().max(1)),
        _ => ApiError::new(
            StatusCode::BAD_GATEWAY,
            error.error_code(),
            "Discord did not answer as expected",
        )
        .with_cause(error.message),
    }
}

fn not_linked(error: LinkError) -> ApiError {
    match error {
        LinkError::Taken => ApiError::new(StatusCode::CONFLICT, "account_taken", error.to_string())
            .with_hint("An operator may allow moves with ROLECALL_ALLOW_ACCOUNT_MOVE=true."),
        LinkError::Vault(error) => internal(&error),
        LinkError::Store(error) => error.into(),
    }
}

fn internal(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR).with_cause(error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_access_token_is_needed_and_nothing_is_echoed() {
        let parse = |body: Value| read(Fields::new(body.as_object().cloned().unwrap_or_default()));
        assert!(parse(json!({"access_token": "a", "refresh_token": ""})).is_ok());
        assert!(parse(json!({"access_token": "a"})).is_ok());
        for bad in [
            json!({}),
            json!({"access_token": ""}),
            json!({"refresh_token": "s3cr3t"}),
            json!({"access_token": ["s3cr3t"]}),
            json!({"access_token": "s3cr3t", "more": "s3cr3t"}),
        ] {
            let problem = parse(bad).unwrap_err().problem();
            assert_eq!(problem.status, 422);
            assert!(!serde_json::to_string(&problem).unwrap().contains("s3cr3t"));
        }
    }
}
