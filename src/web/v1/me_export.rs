//! `GET /v1/me/export`: everything that is stored about the caller.

use axum::Json;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, HeaderName};

use crate::export::{self, Export};
use crate::web::auth::EvenBanned;
use crate::web::http::problem::{ApiError, Problem};
use crate::web::state::Web;

/// Everything that is stored about the caller: accounts (without tokens), groups, roles and why, audit records, jobs, runs.
#[utoipa::path(get, path = "/v1/me/export", tag = "Own data", operation_id = "exportOwnData",
    responses(
        (status = 200, description = "One document, to be saved as a file", body = Export,
            headers(("Content-Disposition" = String))),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store or the directory did not answer", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn export_own(
    State(web): State<Web>,
    EvenBanned(caller): EvenBanned,
) -> Result<([(HeaderName, &'static str); 2], Json<Export>), ApiError> {
    let export = export::of_user(&web.services, caller.user()?).await?;
    let headers = [
        (
            CONTENT_DISPOSITION,
            "attachment; filename=\"rolecall-export.json\"",
        ),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Json(export)))
}
