//! `GET /v1/jobs`.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use rolecall_core::job::JobState;
use rolecall_core::ports::{JobCursor, JobFilter};
use rolecall_core::{JobId, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use super::job_view::JobView;
use super::list_runs::{DEFAULT_LIMIT, MOST, link_header};
use crate::web::auth::right::{Allowed, ReadJobs};
use crate::web::http::cursor::{self, Place};
use crate::web::http::fields::SNOWFLAKE;
use crate::web::http::problem::{ApiError, Problem};
use crate::web::http::query::Params;
use crate::web::state::Web;

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobPage {
    /// Jobs, newest first.
    jobs: Vec<JobView>,
    /// Cursor of the next page; null on the last.
    next: Option<String>,
}

/// Jobs, newest first.
#[utoipa::path(get, path = "/v1/jobs", tag = "Jobs", operation_id = "listJobs",
    params(
        ("state" = Option<String>, Query, description = "In one of these states, comma-separated"),
        ("kind" = Option<String>, Query, description = "Of this kind"),
        ("guild" = Option<String>, Query, description = "Of this guild"),
        ("user" = Option<String>, Query, description = "Of this user"),
        ("discord_id" = Option<String>, Query, description = "Of this Discord account"),
        ("run" = Option<String>, Query, description = "Of this run"),
        ("since" = Option<String>, Query, description = "Made at this moment or later (RFC 3339)"),
        ("until" = Option<String>, Query, description = "Made before this moment (RFC 3339)"),
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
    let filter = read(&mut params);
    let limit = params.limit(DEFAULT_LIMIT, MOST);
    let cursor = params.text(&["cursor"]);
    params.finish_strictly()?;
    let written = write(&filter);
    let list = format!("jobs?{written:?}");
    let after = cursor.map(|text| cursor::read(&text, &list)).transpose()?;
    let after = after.map(|place| JobCursor {
        inserted_at: place.at,
        id: JobId(place.id),
    });
    let mut jobs = web.services.ledger.list(&filter, after, limit + 1).await?;
    let more = jobs.len() > limit;
    jobs.truncate(limit);
    let next = jobs.last().filter(|_| more).map(|job| {
        let place = Place {
            at: job.inserted_at,
            id: job.id.0,
        };
        cursor::write(place, &list)
    });
    let headers = link_header(next.as_deref(), "/v1/jobs", &written, limit);
    let jobs = jobs.iter().map(JobView::brief).collect();
    Ok((headers, Json(JobPage { jobs, next })))
}

fn read(params: &mut Params) -> JobFilter {
    let mut states = Vec::new();
    for word in params.text(&["state", "states"]).unwrap_or_default().split(',') {
        match JobState::from_name(word.trim()) {
            Some(state) if states.contains(&state) => {}
            Some(state) => states.push(state),
            None if word.trim().is_empty() => {}
            None => {
                let known = JobState::ALL.map(JobState::as_str).join(", ");
                params.wrong("state", format!("expected some of {known}"));
            }
        }
    }
    // The same filter has to be written alike, or its cursors would be foreign to one another.
    states.sort_unstable();
    JobFilter {
        states,
        kind: params.text(&["kind"]),
        guild_id: params.parsed(&["guild", "guild_id"], SNOWFLAKE),
        user_id: params.text(&["user", "user_id"]).map(UserId),
        discord_id: params.parsed(&["discord_id"], SNOWFLAKE),
        run_id: params.parsed(&["run", "run_id"], "a run's id: a UUID"),
        since: moment(params, "since"),
        until: moment(params, "until"),
        ..JobFilter::default()
    }
}

fn moment(params: &mut Params, name: &'static str) -> Option<Timestamp> {
    // In a query, a plus that nobody escaped is a blank.
    let text = params.text(&[name])?.replace(' ', "+");
    let moment = Timestamp::from_rfc3339(&text);
    if moment.is_none() {
        params.wrong(name, "expected a moment such as 2026-11-25T10:00:00Z");
    }
    moment
}

/// The filter as query parameters.
fn write(filter: &JobFilter) -> Vec<(&'static str, String)> {
    let states: Vec<&str> = filter.states.iter().map(|s| s.as_str()).collect();
    let all = [
        ("state", Some(states.join(",")).filter(|s| !s.is_empty())),
        ("kind", filter.kind.clone()),
        ("guild", filter.guild_id.map(|id| id.to_string())),
        ("user", filter.user_id.as_ref().map(ToString::to_string)),
        ("discord_id", filter.discord_id.map(|id| id.to_string())),
        ("run", filter.run_id.map(|id| id.to_string())),
        ("since", filter.since.map(Timestamp::to_rfc3339)),
        ("until", filter.until.map(Timestamp::to_rfc3339)),
    ];
    all.into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<JobFilter, ApiError> {
        let mut params = Params::of(&format!("/v1/jobs?{query}").parse().unwrap());
        let filter = read(&mut params);
        params.finish_strictly().map(|()| filter)
    }

    #[test]
    fn a_filter_is_read_and_written_alike() {
        let run = "019a2c8e-5b1d-7c3a-9f00-0123456789ab";
        let query = format!(
            "run={run}&state=discarded,%20running,running&guild=5&discord_id=7&user=a&kind=add_role\
                &since=2026-11-25T10:00:00+01:00&until=2026-11-25T10:00:00.5Z"
        );
        let filter = parse(&query).unwrap();
        let times = [filter.since, filter.until].map(|t| t.unwrap().to_rfc3339());
        assert_eq!(times, ["2026-11-25T09:00:00.000Z", "2026-11-25T10:00:00.500Z"]);
        assert_eq!(filter.states, [JobState::Running, JobState::Discarded]);
        let written = write(&filter);
        let again: Vec<String> = written.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(parse(&again.join("&")).unwrap(), filter);
        assert_eq!(parse("state=&kind=&run=").unwrap(), JobFilter::default());
    }

    #[test]
    fn a_wrong_filter_is_refused_with_its_place() {
        for (query, place) in [
            ("state=done", "query.state"),
            ("guild=x", "query.guild"),
            ("discord_id=0", "query.discord_id"),
            ("run=7", "query.run"),
            ("since=yesterday", "query.since"),
            ("until=2026-11-25", "query.until"),
            ("stat=running", "query.stat"),
        ] {
            let problem = parse(query).unwrap_err().problem();
            assert_eq!(problem.errors[0].location.as_deref(), Some(place), "{query}");
        }
    }
}
