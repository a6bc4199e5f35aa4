//! `/v1/pauses`: what is held back.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use rolecall_core::canary::{Canary, LONGEST, SHORTEST};
use rolecall_core::pause::{Held, Pause, PauseId};
use rolecall_core::{Timestamp, query};
use rolecall_jobs::kernel::pauses::no_such_kind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::order_job::{LONGEST_REASON, time};
use crate::config::parse_duration;
use crate::web::auth::right::{Allowed, ManageJobs, ReadJobs};
use crate::web::change::Change;
use crate::web::http::body::Body;
use crate::web::http::fields::Fields;
use crate::web::http::problem::{ApiError, Detail};
use crate::web::http::refused::{Missing, Refused};
use crate::web::http::trace::RequestNames;
use crate::web::state::Web;

/// Which jobs to hold back, why, and how long.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "only the document needs it; the body is read field by field"
)]
pub(crate) struct PauseBody {
    /// `queue:…`, `kind:…`, `guild:…`, `fingerprint:…`; of several words, jobs that are alike in all. `everything`:
    /// every job.
    query: Option<String>,
    /// Why, for whoever wonders.
    reason: Option<String>,
    /// Until this moment. Without it and `for`: until somebody ends it.
    until: Option<String>,
    /// So long, such as `2h`.
    #[serde(rename = "for")]
    length: Option<String>,
    /// So often, such as `10m`, one of the jobs is let through; the first that succeeds ends the pause. From `10s` to
    /// `168h`. Without it: none is.
    canary: Option<String>,
}

/// A pause.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PauseView {
    id: String,
    /// What it holds back, as a query.
    holds: String,
    /// Why.
    reason: String,
    /// Who made it.
    author: String,
    created_at: String,
    /// When it ends; null: when somebody ends it.
    until: Option<String>,
    /// Whether it holds anything back now.
    is_on: bool,
    /// What is let through to find out whether it is still needed; null: nothing is.
    canary: Option<CanaryView>,
}

/// A job that is let through from time to time: the first that succeeds ends the pause.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CanaryView {
    /// So long after one that failed, the next one is let through.
    every_seconds: u64,
    /// When the next one is.
    next_at: String,
    /// The job that is let through now.
    job_id: Option<String>,
    /// How many failed.
    failed: u32,
    /// The last one that ended.
    last: Option<SangView>,
}

/// How a job that was let through ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SangView {
    /// The job.
    job_id: String,
    /// When that was seen.
    at: String,
    /// Whether it succeeded.
    well: bool,
    /// What happened.
    message: String,
}

impl From<&Canary> for CanaryView {
    fn from(canary: &Canary) -> Self {
        Self {
            every_seconds: canary.every.as_secs(),
            next_at: canary.next_at.to_rfc3339(),
            job_id: canary.out.map(|out| out.job.to_string()),
            failed: canary.failed,
            last: canary.last.as_ref().map(|sang| SangView {
                job_id: sang.job.to_string(),
                at: sang.at.to_rfc3339(),
                well: sang.well,
                message: sang.what.clone(),
            }),
        }
    }
}

/// All pauses.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PauseList {
    /// The oldest first.
    pauses: Vec<PauseView>,
}

impl PauseView {
    fn of(pause: &Pause, now: Timestamp) -> Self {
        Self {
            id: pause.id.to_string(),
            holds: pause.held.to_string(),
            reason: pause.reason.clone(),
            author: pause.author.clone(),
            created_at: pause.created_at.to_rfc3339(),
            until: pause.until.map(Timestamp::to_rfc3339),
            is_on: pause.is_on(now),
            canary: pause.canary.as_ref().map(CanaryView::from),
        }
    }
}

/// What is held back, the oldest first; pauses that are over, too, until somebody ends them.
#[utoipa::path(get, path = "/v1/pauses", tag = "Jobs", operation_id = "listPauses",
    responses((status = 200, description = "All pauses", body = PauseList), Refused))]
pub(crate) async fn list_pauses(
    State(web): State<Web>,
    _: Allowed<ReadJobs>,
) -> Result<Json<PauseList>, ApiError> {
    let pauses = web.services.pauses.list().await?;
    let now = web.services.clock.now();
    Ok(Json(PauseList {
        pauses: pauses.iter().map(|pause| PauseView::of(pause, now)).collect(),
    }))
}

/// Holds jobs back from within a second on: they are stored, and not run until the pause ends.
#[utoipa::path(post, path = "/v1/pauses", tag = "Jobs", operation_id = "createPause",
    request_body(content = PauseBody),
    responses((status = 201, description = "The pause", body = PauseView), Refused))]
pub(crate) async fn create_pause(
    State(web): State<Web>,
    Allowed(caller, _): Allowed<ManageJobs>,
    names: RequestNames,
    Body(fields): Body,
) -> Result<(StatusCode, Json<PauseView>), ApiError> {
    let now = web.services.clock.now();
    let Asked {
        held,
        reason,
        until,
        canary,
    } = read(fields, now)?;
    if let Some(sentence) = no_such_kind(&web.services, &web.registry, &held).await? {
        return Err(ApiError::invalid(vec![Detail::at("/query", sentence)]));
    }
    let change = Change {
        web,
        caller,
        names,
        route: "POST /v1/pauses",
    };
    let (web, by) = (change.web.clone(), change.by(reason));
    let pause = Pause {
        id: PauseId(by.new_id()),
        held,
        reason: by.cause.reason.clone(),
        author: by.cause.actor.clone(),
        created_at: now,
        until,
        canary: canary.map(|every| Canary::new(every, now + every)),
    };
    let act = async move {
        web.steering.pause(&pause, &by).await?;
        Ok((StatusCode::CREATED, Json(PauseView::of(&pause, now))))
    };
    change.whole(act).await
}

/// Ends a pause: what it held back runs.
#[utoipa::path(delete, path = "/v1/pauses/{pause_id}", tag = "Jobs", operation_id = "endPause",
    params(("pause_id" = String, Path, description = "The pause")),
    responses((status = 204, description = "It has ended"), Refused, Missing))]
pub(crate) async fn end_pause(
    State(web): State<Web>,
    Allowed(caller, _): Allowed<ManageJobs>,
    names: RequestNames,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id: PauseId = id
        .parse()
        .map_err(|_| ApiError::invalid(vec![Detail::at("path.pause_id", "expected a pause's id: a UUID")]))?;
    let change = Change {
        web,
        caller,
        names,
        route: "DELETE /v1/pauses/{pause_id}",
    };
    let (web, by) = (change.web.clone(), change.by(String::new()));
    let act = async move {
        if web.steering.resume(id, &by).await? {
            return Ok(StatusCode::NO_CONTENT);
        }
        Err(ApiError::not_found(
            "unknown_pause",
            format!("there is no pause {id}"),
        ))
    };
    change.whole(act).await
}

/// What was asked for.
#[derive(Debug, Default)]
struct Asked {
    held: Held,
    reason: String,
    until: Option<Timestamp>,
    canary: Option<Duration>,
}

fn read(mut fields: Fields, now: Timestamp) -> Result<Asked, ApiError> {
    let held = match fields.text("query") {
        None => {
            fields.require("query");
            None
        }
        Some(text) if text.eq_ignore_ascii_case(query::EVERYTHING) => Some(Held::default()),
        Some(text) => match query::parse(&text, now).map(|query| query::held(&query)) {
            Ok(Ok(held)) => Some(held),
            Ok(Err(sentence)) => {
                fields.wrong("query", sentence);
                None
            }
            Err(wrong) => {
                fields.wrong("query", wrong.join("; "));
                None
            }
        },
    };
    let reason = fields.line("reason", LONGEST_REASON);
    if reason.is_none() {
        fields.require("reason");
    }
    let until = time(&mut fields, ["until", "for"], now);
    if until.is_some_and(|until| until <= now) {
        fields.wrong("until", "lies in the past");
    }
    let canary = fields.text("canary").and_then(|text| {
        let every = parse_duration(&text).filter(|every| (SHORTEST..=LONGEST).contains(every));
        if every.is_none() {
            fields.wrong(
                "canary",
                "expected a length of time such as 10m, from 10s to 168h",
            );
        }
        every
    });
    fields.finish()?;
    Ok(Asked {
        held: held.unwrap_or_default(),
        reason: reason.unwrap_or_default(),
        until,
        canary,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn parse(body: &Value) -> Result<(Held, String, Option<Timestamp>), ApiError> {
        let asked = read(Fields::new(body.as_object().cloned().unwrap()), NOW)?;
        Ok((asked.held, asked.reason, asked.until))
    }

    #[test]
    fn a_pause_says_what_why_and_how_long() {
        let (held, reason, until) =
            parse(&json!({"query": "queue:bulk guild:5", "reason": "moved", "for": "2h"})).unwrap();
        assert_eq!(
            (held.to_string().as_str(), reason.as_str()),
            ("queue:bulk guild:5", "moved")
        );
        assert_eq!(until, Some(Timestamp(NOW.0 + 7_200_000)));
        let (held, _, until) = parse(&json!({"query": "everything", "reason": "x"})).unwrap();
        assert_eq!((held, until), (Held::default(), None));
    }

    #[test]
    fn a_pause_without_jobs_or_reason_or_with_a_wrong_end_is_refused_at_its_place() {
        for (body, place) in [
            (json!({"reason": "x"}), "/query"),
            (json!({"query": "kind:add_role"}), "/reason"),
            (json!({"query": "state:discarded", "reason": "x"}), "/query"),
            (json!({"query": "colour:red", "reason": "x"}), "/query"),
            (json!({"query": "kind:a", "reason": "x", "for": "soon"}), "/for"),
            (
                json!({"query": "kind:a", "reason": "x", "canary": "1s"}),
                "/canary",
            ),
            (
                json!({"query": "kind:a", "reason": "x", "until": "2020-01-01T00:00:00Z"}),
                "/until",
            ),
            (
                json!({"query": "kind:a", "reason": "x", "for": "2h", "until": "2099-01-01T00:00:00Z"}),
                "/for",
            ),
        ] {
            let problem = parse(&body).unwrap_err().problem();
            assert_eq!(problem.errors[0].location.as_deref(), Some(place), "{body}");
        }
    }
}
