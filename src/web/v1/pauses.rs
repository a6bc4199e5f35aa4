//! `/v1/pauses`: what is held back.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use rolecall_core::canary::{Canary, LONGEST, SHORTEST};
use rolecall_core::pause::{Held, Pause, PauseId};
use rolecall_core::{Timestamp, query};
use rolecall_jobs::kernel::pauses::no_such_kind;
use serde::Deserialize;
use utoipa::ToSchema;

use super::order_job::{LONGEST_REASON, time};
use crate::config::parse_duration;
use crate::pause_view::{PauseList, PauseView};
use crate::web::auth::right::{Allowed, ManageJobs, ReadJobs};
use crate::web::change::Changing;
use crate::web::http::body::Body;
use crate::web::http::fields::Fields;
use crate::web::http::problem::{ApiError, Detail};
use crate::web::http::query::Params;
use crate::web::http::refused::{Missing, Refused};
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

/// What is held back, the oldest first; pauses that are over, too, until somebody ends them.
#[utoipa::path(get, path = "/v1/pauses", tag = "Jobs", operation_id = "listPauses",
    responses((status = 200, description = "All pauses", body = PauseList), Refused))]
pub(crate) async fn list_pauses(
    State(web): State<Web>,
    _: Allowed<ReadJobs>,
) -> Result<Json<PauseList>, ApiError> {
    let pauses = web.services.pauses.list().await?;
    let now = web.services.clock.now();
    Ok(Json(PauseList::of(&pauses, now)))
}

/// Holds jobs back from within a second on: they are stored, and not run until the pause ends.
#[utoipa::path(post, path = "/v1/pauses", tag = "Jobs", operation_id = "createPause",
    request_body(content = PauseBody),
    responses((status = 201, description = "The pause", body = PauseView), Refused))]
pub(crate) async fn create_pause(
    Changing(change, _): Changing<ManageJobs>,
    Body(fields): Body,
) -> Result<(StatusCode, Json<PauseView>), ApiError> {
    let now = change.web.services.clock.now();
    let Asked {
        held,
        reason,
        until,
        canary,
    } = read(fields, now)?;
    let web = &change.web;
    if let Some(sentence) = no_such_kind(&web.services, &web.registry, &held).await? {
        return Err(ApiError::invalid(vec![Detail::at("/query", sentence)]));
    }
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
    params(
        ("pause_id" = String, Path, description = "The pause"),
        ("reason" = Option<String>, Query, description = "Why, for the record of who did what"),
    ),
    responses((status = 204, description = "It has ended"), Refused, Missing))]
pub(crate) async fn end_pause(
    Changing(change, _): Changing<ManageJobs>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<StatusCode, ApiError> {
    let id: PauseId = id
        .parse()
        .map_err(|_| ApiError::invalid(vec![Detail::at("path.pause_id", "expected a pause's id: a UUID")]))?;
    let reason = params.line("reason", LONGEST_REASON).unwrap_or_default();
    params.finish_strictly()?;
    let (web, by) = (change.web.clone(), change.by(reason));
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
