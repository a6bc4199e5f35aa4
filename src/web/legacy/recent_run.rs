//! A run in the words of go-falcon's history (`DiscordSyncResultResponse`), with the newer names beside them.

use rolecall_core::Timestamp;
use rolecall_core::run::{Run, RunError};
use rolecall_workflows::progress::Progress;
use serde::Serialize;
use utoipa::ToSchema;

use crate::run_view::ResultsView;

/// One sync of the history.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecentRun {
    /// The run's id.
    pub(crate) id: String,
    /// The same.
    pub(crate) sync_id: String,
    /// The guild; the first one if there are several, empty if it covers all.
    pub(crate) guild_id: String,
    /// `running`, `completed` or `failed`.
    pub(crate) status: String,
    /// `running`, `completed`, `partial`, `failed` or `held`.
    pub(crate) state: String,
    /// `full`, `guild`, `user` or `mapping`.
    pub(crate) sync_type: String,
    /// The guild, user or mapping that it is about, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target_id: Option<String>,
    /// Whether it only planned.
    pub(crate) dry_run: bool,
    /// Who asked.
    pub(crate) initiated_by: String,
    /// Linked members that were decided about.
    pub(crate) users_processed: u64,
    /// Of these, those without a failure.
    pub(crate) users_succeeded: u64,
    /// Those with a failure.
    pub(crate) users_failed: u64,
    /// Roles given.
    pub(crate) roles_added: u64,
    /// Roles taken.
    pub(crate) roles_removed: u64,
    /// Milliseconds, until now if it runs.
    pub(crate) duration: i64,
    /// What went wrong, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<String>,
    /// When it began.
    pub(crate) last_sync_at: String,
    /// When it was accepted.
    pub(crate) created_at: String,
    /// When it ended.
    pub(crate) completed_at: Option<String>,
    /// What it did, once it ended.
    pub(crate) results: Option<ResultsView>,
}

/// One failure, as the frontend reads it.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct RecentError {
    /// The user, or empty.
    pub(crate) user_id: String,
    /// The guild, or empty.
    pub(crate) guild_id: String,
    /// In words.
    pub(crate) error: String,
    /// When.
    pub(crate) occurred_at: String,
}

impl From<&RunError> for RecentError {
    fn from(error: &RunError) -> Self {
        Self {
            user_id: error
                .user_id
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            guild_id: error.guild_id.map(|g| g.to_string()).unwrap_or_default(),
            error: error.error.clone(),
            occurred_at: error.occurred_at.to_rfc3339(),
        }
    }
}

/// Pure. `progress` is known of runs that are running.
pub(crate) fn view(run: &Run, progress: Option<&Progress>, now: Timestamp) -> RecentRun {
    let results = run.results.clone().unwrap_or_default();
    let so_far = |stored: u64, live: Option<u64>| {
        if run.results.is_some() {
            stored
        } else {
            live.unwrap_or(0)
        }
    };
    RecentRun {
        id: run.id.to_string(),
        sync_id: run.id.to_string(),
        guild_id: run
            .scope
            .guilds
            .first()
            .map(ToString::to_string)
            .unwrap_or_default(),
        status: run.state.legacy().to_owned(),
        state: run.state.as_str().to_owned(),
        sync_type: run.kind.as_str().to_owned(),
        target_id: target(run),
        dry_run: run.dry_run,
        initiated_by: run.cause.actor.clone(),
        users_processed: results.users_processed,
        users_succeeded: results.users_succeeded,
        users_failed: results.users_failed,
        roles_added: so_far(results.roles_added, progress.map(|p| p.roles_added)),
        roles_removed: so_far(results.roles_removed, progress.map(|p| p.roles_removed)),
        duration: run.finished_at.unwrap_or(now).millis_since(run.started_at).max(0),
        errors: results.errors.iter().map(|e| e.error.clone()).collect(),
        last_sync_at: run.started_at.to_rfc3339(),
        created_at: run.started_at.to_rfc3339(),
        completed_at: run.finished_at.map(Timestamp::to_rfc3339),
        results: run.results.as_ref().map(ResultsView::from),
    }
}

fn target(run: &Run) -> Option<String> {
    let scope = &run.scope;
    match (&scope.mapping, scope.users.as_slice(), scope.guilds.as_slice()) {
        (Some(mapping), _, _) => Some(mapping.to_string()),
        (None, [user], _) => Some(user.to_string()),
        (None, [], [guild]) => Some(guild.to_string()),
        _ => None,
    }
}
