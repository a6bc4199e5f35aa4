//! Asks for a sync and answers 202: where its run is found, and when to ask for it.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use rolecall_core::cause::Cause;
use rolecall_core::run::Run;
use rolecall_workflows::request::{SyncRequest, request_sync};
use serde::Serialize;
use tracing::Instrument;

use super::run_view;
use crate::web::http::problem::ApiError;
use crate::web::state::Web;

/// Stores the run and its first job.
///
/// In a task of its own: when a caller hangs up, or the time limit is over, the request's future is dropped, and a run
/// that is stored without its job would never end.
pub(crate) async fn ask(web: &Web, request: SyncRequest, cause: Cause) -> Result<Run, ApiError> {
    let owned = web.clone();
    let task = async move { request_sync(&owned.services, &owned.queue, request, cause).await };
    match tokio::spawn(task.in_current_span()).await {
        Ok(run) => Ok(run?),
        Err(broken) => {
            Err(ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR).with_cause(broken.to_string()))
        }
    }
}

/// 202 with this body.
pub(crate) fn answer(run: &Run, body: impl Serialize) -> Response {
    let location = [(LOCATION, run_view::path(run.id))];
    let mut response = (StatusCode::ACCEPTED, location, Json(body)).into_response();
    response.headers_mut().insert(RETRY_AFTER, run_view::POLL_AFTER);
    response
}
