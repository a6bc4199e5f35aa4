//! `POST /v1/runs/{run_id}/cancel` and `…/retry`: ends a run, and runs what failed of it again.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use rolecall_core::JobId;
use rolecall_core::job::JobState;
use rolecall_core::order::BulkAction;
use rolecall_core::ports::JobFilter;
use rolecall_core::run::Run;
use rolecall_jobs::cancel_run::CancelRun;
use serde::Deserialize;
use utoipa::ToSchema;

use super::bulk::{Ordering, spread};
use super::get_job::detail;
use super::get_run;
use super::order_job::{OrderBody, reason};
use crate::bulk_preview::BulkPreview;
use crate::bulk_view::BulkView;
use crate::job_view::JobView;
use crate::job_view::detail::path;
use crate::web::auth::right::ManageJobs;
use crate::web::change::{Change, Changing};
use crate::web::http::body::Body;
use crate::web::http::problem::ApiError;
use crate::web::http::refused::{Missing, Refused};
use crate::web::state::Web;

/// How what failed runs again.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "only the document needs it; the body is read field by field"
)]
pub(crate) struct RetryRunBody {
    /// Only look, and change nothing.
    dry_run: Option<bool>,
    /// Over so long a time the jobs run again, such as `10m`, at most `24h`. Without it: all at once.
    spread: Option<String>,
    /// Why, for the record of who did what.
    reason: Option<String>,
}

/// Ends a running run: a job cancels all of its jobs that are not over, and those that they still make. What was done stays
/// done.
#[utoipa::path(post, path = "/v1/runs/{run_id}/cancel", tag = "Runs", operation_id = "cancelRun",
    params(("run_id" = String, Path, description = "The run")),
    request_body(content = Option<OrderBody>, description = "Optional"),
    responses(
        (status = 202, description = "Accepted; `Location` names the job that does it", body = JobView,
            headers(("Location" = String))),
        Refused, Missing,
    ))]
pub(crate) async fn cancel_run(
    Changing(change, _): Changing<ManageJobs>,
    Path(id): Path<String>,
    Body(mut fields): Body,
) -> Result<Response, ApiError> {
    let id = get_run::parse_id(&id)?;
    let reason = reason(&mut fields);
    fields.finish()?;
    let run = found(&change.web, id).await?;
    if run.state.is_final() {
        let why = format!("run {id} is {}: only a running one can be cancelled", run.state);
        return Err(ApiError::new(StatusCode::CONFLICT, "run_is_over", why));
    }
    let (web, by) = (change.web.clone(), change.by(reason));
    let act = async move {
        let order = CancelRun {
            run_id: id,
            reason: by.cause.reason.clone(),
            request_id: by.request_id.clone(),
        };
        let given = order.give(&web.services, &web.queue, &by).await?;
        let job = given.ok_or_else(|| ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR))?;
        let body = Json(detail(&web, job).await?);
        Ok((StatusCode::ACCEPTED, [(LOCATION, path(job))], body).into_response())
    };
    change.whole(act).await
}

/// Runs those jobs of a run again that failed for good. The run is running again until they have ended, and its numbers are
/// added up anew then.
#[utoipa::path(post, path = "/v1/runs/{run_id}/retry", tag = "Runs", operation_id = "retryRun",
    params(("run_id" = String, Path, description = "The run")),
    request_body(content = Option<RetryRunBody>, description = "Optional"),
    responses(
        (status = 200, description = "What it would be about (`dry_run`)", body = BulkPreview),
        (status = 202, description = "Accepted; `Location` names the order", body = BulkView,
            headers(("Location" = String))),
        Refused, Missing,
    ))]
pub(crate) async fn retry_run(
    Changing(change, _): Changing<ManageJobs>,
    Path(id): Path<String>,
    Body(mut fields): Body,
) -> Result<Response, ApiError> {
    let id = get_run::parse_id(&id)?;
    let (dry_run, reason) = (fields.flag("dry_run").unwrap_or(false), reason(&mut fields));
    let spread = spread(&mut fields, None);
    fields.finish()?;
    found(&change.web, id).await?;
    let order = Ordering {
        action: BulkAction::Retry,
        filter: JobFilter {
            run_id: Some(id),
            states: vec![JobState::Discarded],
            ..JobFilter::default()
        },
        spread,
        reason,
    };
    let web = &change.web;
    let now = web.services.clock.now();
    if dry_run {
        return Ok(Json(order.look(web, now).await?).into_response());
    }
    let failed = web.services.ledger.counts(&order.filter).await?;
    if failed.iter().all(|(_, n)| *n == 0) && !is_ordered(&change).await? {
        let why = format!("no job of run {id} has failed for good");
        return Err(ApiError::new(StatusCode::CONFLICT, "nothing_failed", why));
    }
    order.give(change, now).await
}

/// Whether an earlier try of the same request ordered it, and its process died: then its answer is still owed.
async fn is_ordered(change: &Change) -> Result<bool, ApiError> {
    match change.names.repeatable {
        Some(id) => Ok(change.web.services.ledger.get(JobId(id)).await?.is_some()),
        None => Ok(false),
    }
}

async fn found(web: &Web, id: rolecall_core::RunId) -> Result<Run, ApiError> {
    let run = web.services.runs.get(id).await?;
    run.ok_or_else(|| get_run::unknown(id))
}
