//! `POST /v1/bulk`: one order about all jobs that a query finds.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use rolecall_core::order::BulkAction;
use rolecall_core::ports::JobFilter;
use rolecall_core::query::{self, Query};
use rolecall_core::spread::LONGEST;
use rolecall_core::{JobId, Timestamp};
use rolecall_jobs::bulk_order::{self, BulkOrder, preview};
use rolecall_jobs::kernel::find;
use rolecall_jobs::kernel::queue::Enqueue;
use serde::Deserialize;
use utoipa::ToSchema;

use super::asked_jobs::unfound;
use super::bulk_orders;
use super::order_job::reason;
use crate::bulk_preview::BulkPreview;
use crate::bulk_view::{self, BulkView};
use crate::config::parse_duration;
use crate::job_view::Pausing;
use crate::web::auth::right::ManageJobs;
use crate::web::change::{Change, Changing};
use crate::web::http::body::Body;
use crate::web::http::fields::Fields;
use crate::web::http::problem::ApiError;
use crate::web::http::refused::Refused;
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
    /// The same as `query`.
    filter: Option<String>,
    /// Only look, and change nothing.
    dry_run: Option<bool>,
    /// Over so long a time the jobs run again, such as `10m`, at most `24h`: only for `retry`. Without it: all at once.
    spread: Option<String>,
    /// Why, for the record of who did what.
    reason: Option<String>,
}

struct Asked {
    action: BulkAction,
    query: Query,
    dry_run: bool,
    spread: Option<Duration>,
    reason: String,
}

/// Runs again, cancels or discards all jobs that a query finds. With `dry_run`, only tells what that would be about, and
/// what it would cost. Otherwise a job does it, which can be cancelled and tells how far it is; what runs again does so in
/// the queue `bulk`. Jobs stored later are not meant.
#[utoipa::path(post, path = "/v1/bulk", tag = "Jobs", operation_id = "bulkOrder",
    request_body(content = BulkBody),
    responses(
        (status = 200, description = "What it would be about (`dry_run`)", body = BulkPreview),
        (status = 202, description = "Accepted; `Location` names the order", body = BulkView,
            headers(("Location" = String))),
        Refused,
    ))]
pub(crate) async fn bulk_order(
    Changing(change, _): Changing<ManageJobs>,
    Body(fields): Body,
) -> Result<Response, ApiError> {
    let now = change.web.services.clock.now();
    let asked = read(fields, now)?;
    let filter = find::filter(&change.web.services, asked.query)
        .await
        .map_err(|error| unfound(error, "/query"))?;
    let order = Ordering {
        action: asked.action,
        filter,
        spread: asked.spread,
        reason: asked.reason,
    };
    if asked.dry_run {
        return Ok(Json(order.look(&change.web, now).await?).into_response());
    }
    order.give(change, now).await
}

/// An order about many jobs, with nothing wrong in it.
pub(super) struct Ordering {
    pub(super) action: BulkAction,
    pub(super) filter: JobFilter,
    pub(super) spread: Option<Duration>,
    pub(super) reason: String,
}

impl Ordering {
    /// Stores the job that does it.
    pub(super) async fn give(self, change: Change, now: Timestamp) -> Result<Response, ApiError> {
        let (web, by) = (change.web.clone(), change.by(self.reason));
        let trace = Some(change.names.traceparent.clone());
        let act = async move {
            let order = BulkOrder {
                action: self.action,
                query: query::write(&self.filter),
                reason: by.cause.reason.clone(),
                asked_at: now,
                request_id: by.request_id.clone(),
                spread_seconds: self.spread.map(|spread| spread.as_secs()),
            };
            let mut job = Enqueue::new(&order, by.cause.clone()).with_id(JobId(by.new_id()));
            job.0.trace = trace;
            let id = bulk_order::give(&web.services, &web.queue, job, &by).await?;
            let body = Json(bulk_orders::order(&web, id).await?);
            Ok((StatusCode::ACCEPTED, [(LOCATION, bulk_view::path(id))], body).into_response())
        };
        change.whole(act).await
    }

    /// What it would be about.
    pub(super) async fn look(&self, web: &Web, now: Timestamp) -> Result<BulkPreview, ApiError> {
        let registry = &web.steering.registry;
        let seen = preview(&web.services, registry, self.action, &self.filter, now).await?;
        let pausing = Pausing::now(&web.services).await?;
        Ok(BulkPreview::of(
            &seen,
            self.action,
            &self.filter,
            self.spread,
            &pausing,
        ))
    }
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
    let text = match (fields.text("query"), fields.text("filter")) {
        (Some(_), Some(_)) => {
            fields.wrong("filter", "says the same as query: send one of them");
            return Err(fields.finish().err().unwrap_or_else(wrong));
        }
        (query, filter) => query.or(filter),
    };
    match text.map(|text| query::parse(&text, now)) {
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
    let spread = spread(&mut fields, action);
    fields.finish()?;
    let (Some(action), Some(query)) = (action, query) else {
        return Err(wrong());
    };
    Ok(Asked {
        action,
        query,
        dry_run,
        spread,
        reason,
    })
}

/// Every way in which these are missing is refused with its place before.
fn wrong() -> ApiError {
    ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR)
}

/// `spread` of a body.
pub(super) fn spread(fields: &mut Fields, action: Option<BulkAction>) -> Option<Duration> {
    let text = fields.text("spread")?;
    let length = parse_duration(&text).filter(|length| *length <= LONGEST);
    if length.is_none() {
        fields.wrong(
            "spread",
            "expected a length of time such as 90s, 10m or 2h, at most 24h",
        );
    } else if action.is_some_and(|action| action != BulkAction::Retry) {
        fields.wrong(
            "spread",
            "only what runs again can be spread over time: use it with retry",
        );
    }
    length
}
