//! `GET /v1/dead-letters`: jobs that failed for good, by cause.

use axum::Json;
use axum::extract::State;
use rolecall_core::dead_letter::Standing;
use rolecall_jobs::kernel::dead_letters::groups_standing;

use super::asked_jobs;
use crate::dead_letter_view::DeadLetters;
use crate::web::auth::right::{Allowed, ReadJobs};
use crate::web::http::problem::ApiError;
use crate::web::http::query::Params;
use crate::web::http::refused::Refused;
use crate::web::state::Web;

/// Jobs that failed for good, by cause, the largest group first. A group is run again with `POST /v1/bulk` and the query
/// `state:discarded fingerprint:…`.
#[utoipa::path(get, path = "/v1/dead-letters", tag = "Jobs", operation_id = "listDeadLetters",
    params(
        ("q" = Option<String>, Query, description = "Only of jobs that this query finds, as in `GET /v1/jobs`"),
        ("guild" = Option<String>, Query, description = "Only of this guild"),
        ("kind" = Option<String>, Query, description = "Only of this kind"),
        ("code" = Option<String>, Query, description = "Only with this code: Discord's (`50013`) or rolecall's"),
        ("since" = Option<String>, Query, description = "Only of jobs stored since this time: an age such as `2h`, or a date"),
        ("standing" = Option<String>, Query, description = "Only groups that stand so: `open`, `resolved`, `ignored` or \
            `reopened`; several with commas"),
        ("limit" = Option<u32>, Query, description = "1 to 200; default 50"),
    ),
    responses((status = 200, description = "The groups", body = DeadLetters), Refused))]
pub(crate) async fn list_dead_letters(
    State(web): State<Web>,
    _: Allowed<ReadJobs>,
    mut params: Params,
) -> Result<Json<DeadLetters>, ApiError> {
    let asked = asked_jobs::read(&mut params, web.services.clock.now());
    if asked.query.job.is_some() {
        params.wrong("q", "is about one job; use GET /v1/jobs/{job_id}");
    }
    let standings = standings(&mut params);
    let limit = params.page_size();
    params.finish_strictly()?;
    let filter = asked_jobs::filter(&web, asked.query).await?;
    let mut found = groups_standing(&web.services, &filter, &standings, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    Ok(Json(DeadLetters::of(&found, more)))
}

/// `standing` of a query.
fn standings(params: &mut Params) -> Vec<&'static str> {
    let mut out = Vec::new();
    for name in params.text(&["standing"]).unwrap_or_default().split(',') {
        match Standing::name_of(name) {
            Some(known) => out.push(known),
            None if name.trim().is_empty() => {}
            None => params.wrong(
                "standing",
                format!(
                    "expected some of {}, with commas between them",
                    Standing::NAMES.join(", ")
                ),
            ),
        }
    }
    out
}
