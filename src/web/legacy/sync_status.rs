//! `GET /discord/sync/status`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use rolecall_core::error::StoreError;
use rolecall_core::ports::RunFilter;
use rolecall_core::run::{Run, RunKind, RunState, last_success};
use rolecall_core::{GuildId, RunId, Timestamp};
use rolecall_workflows::progress::{self, Progress};
use serde::Serialize;
use utoipa::ToSchema;

use super::recent_run::{self, RecentError, RecentRun};
use crate::web::auth::right::{Allowed, ManageSync};
use crate::web::http::fields::SNOWFLAKE;
use crate::web::http::problem::{ApiError, Problem};
use crate::web::http::query::Params;
use crate::web::state::Web;

const DEFAULT_LIMIT: usize = 10;
const MOST: usize = 50;
/// How many runs are looked through for the last full one.
const LOOKED_THROUGH: usize = 50;
/// How many errors are shown.
const ERRORS_SHOWN: usize = 20;

/// The history and the present.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SyncStatusResponse {
    /// `idle` or `running`.
    current_status: String,
    /// The newest syncs.
    recent_syncs: Vec<RecentRun>,
    /// How many there are in all.
    total_syncs: u64,
    /// When the last sync of everything ended.
    last_full_sync: Option<String>,
    /// When the last sync that went well ended, of those that changed something or found nothing to change.
    last_success_at: Option<String>,
    /// Seconds since then.
    last_success_age: Option<i64>,
    /// Whether one runs.
    sync_in_progress: bool,
    /// Linked accounts.
    total_users: u64,
    /// Users that the last sync found or brought in order.
    synced_users: u64,
    /// Users of the last sync with a failure.
    failed_users: u64,
    /// Configured guilds.
    total_guilds: u64,
    /// Mappings that count.
    active_role_mappings: u64,
    /// Failures of the newest syncs.
    recent_errors: Vec<RecentError>,
}

/// What was read.
struct Facts {
    recent: Vec<Run>,
    looked_through: Vec<Run>,
    total: u64,
    running: Vec<Run>,
    links: u64,
    guilds: u64,
    mappings: u64,
    progress: BTreeMap<RunId, Progress>,
    now: Timestamp,
}

/// The newest syncs, and whether one runs.
#[utoipa::path(get, path = "/discord/sync/status", tag = "Discord Sync", operation_id = "getSyncStatus",
    params(
        ("guild_id" = Option<String>, Query, description = "Only syncs of this guild"),
        ("limit" = Option<u32>, Query, description = "How many syncs, 1 to 50; default 10"),
    ),
    responses(
        (status = 200, description = "The history and the present", body = SyncStatusResponse),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the permission", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "Wrong values", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store did not answer", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn sync_status(
    State(web): State<Web>,
    _: Allowed<ManageSync>,
    mut params: Params,
) -> Result<Json<SyncStatusResponse>, ApiError> {
    let guild: Option<GuildId> = params.parsed(&["guild_id"], SNOWFLAKE);
    let limit = params.limit(DEFAULT_LIMIT, MOST);
    params.finish()?;
    Ok(Json(describe(&read(&web, guild, limit).await?)))
}

async fn read(web: &Web, guild: Option<GuildId>, limit: usize) -> Result<Facts, StoreError> {
    let services = &web.services;
    let (looked_through, total, mut running, links, guilds, mappings) = tokio::try_join!(
        services
            .runs
            .list(RunFilter::of_guild(guild), None, LOOKED_THROUGH.max(limit)),
        services.runs.count(guild),
        services.runs.running(),
        services.links.count_active(),
        services.guilds.list(),
        services.mappings.list(guild),
    )?;
    if let Some(guild) = guild {
        running.retain(|run| run.scope.guilds.is_empty() || run.scope.guilds.contains(&guild));
    }
    let recent: Vec<Run> = looked_through.iter().take(limit).cloned().collect();
    let mut progress = BTreeMap::new();
    for run in recent.iter().filter(|run| !run.state.is_final()) {
        let tally = services.ledger.tally(run.id).await?;
        progress.insert(run.id, progress::from_tally(run.state, &tally));
    }
    Ok(Facts {
        recent,
        looked_through,
        total,
        running,
        links,
        guilds: guilds.len() as u64,
        mappings: mappings.iter().filter(|m| m.is_active).count() as u64,
        progress,
        now: services.clock.now(),
    })
}

/// Pure.
fn describe(facts: &Facts) -> SyncStatusResponse {
    let ended = |run: &&Run| run.state.is_final() && !run.dry_run;
    let full = |run: &&Run| run.kind == RunKind::Full && run.state != RunState::Failed;
    let last_full = facts.looked_through.iter().filter(ended).find(full);
    // Numbers of everybody, where a sync of everybody is known; else of whatever was synced last.
    let last = last_full.or_else(|| facts.looked_through.iter().find(ended));
    let results = last.and_then(|run| run.results.clone()).unwrap_or_default();
    let errors = facts
        .looked_through
        .iter()
        .filter_map(|run| run.results.as_ref())
        .flat_map(|r| &r.errors);
    let in_progress = !facts.running.is_empty();
    let last_success = last_success(&facts.looked_through);
    SyncStatusResponse {
        current_status: if in_progress { "running" } else { "idle" }.to_owned(),
        recent_syncs: facts
            .recent
            .iter()
            .map(|run| recent_run::view(run, facts.progress.get(&run.id), facts.now))
            .collect(),
        total_syncs: facts.total,
        last_full_sync: last_full
            .and_then(|run| run.finished_at)
            .map(Timestamp::to_rfc3339),
        last_success_at: last_success.map(Timestamp::to_rfc3339),
        last_success_age: last_success.map(|at| facts.now.millis_since(at).max(0) / 1_000),
        sync_in_progress: in_progress,
        total_users: facts.links,
        synced_users: results.users_succeeded,
        failed_users: results.users_failed,
        total_guilds: facts.guilds,
        active_role_mappings: facts.mappings,
        recent_errors: errors.take(ERRORS_SHOWN).map(RecentError::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use rolecall_core::cause::Cause;
    use rolecall_core::run::{RunError, RunResults, Scope};
    use uuid::Uuid;

    use super::*;

    fn run(n: u128, kind: RunKind, state: RunState) -> Run {
        let error = RunError {
            user_id: Some("ada".into()),
            discord_id: None,
            guild_id: None,
            error: "add_role: failed".into(),
            occurred_at: Timestamp(0),
        };
        let results = RunResults {
            users_succeeded: 3,
            users_failed: 1,
            roles_added: 7,
            errors: vec![error],
            ..RunResults::default()
        };
        Run {
            id: RunId(Uuid::from_u128(n)),
            kind,
            scope: Scope::default(),
            dry_run: false,
            state,
            cause: Cause::new("user:ada", "test"),
            started_at: Timestamp(0),
            finished_at: state.is_final().then_some(Timestamp(1_530)),
            results: state.is_final().then_some(results),
        }
    }

    #[test]
    fn the_answer_has_the_names_of_the_original_and_of_its_frontend() {
        let runs = vec![
            run(3, RunKind::Guild, RunState::Running),
            run(2, RunKind::User, RunState::Completed),
            run(1, RunKind::Full, RunState::Partial),
        ];
        let facts = Facts {
            recent: runs[..2].to_vec(),
            running: runs[..1].to_vec(),
            looked_through: runs,
            total: 400,
            links: 9,
            guilds: 2,
            mappings: 5,
            progress: BTreeMap::new(),
            now: Timestamp(10_000),
        };
        let body = serde_json::to_value(describe(&facts)).unwrap();
        assert_eq!(body["current_status"], "running");
        assert_eq!(body["sync_in_progress"], true);
        assert_eq!(
            (&body["total_syncs"], &body["total_users"]),
            (&400.into(), &9.into())
        );
        assert_eq!(
            (&body["synced_users"], &body["failed_users"]),
            (&3.into(), &1.into())
        );
        assert_eq!(body["last_full_sync"], "1970-01-01T00:00:01.530Z");
        assert_eq!(
            body["recent_errors"][0]["occurred_at"],
            "1970-01-01T00:00:00.000Z"
        );
        assert_eq!(
            (&body["last_success_at"], &body["last_success_age"]),
            (&body["last_full_sync"], &(8_470 / 1_000).into())
        );
        assert_eq!(body["recent_syncs"][0]["duration"], 10_000);
        assert_eq!(body["recent_syncs"][1]["status"], "completed");
        assert_eq!(body["recent_syncs"][1]["roles_added"], 7);
        assert_eq!(body["recent_syncs"][1]["duration"], 1_530);
    }
}
