//! Asks for a sync and answers: 200 if it ended while the caller waited, else 202; where its run is found, and when to
//! ask for it.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use rolecall_core::run::Run;
use rolecall_jobs::kernel::steering::By;
use rolecall_workflows::request::{SyncRequest, order_sync};
use serde::Serialize;
use tracing::Instrument;

use super::get_run;
use crate::run_view;
use crate::web::http::problem::ApiError;
use crate::web::state::Web;
use crate::web::wait::{Preference, until_ended};

/// Stores the run and its first job.
///
/// In a task of its own: when a caller hangs up, or the time limit is over, the request's future is dropped, and a run
/// that is stored without its job would never end.
pub(crate) async fn ask(web: &Web, request: SyncRequest, by: By) -> Result<Run, ApiError> {
    let owned = web.clone();
    let task = async move { order_sync(&owned.services, &owned.queue, request, by).await };
    match tokio::spawn(task.in_current_span()).await {
        Ok(run) => Ok(run?),
        Err(broken) => {
            Err(ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR).with_cause(broken.to_string()))
        }
    }
}

/// Waits for the end of the run as long as the caller prefers and the setting allows; `default` if nothing is preferred.
/// The run as it is then.
pub(crate) async fn wait(web: &Web, run: Run, preference: Preference, default: Duration) -> Run {
    let patience = preference.patience(default, web.config.api.sync_wait);
    let ended = until_ended(web, run.id, patience).await;
    ended.unwrap_or(run)
}

/// 200 with this body if the run has ended, else 202.
pub(crate) fn answer(web: &Web, run: &Run, preference: Preference, body: impl Serialize) -> Response {
    let ended = run.state.is_final();
    let status = if ended {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    let location = [(LOCATION, run_view::path(run.id))];
    let mut response = (status, location, Json(body)).into_response();
    let headers = response.headers_mut();
    if !ended {
        headers.insert(RETRY_AFTER, get_run::POLL_AFTER);
    }
    preference.note(headers, ended, web.config.api.sync_wait);
    response
}
