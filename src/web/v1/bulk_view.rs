//! An order about many jobs, as it is sent: what it is about, and how far it is.

use rolecall_core::Timestamp;
use rolecall_core::job::Job;
use rolecall_jobs::bulk_order::BulkOrder;
use serde::Serialize;
use utoipa::ToSchema;

use crate::job_view::{JobProgressView, detail};
use crate::run_view::CauseView;
use crate::web::http::problem::ApiError;

/// An order about many jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkView {
    /// Its id: that of the job that does it.
    id: String,
    /// `retry`, `cancel` or `discard`.
    action: String,
    /// About which jobs.
    query: String,
    /// Over so many seconds the jobs run again; null: all at once.
    spread_seconds: Option<u64>,
    /// Who asked, and why.
    cause: CauseView,
    /// When it was asked for: jobs stored later are not meant.
    asked_at: String,
    /// State of the job that does it; `scheduled` between two parts of what is spread over time.
    state: String,
    /// How far it is; null: it has not begun. `counts` has `done`, `asked` (running ones that were told to end), `twin`
    /// (another job does the same), `not_possible`, and `gone` (had moved on before their turn).
    progress: Option<JobProgressView>,
    /// When it was over.
    finished_at: Option<String>,
    /// Where to go from here.
    links: BulkLinks,
}

/// Paths that belong to an order about many jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkLinks {
    #[serde(rename = "self")]
    this: String,
    /// The job that does it.
    job: String,
    /// `POST` stops it: what was not ordered yet stays as it is.
    cancel: String,
}

impl BulkView {
    /// The order of a job. `None`: it is of another kind, or cannot be read.
    pub(super) fn of(job: &Job) -> Option<Self> {
        let order: BulkOrder = serde_json::from_value(job.payload.clone()).ok()?;
        let its = detail::path(job.id);
        Some(Self {
            id: job.id.to_string(),
            action: order.action.as_str().to_owned(),
            query: order.query,
            spread_seconds: order.spread_seconds,
            cause: CauseView::from(&job.cause),
            asked_at: order.asked_at.to_rfc3339(),
            state: job.state.to_string(),
            progress: JobProgressView::of(job),
            finished_at: job.finished_at.map(Timestamp::to_rfc3339),
            links: BulkLinks {
                this: path(job),
                cancel: format!("{its}/cancel"),
                job: its,
            },
        })
    }
}

/// Where an order is found.
pub(super) fn path(job: &Job) -> String {
    format!("/v1/bulk/{}", job.id)
}

/// There is no such order.
pub(super) fn unknown(id: rolecall_core::JobId) -> ApiError {
    ApiError::not_found(
        "unknown_bulk_order",
        format!("there is no order {id} about many jobs"),
    )
}
