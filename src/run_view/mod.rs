//! A run, as it is sent.

pub(crate) mod page;
mod results;
mod whole;

pub(crate) use results::ResultsView;
pub(crate) use whole::WholeRun;

use std::collections::BTreeMap;

use rolecall_core::cause::Cause;
use rolecall_core::run::{Run, Scope};
use rolecall_core::{RunId, Timestamp};
use rolecall_workflows::progress::Progress;
use serde::Serialize;
use utoipa::ToSchema;

use crate::dead_letter_view::DeadLetterGroup;

/// A run: one sync.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunView {
    /// Its id.
    id: String,
    /// `full`, `guild`, `user` or `mapping`.
    kind: String,
    /// `running`, `completed`, `partial`, `failed` or `held`.
    state: String,
    /// Whether it only plans.
    dry_run: bool,
    /// What it covers.
    scope: ScopeView,
    /// Who asked, and why.
    cause: CauseView,
    /// When it was accepted.
    started_at: String,
    /// When it ended.
    finished_at: Option<String>,
    /// How far it is. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressView>,
    /// When it will be over, if it goes on as it did; null: nothing can be said, or it is over. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    eta: Option<String>,
    /// How its jobs that are completed ended: `applied`, `unchanged`, or `skipped: ` and why. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcomes: Option<BTreeMap<String, u64>>,
    /// Its jobs that failed for good, by cause, the largest group first, at most 20. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_groups: Option<Vec<DeadLetterGroup>>,
    /// What it did, so far if it runs. In lists only once it has ended.
    results: Option<ResultsView>,
    /// Where to go from here.
    links: RunLinks,
}

/// What a run covers. Empty lists mean all.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScopeView {
    guild_ids: Vec<String>,
    user_ids: Vec<String>,
    mapping_id: Option<String>,
    /// Whether its removals pass the guard.
    allow_removals: bool,
}

/// Who asked, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CauseView {
    /// `user:<id>`, `cli:<name>`, `schedule:<name>`, `job:<id>` or `demo`.
    actor: String,
    /// In words.
    reason: String,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ProgressView {
    /// Whether all is planned, so that `total` grows no more.
    planned: bool,
    /// Writes that are known.
    total: u64,
    /// Writes that ended, well or not.
    done: u64,
    /// Writes that failed for good.
    failed: u64,
    /// Roles given.
    roles_added: u64,
    /// Roles taken.
    roles_removed: u64,
    /// All jobs of the run, by state.
    jobs: BTreeMap<String, u64>,
}

/// Paths that belong to a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunLinks {
    #[serde(rename = "self")]
    this: String,
    events: String,
    jobs: String,
    /// `POST` ends it.
    cancel: String,
    /// `POST` runs again what failed.
    retry: String,
}

impl From<&Scope> for ScopeView {
    fn from(scope: &Scope) -> Self {
        Self {
            guild_ids: scope.guilds.iter().map(ToString::to_string).collect(),
            user_ids: scope.users.iter().map(ToString::to_string).collect(),
            mapping_id: scope.mapping.as_ref().map(ToString::to_string),
            allow_removals: scope.allow_removals,
        }
    }
}

impl From<&Cause> for CauseView {
    fn from(cause: &Cause) -> Self {
        Self {
            actor: cause.actor.clone(),
            reason: cause.reason.clone(),
        }
    }
}

impl From<Progress> for ProgressView {
    fn from(progress: Progress) -> Self {
        Self {
            planned: progress.planned,
            total: progress.total,
            done: progress.done,
            failed: progress.failed,
            roles_added: progress.roles_added,
            roles_removed: progress.roles_removed,
            jobs: progress.jobs,
        }
    }
}

impl RunView {
    /// A run without what only its jobs know.
    pub(crate) fn of(run: &Run) -> Self {
        Self {
            id: run.id.to_string(),
            kind: run.kind.as_str().to_owned(),
            state: run.state.as_str().to_owned(),
            dry_run: run.dry_run,
            scope: ScopeView::from(&run.scope),
            cause: CauseView::from(&run.cause),
            started_at: run.started_at.to_rfc3339(),
            finished_at: run.finished_at.map(Timestamp::to_rfc3339),
            progress: None,
            eta: None,
            outcomes: None,
            error_groups: None,
            results: run.results.as_ref().map(ResultsView::from),
            links: RunLinks {
                this: path(run.id),
                events: format!("{}/events", path(run.id)),
                jobs: format!("/v1/jobs?run={}", run.id),
                cancel: format!("{}/cancel", path(run.id)),
                retry: format!("{}/retry", path(run.id)),
            },
        }
    }
}

/// Where a run is found.
pub(crate) fn path(id: RunId) -> String {
    format!("/v1/runs/{id}")
}
