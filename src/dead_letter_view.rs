//! Jobs that failed for one cause, as they are sent.

use rolecall_core::dead_letter::{Mark, Said};
use rolecall_core::ports::Share;
use rolecall_core::{Timestamp, query};
use rolecall_jobs::kernel::dead_letters::Group;
use serde::Serialize;
use utoipa::ToSchema;

use crate::cursor::encode;
use crate::job_view::detail::ChildView;
use crate::job_view::{AttemptError, error};

/// Jobs that are alike in one thing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShareView {
    /// The guild's id or the fingerprint; null: those without one.
    value: Option<String>,
    /// How many.
    total: u64,
}

impl From<&Share> for ShareView {
    fn from(share: &Share) -> Self {
        Self {
            value: share.value.clone(),
            total: share.jobs,
        }
    }
}

/// Dead letters by cause.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetters {
    /// The largest group first.
    groups: Vec<DeadLetterGroup>,
    /// Whether there are more groups than were asked for.
    more: bool,
}

impl DeadLetters {
    pub(crate) fn of(groups: &[Group], more: bool) -> Self {
        Self {
            groups: groups.iter().map(DeadLetterGroup::from).collect(),
            more,
        }
    }
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
