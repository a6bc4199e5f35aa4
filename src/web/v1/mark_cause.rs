//! `POST /v1/dead-letters/mark`: what somebody says of a cause.

use axum::Json;
use rolecall_core::Timestamp;
use rolecall_core::dead_letter::Said;
use rolecall_jobs::kernel::dead_letters::group;
use serde::Deserialize;
use utoipa::ToSchema;

use super::order_job::{reason, time};
use crate::dead_letter_view::DeadLetterGroup;
use crate::web::auth::right::ManageJobs;
use crate::web::change::Changing;
use crate::web::http::body::Body;
use crate::web::http::fields::Fields;
use crate::web::http::problem::ApiError;
use crate::web::http::refused::{Missing, Refused};

/// What is said of which cause.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "only the document needs it; the body is read field by field"
)]
pub(crate) struct MarkBody {
    /// The cause, as in `GET /v1/dead-letters`.
    fingerprint: Option<String>,
    /// `resolved`: it is mended. `ignored`: nobody needs to look at it. `open`: neither.
    #[serde(rename = "as")]
    mark: Option<String>,
    /// For `ignored`: until this moment. Without it and `for`: for ever.
    until: Option<String>,
    /// For `ignored`: so long, such as `24h`.
    #[serde(rename = "for")]
    length: Option<String>,
    /// Why, for the record of who did what.
    reason: Option<String>,
}

/// Says that a cause is mended, or that nobody needs to look at it for now. If jobs fail for it after it was called mended,
/// or when its time is over, its group is open again, and says so.
#[utoipa::path(post, path = "/v1/dead-letters/mark", tag = "Jobs", operation_id = "markDeadLetters",
    request_body(content = MarkBody),
    responses((status = 200, description = "The group", body = DeadLetterGroup), Refused, Missing))]
pub(crate) async fn mark_dead_letters(
    Changing(change, _): Changing<ManageJobs>,
    Body(fields): Body,
) -> Result<Json<DeadLetterGroup>, ApiError> {
    let asked = read(fields, change.web.services.clock.now())?;
    let (web, by) = (change.web.clone(), change.by(asked.reason));
    let act = async move {
        let cause = asked.fingerprint;
        let Some(before) = group(&web.services, &cause).await? else {
            return Err(unknown(&cause));
        };
        match asked.said {
            Some(said) => drop(web.steering.mark_cause(&cause, said, &by).await?),
            None => drop(web.steering.unmark_cause(&cause, &by).await?),
        }
        let after = group(&web.services, &cause).await?.unwrap_or(before);
        Ok(Json(DeadLetterGroup::from(&after)))
    };
    change.whole(act).await
}

/// There is no dead letter of this cause.
pub(super) fn unknown(fingerprint: &str) -> ApiError {
    ApiError::not_found(
        "unknown_cause",
        format!("there is no dead letter of the cause {fingerprint:?}"),
    )
}

/// The cause of a body.
pub(super) fn cause(fields: &mut Fields) -> Option<String> {
    let cause = fields.text("fingerprint");
    if cause.is_none() {
        fields.require("fingerprint");
    }
    cause
}

struct Asked {
    fingerprint: String,
    /// `None`: takes back what was said.
    said: Option<Said>,
    reason: String,
}

fn read(mut fields: Fields, now: Timestamp) -> Result<Asked, ApiError> {
    let fingerprint = cause(&mut fields);
    let until = time(&mut fields, ["until", "for"], now);
    if until.is_some_and(|until| until <= now) {
        fields.wrong("until", "lies in the past");
    }
    let mut said = None;
    match fields.text("as").as_deref() {
        Some(Said::IGNORED) => said = Some(Said::Ignored(until)),
        Some(name @ (Said::RESOLVED | "open")) => {
            said = (name != "open").then_some(Said::Resolved);
            if until.is_some() {
                fields.wrong("until", "goes only with ignored");
            }
        }
        Some(_) => fields.wrong("as", "expected resolved, ignored or open"),
        None => fields.require("as"),
    }
    let reason = reason(&mut fields);
    fields.finish()?;
    Ok(Asked {
        fingerprint: fingerprint.unwrap_or_default(),
        said,
        reason,
    })
}
