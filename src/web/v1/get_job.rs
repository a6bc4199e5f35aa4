//! `GET /v1/jobs/{job_id}`.

use axum::Json;
use axum::extract::{Path, State};
use rolecall_core::JobId;

use crate::job_view::JobView;
use crate::web::auth::right::{Allowed, ReadJobs};
use crate::web::http::problem::{ApiError, Detail, Problem};
use crate::web::state::Web;

/// A job with its attempts, its life, its parent and its children, and why it waits.
#[utoipa::path(get, path = "/v1/jobs/{job_id}", tag = "Jobs", operation_id = "getJob",
    params(("job_id" = String, Path, description = "The job")),
    responses(
        (status = 200, description = "The job", body = JobView),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the permission", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "No such job", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "No id", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store did not answer", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn get_job(
    State(web): State<Web>,
    _: Allowed<ReadJobs>,
    Path(id): Path<String>,
) -> Result<Json<JobView>, ApiError> {
    Ok(Json(detail(&web, id_of(&id)?).await?))
}

/// A job's id in a path.
pub(super) fn id_of(text: &str) -> Result<JobId, ApiError> {
    text.parse()
        .map_err(|_| ApiError::invalid(vec![Detail::at("path.job_id", "expected a job's id: a UUID")]))
}

/// The whole job.
pub(super) async fn detail(web: &Web, id: JobId) -> Result<JobView, ApiError> {
    let found = JobView::find(&web.services, id).await?;
    found.ok_or_else(|| unknown(id))
}

/// What an unknown job is told.
pub(super) fn unknown(id: JobId) -> ApiError {
    ApiError::not_found("unknown_job", format!("there is no job {id}"))
}
