//! `POST /v1/bulk`: one order about all jobs that a query finds.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use rolecall_core::Timestamp;
use rolecall_core::order::BulkAction;
use rolecall_core::ports::{JobFilter, Share};
use rolecall_core::query::{self, Query};
use rolecall_jobs::bulk_order::{self, BulkOrder, preview};
use rolecall_jobs::kernel::find;
use rolecall_jobs::kernel::queue::Enqueue;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::job_detail::{detail, path};
use super::job_view::{JobView, Pausing};
use super::order_job::reason;
use crate::web::auth::right::{Allowed, ManageJobs};
use crate::web::change::Change;
use crate::web::http::body::Body;
use crate::web::http::fields::Fields;
use crate::web::http::problem::ApiError;
use crate::web::http::refused::Refused;
use crate::web::http::trace::RequestNames;
use crate::web::state::Web;

/// What to order about which jobs.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "only the document needs it; the body is read field by field"
)]
pub(crate) struct BulkBody {
    /// `retry`, `cancel` or `discard`.
    action: Option<String>,
    /// Which jobs, as in `GET /v1/jobs`. Those in a state to which the action means nothing are left alone.
    query: Option<String>,
    /// Only look, and change nothing.
    dry_run: Option<bool>,
    /// Why, for the record of who did what.
    reason: Option<String>,
}

/// What an order would be about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkPreview {
    /// The action.
    action: String,
    /// The query, with times that stay the same.
    query: String,
    /// How many jobs.
    total: u64,
    /// The newest five of them.
    samples: Vec<JobView>,
    /// By guild, the largest share first, at most 50.
    by_guild: Vec<ShareView>,
    /// By the cause for which they failed.
    by_fingerprint: Vec<ShareView>,
}

/// Jobs that are alike in one thing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShareView {
    /// The guild's id or the fingerprint; null: those without one.
    value: Option<String>,
    /// How many.
    total: u64,
}

impl From<&Share> for ShareView {
    fn from(share: &Share) -> Self {
        Self {
            value: share.value.clone(),
            total: share.jobs,
        }
    }
}

struct Asked {
    action: BulkAction,
    query: Query,
    dry_run: bool,
    reason: String,
}

/// Runs again, cancels or discards all jobs that a query finds. With `dry_run`, only tells what that would be about.
/// Otherwise a job does it, which can be cancelled; its outcome has the numbers. Jobs stored later are not meant.
#[utoipa::path(post, path = "/v1/bulk", tag = "Jobs", operation_id = "bulkOrder",
    request_body(content = BulkBody),
    responses(
        (status = 200, description = "What it would be about (`dry_run`)", body = BulkPreview),
        (status = 202, description = "Accepted; `Location` names the job that does it", body = JobView,
            headers(("Location" = String))),
        Refused,
    ))]
pub(crate) async fn bulk_order(
    State(web): State<Web>,
    Allowed(caller, _): Allowed<ManageJobs>,
    names: RequestNames,
    Body(fields): Body,
) -> Result<Response, ApiError> {
    let now = web.services.clock.now();
    let asked = read(fields, now)?;
    let (action, reason) = (asked.action, asked.reason);
    let filter = find::filter(&web.services, asked.query).await?;
    if asked.dry_run {
        return Ok(Json(look(&web, action, &filter, now).await?).into_response());
    }
    let change = Change {
        web,
        caller,
        names,
        route: "POST /v1/bulk",
    };
    let (web, by) = (change.web.clone(), change.by(reason));
    let trace = Some(change.names.traceparent.clone());
    let act = async move {
        let order = BulkOrder {
            action,
            query: query::write(&filter),
            reason: by.cause.reason.clone(),
            asked_at: now,
            request_id: by.request_id.clone(),
        };
        let mut job = Enqueue::new(&order, by.cause.clone());
        job.0.trace = trace;
        let id = bulk_order::give(&web.services, &web.queue, job, &by).await?;
        let body = Json(detail(&web, id).await?);
        Ok((StatusCode::ACCEPTED, [(LOCATION, path(id))], body).into_response())
    };
    change.whole(act).await
}

async fn look(
    web: &Web,
    action: BulkAction,
    filter: &JobFilter,
    now: Timestamp,
) -> Result<BulkPreview, ApiError> {
    let seen = preview(&web.services, action, filter, now).await?;
    let pausing = Pausing::now(web).await?;
    Ok(BulkPreview {
        action: action.as_str().to_owned(),
        query: query::write(filter),
        total: seen.jobs,
        samples: seen
            .samples
            .iter()
            .map(|job| JobView::brief(job, &pausing))
            .collect(),
        by_guild: seen.by_guild.iter().map(ShareView::from).collect(),
        by_fingerprint: seen.by_fingerprint.iter().map(ShareView::from).collect(),
    })
}

fn read(mut fields: Fields, now: Timestamp) -> Result<Asked, ApiError> {
    let known = BulkAction::ALL.map(BulkAction::as_str).join(", ");
    let action = fields.text("action");
    let action = match action.as_deref().map(BulkAction::from_name) {
        Some(Some(action)) => Some(action),
        Some(None) => {
            fields.wrong("action", format!("expected one of {known}"));
            None
        }
        None => {
            fields.require("action");
            None
        }
    };
    let mut query = None;
    match fields.text("query").map(|text| query::parse(&text, now)) {
        Some(Ok(read)) if read.job.is_some() => {
            fields.wrong("query", "is about one job; use POST /v1/jobs/{job_id}/…");
        }
        Some(Ok(read)) => query = Some(read),
        Some(Err(wrong)) => {
            for sentence in wrong {
                fields.wrong("query", sentence);
            }
        }
        // Nothing would mean every job there is.
        None => fields.require("query"),
    }
    let (dry_run, reason) = (fields.flag("dry_run").unwrap_or(false), reason(&mut fields));
    fields.finish()?;
    let (Some(action), Some(query)) = (action, query) else {
        return Err(ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR));
    };
    Ok(Asked {
        action,
        query,
        dry_run,
        reason,
    })
}
