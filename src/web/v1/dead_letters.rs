//! `GET /v1/dead-letters`: jobs that failed for good, by cause.

use axum::Json;
use axum::extract::State;
use rolecall_core::dead_letter::{Mark, Said, Standing};
use rolecall_core::{Timestamp, query};
use rolecall_jobs::kernel::dead_letters::{Group, groups_standing};
use serde::Serialize;
use utoipa::ToSchema;

use super::asked_jobs;
use super::bulk::ShareView;
use super::job_detail::ChildView;
use super::job_view::{AttemptError, error};
use crate::web::auth::right::{Allowed, ReadJobs};
use crate::web::http::cursor::encode;
use crate::web::http::problem::ApiError;
use crate::web::http::query::Params;
use crate::web::http::refused::Refused;
use crate::web::state::Web;

/// Most groups of an answer.
pub(crate) const MOST: usize = 100;
/// Groups of an answer.
pub(crate) const DEFAULT: usize = 20;

/// Dead letters by cause.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetters {
    /// The largest group first.
    groups: Vec<DeadLetterGroup>,
    /// Whether there are more groups than were asked for.
    more: bool,
}

/// Dead letters of one cause.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetterGroup {
    /// The cause; null: jobs without one.
    fingerprint: Option<String>,
    /// How many jobs.
    total: u64,
    /// When the first of them failed for good.
    first_seen: String,
    /// When the last of them did.
    last_seen: String,
    /// Their guilds, the largest share first, at most 50.
    guilds: Vec<ShareView>,
    /// The job stored last.
    example: Option<ChildView>,
    /// The error of that job's last attempt, with what to do about it.
    error: Option<AttemptError>,
    /// The list of all of them; null where they have no cause to be found by.
    jobs: Option<String>,
    /// How many failed for good in each hour of the last 48, the oldest first; hours without one are left out.
    by_hour: Vec<HourView>,
    /// `open`; `resolved` or `ignored`, as somebody said; or `reopened`, if it came back after that.
    standing: String,
    /// The same in a sentence.
    standing_note: String,
    /// What somebody said of it.
    mark: Option<MarkView>,
    /// What to do about it, as its newest job was told: of a role that is too high, which role is above which, with both
    /// positions.
    remedy: Option<String>,
    /// What it shares with other groups of this list; null: nothing.
    shared_cause: Option<SharedCause>,
}

/// What several groups have in common: the same code in the same guild, met by other kinds of jobs or at other calls. Mended
/// once, it is mended for all of them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SharedCause {
    /// The code: Discord's (`50013`) or rolecall's (`discord_unauthorized`).
    code: String,
    /// The fingerprints of the other groups.
    fingerprints: Vec<String>,
    /// A query that finds the jobs of all of them, for `POST /v1/bulk`.
    query: String,
}

impl SharedCause {
    fn of(group: &Group) -> Option<Self> {
        Some(Self {
            code: group.code()?.to_owned(),
            fingerprints: group.same_cause.clone(),
            query: group.shared_query()?,
        })
    }
}

/// Dead letters of an hour.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HourView {
    /// When the hour began.
    hour: String,
    /// How many.
    total: u64,
}

/// What somebody said of a cause.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MarkView {
    /// `resolved` or `ignored`.
    said: String,
    /// Until when it is ignored; null: for ever.
    until: Option<String>,
    /// When it was said.
    at: String,
    /// Who said it.
    by: String,
    /// Why.
    reason: String,
}

impl From<&Mark> for MarkView {
    fn from(mark: &Mark) -> Self {
        let until = match mark.said {
            Said::Ignored(until) => until,
            Said::Resolved => None,
        };
        Self {
            said: mark.said.as_str().to_owned(),
            until: until.map(Timestamp::to_rfc3339),
            at: mark.at.to_rfc3339(),
            by: mark.by.clone(),
            reason: mark.reason.clone(),
        }
    }
}

impl From<&Group> for DeadLetterGroup {
    fn from(group: &Group) -> Self {
        let last = group.example.as_ref().and_then(|job| job.attempts.last());
        Self {
            fingerprint: group.fingerprint.clone(),
            total: group.jobs,
            first_seen: group.first.to_rfc3339(),
            last_seen: group.last.to_rfc3339(),
            guilds: group.guilds.iter().map(ShareView::from).collect(),
            example: group.example.as_ref().map(ChildView::from),
            error: last.and_then(error),
            jobs: group.fingerprint.as_ref().map(|cause| {
                let q = format!("state:discarded {}", query::word("fingerprint", cause));
                format!("/v1/jobs?q={}", encode(&q))
            }),
            by_hour: group
                .by_hour
                .iter()
                .map(|(hour, total)| HourView {
                    hour: hour.to_rfc3339(),
                    total: *total,
                })
                .collect(),
            standing: group.standing.as_str().to_owned(),
            standing_note: group.standing.told(),
            mark: group.standing.mark().map(MarkView::from),
            remedy: group.remedy(),
            shared_cause: SharedCause::of(group),
        }
    }
}

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
        ("limit" = Option<u32>, Query, description = "1 to 100; default 20"),
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
    let limit = params.limit(DEFAULT, MOST);
    params.finish_strictly()?;
    let filter = asked_jobs::filter(&web, asked.query).await?;
    let mut found = groups_standing(&web.services, &filter, &standings, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    Ok(Json(DeadLetters {
        groups: found.iter().map(DeadLetterGroup::from).collect(),
        more,
    }))
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
