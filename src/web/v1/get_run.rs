//! `GET /v1/runs/{run_id}`.

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_TYPE, ETAG, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rolecall_core::RunId;

use super::own_run;
use crate::run_view::{RunView, WholeRun};
use crate::web::auth::Caller;
use crate::web::http::etag;
use crate::web::http::problem::{ApiError, Detail, Problem};
use crate::web::state::Web;

/// A run: where it is, how far, and what it did.
#[utoipa::path(get, path = "/v1/runs/{run_id}", tag = "Runs", operation_id = "getRun",
    params(
        ("run_id" = String, Path, description = "The run"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier answer"),
    ),
    responses(
        (status = 200, description = "The run; `Retry-After` while it runs", body = RunView,
            headers(("ETag" = String), ("Retry-After" = u32))),
        (status = 304, description = "Nothing has changed"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the permission", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "No such run", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store did not answer", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn get_run(
    State(web): State<Web>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = parse_id(&id)?;
    own_run::allow(&web, &caller, id).await?;
    let run = WholeRun::read::<ApiError>(&web.services, id).await?;
    let run = run.ok_or_else(|| unknown(id))?;
    // When it ends is guessed anew each time: that alone is no change.
    let tag = etag::of(&serde_json::to_vec(&run.view_without_eta()).unwrap_or_default());
    let body = serde_json::to_vec(&run.view()).unwrap_or_default();
    let mut response = if etag::is_known(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, "application/json")], body).into_response()
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    if !run.run.state.is_final() {
        response.headers_mut().insert(RETRY_AFTER, POLL_AFTER);
    }
    Ok(response)
}

/// How many seconds to wait before asking for a running run again.
pub(crate) const POLL_AFTER: HeaderValue = HeaderValue::from_static("1");

/// The id of a path.
pub(crate) fn parse_id(text: &str) -> Result<RunId, ApiError> {
    text.parse()
        .map_err(|_| ApiError::invalid(vec![Detail::at("path.run_id", "expected a run's id: a UUID")]))
}

/// There is no such run.
pub(crate) fn unknown(id: RunId) -> ApiError {
    ApiError::not_found("unknown_run", format!("there is no run {id}"))
}
