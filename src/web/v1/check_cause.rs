//! `POST /v1/dead-letters/check`: whether what made jobs fail is gone.

use axum::Json;
use axum::extract::State;
use rolecall_core::recheck::Finding;
use rolecall_jobs::kernel::recheck::{Checked, check};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::mark_cause::{cause, unknown};
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

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckView {
    /// The cause.
    fingerprint: String,
    /// Whether it is gone everywhere that was looked at.
    gone: bool,
    /// Guild by guild, those with the most jobs first, at most 10.
    places: Vec<PlaceView>,
}

/// What was found about one guild.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaceView {
    /// The guild; null: jobs that are about none.
    guild_id: Option<String>,
    /// How many dead letters of the cause it has.
    total: u64,
    /// Whether the cause is gone here.
    gone: bool,
    /// Everything that was looked at.
    findings: Vec<FindingView>,
    /// A body for `POST /v1/bulk` that runs these jobs again; null while the cause is there.
    redrive: Option<RedriveOffer>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FindingView {
    /// `gone`, `still_there` or `unknown`.
    result: String,
    /// How it is now, in a sentence.
    message: String,
    /// What to do about it.
    remedy: Option<String>,
}

/// A body for `POST /v1/bulk`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RedriveOffer {
    /// `retry`.
    action: String,
    /// Which jobs.
    query: String,
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        Self {
            result: finding.as_str().to_owned(),
            message: finding.now().to_owned(),
            remedy: finding.remedy().map(ToOwned::to_owned),
        }
    }
}

impl PlaceView {
    fn of(place: &Checked, fingerprint: &str) -> Self {
        Self {
            guild_id: place.guild_id.map(|id| id.to_string()),
            total: place.jobs,
            gone: place.is_gone(),
            findings: place.findings.iter().map(FindingView::from).collect(),
            redrive: place.is_gone().then(|| RedriveOffer {
                action: "retry".to_owned(),
                query: place.query(fingerprint),
            }),
        }
    }
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
    Ok(Json(CheckView {
        gone: found.iter().all(Checked::is_gone),
        places: found
            .iter()
            .map(|place| PlaceView::of(place, &fingerprint))
            .collect(),
        fingerprint,
    }))
}
