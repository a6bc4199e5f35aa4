//! `GET /v1/queues` and `GET /v1/queues/{queue}`: how much waits, for how long, and how fast it is done.

use axum::Json;
use axum::extract::{Path, State};
use rolecall_core::job::Lane;
use rolecall_jobs::kernel::lanes::lanes;
use serde::Serialize;
use utoipa::ToSchema;

use crate::queue_view::{QueueDetail, QueueView};
use crate::web::auth::right::{Allowed, ReadJobs};
use crate::web::http::problem::ApiError;
use crate::web::http::refused::{Missing, Refused};
use crate::web::state::Web;

/// All queues.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueueList {
    /// The most urgent first.
    queues: Vec<QueueView>,
}

/// How the queues are, and how it went in the last hour and the last day.
#[utoipa::path(get, path = "/v1/queues", tag = "Jobs", operation_id = "listQueues",
    responses((status = 200, description = "All queues", body = QueueList), Refused))]
pub(crate) async fn list_queues(
    State(web): State<Web>,
    _: Allowed<ReadJobs>,
) -> Result<Json<QueueList>, ApiError> {
    let queues = QueueView::all(&lanes(&web.services).await?);
    Ok(Json(QueueList { queues }))
}

/// A queue, with its last hour by minute and its last day by 15 minutes.
#[utoipa::path(get, path = "/v1/queues/{queue}", tag = "Jobs", operation_id = "getQueue",
    params(("queue" = String, Path, description = "The queue")),
    responses((status = 200, description = "The queue", body = QueueDetail), Refused, Missing))]
pub(crate) async fn get_queue(
    State(web): State<Web>,
    _: Allowed<ReadJobs>,
    Path(name): Path<String>,
) -> Result<Json<QueueDetail>, ApiError> {
    let unknown = || {
        let known = Lane::ALL.map(Lane::as_str).join(", ");
        ApiError::not_found(
            "unknown_queue",
            format!("there is no queue {name:?}; there are {known}"),
        )
    };
    let lane = Lane::from_name(&name).ok_or_else(unknown)?;
    let lanes = lanes(&web.services).await?;
    let state = lanes.lanes.iter().find(|state| state.lane == lane);
    Ok(Json(QueueDetail::of(state.ok_or_else(unknown)?, lanes.now)))
}
