//! An order about many jobs, as it is shown over HTTP and at the command line: what it is about, and how far it is.

use rolecall_core::error::StoreError;
use rolecall_core::job::Job;
use rolecall_core::{JobId, Timestamp};
use rolecall_jobs::bulk_order::BulkOrder;
use rolecall_jobs::kernel::job::Job as _;
use rolecall_jobs::kernel::services::Services;
use serde::Serialize;
use utoipa::ToSchema;

use crate::job_view::{JobProgressView, detail};
use crate::run_view::CauseView;

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
    /// The order that this job carries out. `None`: there is none.
    pub(crate) async fn find(services: &Services, id: JobId) -> Result<Option<Self>, StoreError> {
        let job = services.ledger.get(id).await?;
        let order = job.filter(|job| job.kind == BulkOrder::KIND);
        Ok(order.as_ref().and_then(Self::of))
    }

    /// The order of a job. `None`: it is of another kind, or cannot be read.
    pub(crate) fn of(job: &Job) -> Option<Self> {
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
                this: path(job.id),
                cancel: format!("{its}/cancel"),
                job: its,
            },
        })
    }
}

/// Where an order is found.
pub(crate) fn path(id: JobId) -> String {
    format!("/v1/bulk/{id}")
}
