//! `GET /v1/jobs`.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;

use super::asked_jobs::{self, Asked};
use super::list_runs::link_header;
use crate::job_view::Pausing;
use crate::job_view::page::{Found, JobPage};
use crate::web::auth::right::{Allowed, ReadJobs};
use crate::web::http::cursor;
use crate::web::http::problem::{ApiError, Problem};
use crate::web::http::query::Params;
use crate::web::state::Web;

/// Jobs, newest first. `q` says in one line what the other parameters say word by word, such as
/// `guild:123456789012345678 kind:add_role state:discarded code:50013 since:2h "is above"`; it also takes a pasted id or
/// mention of Discord, or the id of a job.
#[utoipa::path(get, path = "/v1/jobs", tag = "Jobs", operation_id = "listJobs",
    params(
        ("q" = Option<String>, Query, description = "A query: words such as `state:discarded`, pasted ids, words of error messages"),
        ("state" = Option<String>, Query, description = "In one of these states, comma-separated"),
        ("kind" = Option<String>, Query, description = "Of this kind"),
        ("queue" = Option<String>, Query, description = "Of this queue (lane)"),
        ("guild" = Option<String>, Query, description = "Of this guild"),
        ("user" = Option<String>, Query, description = "Of this user"),
        ("discord_id" = Option<String>, Query, description = "Of this Discord account"),
        ("role" = Option<String>, Query, description = "About this role"),
        ("run" = Option<String>, Query, description = "Of this run"),
        ("parent" = Option<String>, Query, description = "Made by this job"),
        ("webhook" = Option<String>, Query, description = "A delivery to this endpoint of events"),
        ("fingerprint" = Option<String>, Query, description = "Failed for this cause"),
        ("code" = Option<String>, Query, description = "Whose last failure has this code: a name, or Discord's number"),
        ("since" = Option<String>, Query, description = "Stored since this time: an age such as `2h`, or a date"),
        ("until" = Option<String>, Query, description = "Stored before this time"),
        ("text" = Option<String>, Query, description = "Whose last failure says this, whatever the case"),
        ("limit" = Option<u32>, Query, description = "1 to 200; default 50"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, description = "A page; `Link` leads to the next", body = JobPage, headers(("Link" = String))),
        (status = 400, description = "A foreign cursor", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the permission", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "Wrong values", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store did not answer", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn list_jobs(
    State(web): State<Web>,
    _: Allowed<ReadJobs>,
    mut params: Params,
) -> Result<(HeaderMap, Json<JobPage>), ApiError> {
    let asked = asked_jobs::read(&mut params, web.services.clock.now());
    let limit = params.page_size();
    let cursor = params.text(&["cursor"]);
    params.finish_strictly()?;
    let after = cursor.map(|text| cursor::read(&text, &asked.list)).transpose()?;
    let Asked { query, pairs, list } = asked;
    let found = match query.job {
        Some(id) => Found::one(web.services.ledger.get(id).await?),
        None => {
            let filter = asked_jobs::filter(&web, query).await?;
            Found::page(&web.services, &filter, &list, after, limit).await?
        }
    };
    let headers = link_header(found.next.as_deref(), "/v1/jobs", &pairs, limit);
    let pausing = Pausing::now(&web.services).await?;
    Ok((headers, Json(found.view(&pausing))))
}
