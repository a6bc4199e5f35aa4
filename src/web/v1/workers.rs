//! `/v1/workers`: which processes there are, and the order to take no more jobs.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use rolecall_core::worker::Drain;
use rolecall_jobs::kernel::fleet::fleet;
use rolecall_jobs::kernel::steering::DrainOrdered;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::order_job::reason;
use crate::fleet_view::WorkerView;
use crate::web::auth::right::{Allowed, ManageJobs, ReadJobs};
use crate::web::change::Changing;
use crate::web::http::body::Body;
use crate::web::http::problem::ApiError;
use crate::web::http::refused::{Missing, Refused};
use crate::web::state::Web;

/// How a process is drained, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "only the document needs it; the body is read field by field"
)]
pub(crate) struct DrainBody {
    /// Whether the process ends once it runs nothing; otherwise it stays, idle.
    exit: Option<bool>,
    /// Why, for the record of who did what.
    reason: Option<String>,
}

/// All processes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkerList {
    /// Those of the last day, by id.
    workers: Vec<WorkerView>,
}

/// Processes of the last day: those that live, those that stopped, and those that are lost.
#[utoipa::path(get, path = "/v1/workers", tag = "Jobs", operation_id = "listWorkers",
    responses((status = 200, description = "All processes", body = WorkerList), Refused))]
pub(crate) async fn list_workers(
    State(web): State<Web>,
    _: Allowed<ReadJobs>,
) -> Result<Json<WorkerList>, ApiError> {
    let workers = WorkerView::all(&fleet(&web.services).await?);
    Ok(Json(WorkerList { workers }))
}

/// Orders a process to take no more jobs. It hears of it within 5 s, finishes what it runs, and stays, idle, until the
/// order is taken back; with `exit` it ends.
#[utoipa::path(post, path = "/v1/workers/{worker_id}/drain", tag = "Jobs", operation_id = "drainWorker",
    params(("worker_id" = String, Path, description = "The process")),
    request_body(content = Option<DrainBody>, description = "Optional"),
    responses((status = 200, description = "It is ordered", body = WorkerView), Refused, Missing))]
pub(crate) async fn drain_worker(
    Changing(change, _): Changing<ManageJobs>,
    Path(id): Path<String>,
    Body(mut fields): Body,
) -> Result<Json<WorkerView>, ApiError> {
    let exit = fields.flag("exit").unwrap_or_default();
    let reason = reason(&mut fields);
    fields.finish()?;
    let by = change.by(reason);
    let drain = Drain {
        by: by.cause.actor.clone(),
        reason: by.cause.reason.clone(),
        at: change.web.services.clock.now(),
        exit,
    };
    let web = change.web.clone();
    let act = async move { ordered(&web, &id, web.steering.drain(&id, Some(&drain), &by).await?).await };
    change.whole(act).await
}

/// Takes the order back: the process takes jobs again within 5 s.
#[utoipa::path(post, path = "/v1/workers/{worker_id}/undrain", tag = "Jobs", operation_id = "undrainWorker",
    params(("worker_id" = String, Path, description = "The process")),
    request_body(content = Option<super::order_job::OrderBody>, description = "Optional"),
    responses((status = 200, description = "It is ordered", body = WorkerView), Refused, Missing))]
pub(crate) async fn undrain_worker(
    Changing(change, _): Changing<ManageJobs>,
    Path(id): Path<String>,
    Body(mut fields): Body,
) -> Result<Json<WorkerView>, ApiError> {
    let reason = reason(&mut fields);
    fields.finish()?;
    let (web, by) = (change.web.clone(), change.by(reason));
    let act = async move { ordered(&web, &id, web.steering.drain(&id, None, &by).await?).await };
    change.whole(act).await
}

async fn ordered(web: &Web, id: &str, ordered: DrainOrdered) -> Result<Json<WorkerView>, ApiError> {
    let unknown = || ApiError::not_found("unknown_worker", ordered.told(id));
    match ordered {
        DrainOrdered::Unknown => return Err(unknown()),
        DrainOrdered::Deaf(_) => {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "worker_is_gone",
                ordered.told(id),
            ));
        }
        DrainOrdered::Done => {}
    }
    let fleet = fleet(&web.services).await?;
    let member = fleet.member(id).ok_or_else(unknown)?;
    Ok(Json(WorkerView::of(member, fleet.now)))
}
