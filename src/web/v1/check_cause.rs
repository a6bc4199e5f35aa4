//! `POST /v1/dead-letters/check`: whether what made jobs fail is gone.

use axum::Json;
use axum::extract::State;
use rolecall_jobs::kernel::recheck::check;
use serde::Deserialize;
use utoipa::ToSchema;

use super::mark_cause::{cause, unknown};
use crate::check_view::CheckView;
use crate::web::auth::right::{Allowed, ManageJobs};
use crate::web::http::body::Body;
use crate::web::http::problem::ApiError;
use crate::web::http::refused::{Missing, Refused};
use crate::web::state::Web;

/// Which cause.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "only the document needs it; the body is read field by field"
)]
pub(crate) struct CheckBody {
    /// The cause, as in `GET /v1/dead-letters`.
    fingerprint: Option<String>,
}

/// Looks whether what made jobs fail is gone, by asking Discord: which role is above which, whether the bot is back in the
/// guild, whether its token works; of a payload, whether this release can read it. Changes nothing.
#[utoipa::path(post, path = "/v1/dead-letters/check", tag = "Jobs", operation_id = "checkDeadLetters",
    request_body(content = CheckBody),
    responses((status = 200, description = "What was found", body = CheckView), Refused, Missing))]
pub(crate) async fn check_dead_letters(
    State(web): State<Web>,
    _: Allowed<ManageJobs>,
    Body(mut fields): Body,
) -> Result<Json<CheckView>, ApiError> {
    let fingerprint = cause(&mut fields);
    fields.finish()?;
    let fingerprint = fingerprint.unwrap_or_default();
    let found = check(&web.services, &web.steering.registry, &fingerprint).await?;
    if found.is_empty() {
        return Err(unknown(&fingerprint));
    }
    Ok(Json(CheckView::of(&found, fingerprint)))
}
