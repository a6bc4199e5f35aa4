//! The answer to whoever asks for a sync: what it did, if it ended while they waited; else where to look for it. One
//! object with the names of the original and those of its documentation.

use std::collections::BTreeMap;

use rolecall_core::error::StoreError;
use rolecall_core::guild::GuildConfig;
use rolecall_core::run::{Run, RunState, counts};
use rolecall_core::{GuildId, RoleId, Timestamp, UserId};
use rolecall_workflows::user_report::{self, GuildReport, UserReport};
use serde::Serialize;
use utoipa::ToSchema;

use super::estimate::estimated_duration;
use crate::web::state::Web;

/// A sync. The fields about a user are there if it is the sync of exactly one.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ManualSyncResponse)]
pub(crate) struct SyncResponse {
    /// In words.
    #[schema(
        example = "User sync completed: 1 accounts processed, 1 successful, 0 failed, 2 roles added, 0 roles removed"
    )]
    message: String,
    /// The run's id.
    sync_id: String,
    /// Whether it goes on after this answer.
    is_async: bool,
    /// How long it took; while it runs, how long the last one like it took, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1530ms")]
    estimated_duration: Option<String>,
    /// `running`, `completed` or `failed`.
    #[schema(example = "completed")]
    status: String,
    /// `running`, `completed`, `partial`, `failed` or `held`.
    #[schema(example = "completed")]
    state: String,
    /// `full`, `guild`, `user` or `mapping`.
    #[schema(example = "user")]
    sync_type: String,
    /// Whether it only plans. The roles are then those that would be given and taken.
    dry_run: bool,
    /// What went wrong, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// The user's account at Discord; the first, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    discord_user_id: Option<String>,
    /// What became of the user in each guild, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_results: Option<Vec<GuildSyncResult>>,
    /// Guilds in which the user is looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_guilds: Option<u64>,
    /// Those where all went well; 0 while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    successful_guilds: Option<u64>,
    /// Those with an error; 0 while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_guilds: Option<u64>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    synced_at: Option<String>,
}

/// What became of the user in one guild.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct GuildSyncResult {
    #[schema(example = "123456789012345678")]
    guild_id: String,
    #[schema(example = "My Discord Server")]
    guild_name: String,
    /// Names of roles given.
    #[schema(example = json!(["EVE Pilot", "Corporation Member"]))]
    roles_added: Vec<String>,
    /// Names of roles taken.
    #[schema(example = json!(["Inactive"]))]
    roles_removed: Vec<String>,
    /// Roles that the user has there, those included that rolecall does not decide about.
    total_roles: u64,
    /// What went wrong, in words.
    #[schema(example = json!([]))]
    errors: Vec<String>,
}

/// What is read for an answer. What could not be read is empty: the run is stored, so nothing may become an error now.
#[derive(Debug, Default)]
struct Facts {
    estimate: Option<String>,
    account: Option<String>,
    report: UserReport,
    guilds: Vec<GuildConfig>,
    roles: BTreeMap<RoleId, String>,
}

/// The answer for this run, as it was last read.
pub(crate) async fn answer(web: &Web, run: &Run) -> SyncResponse {
    let facts = match read(web, run).await {
        Ok(facts) => facts,
        Err(error) => {
            tracing::warn!(%error, run.id = %run.id, "discord_sync: what run {} did could not be read", run.id);
            Facts::default()
        }
    };
    describe(run, &facts)
}

async fn read(web: &Web, run: &Run) -> Result<Facts, StoreError> {
    let services = &web.services;
    let mut facts = Facts::default();
    if !run.state.is_final() {
        facts.estimate = estimated_duration(web, run).await;
    }
    let [user] = run.scope.users.as_slice() else {
        return Ok(facts);
    };
    let (links, guilds) = tokio::try_join!(services.links.of_user(user), services.guilds.list())?;
    let account = links.iter().find(|l| l.is_active);
    facts.account = account.map(|link| link.discord_id.to_string());
    facts.guilds = guilds;
    facts.report = user_report::of_run(services, run.id).await?;
    let moved = |g: &GuildReport| !(g.given.is_empty() && g.taken.is_empty());
    for guild in facts
        .report
        .guilds
        .iter()
        .filter(|(_, g)| moved(g))
        .map(|(id, _)| *id)
    {
        let mappings = services.mappings.list(Some(guild)).await?;
        facts
            .roles
            .extend(mappings.into_iter().map(|m| (m.role_id, m.role_name)));
        // As Discord calls them, where that was read lately.
        let known = services.cache.recent_info(guild, services.clock.now());
        let named = known.iter().flat_map(|info| &info.roles);
        facts.roles.extend(named.map(|r| (r.id, r.name.clone())));
    }
    Ok(facts)
}

/// Pure.
fn describe(run: &Run, facts: &Facts) -> SyncResponse {
    let ended = run.state.is_final();
    let took = |end: Timestamp| format!("{}ms", end.millis_since(run.started_at).max(0));
    let estimate = run.finished_at.map(took).or_else(|| facts.estimate.clone());
    let results = run.results.iter();
    let mut errors: Vec<String> = results.flat_map(|r| &r.errors).map(|e| e.error.clone()).collect();
    errors.dedup();
    let mut out = SyncResponse {
        message: message(run, &facts.report, &errors),
        sync_id: run.id.to_string(),
        is_async: !ended,
        estimated_duration: estimate,
        status: run.state.legacy().to_owned(),
        state: run.state.as_str().to_owned(),
        sync_type: run.kind.as_str().to_owned(),
        dry_run: run.dry_run,
        errors,
        ..SyncResponse::default()
    };
    if let [user] = run.scope.users.as_slice() {
        add_user(&mut out, user, run, facts);
    }
    out
}

fn add_user(out: &mut SyncResponse, user: &UserId, run: &Run, facts: &Facts) {
    let guilds = &facts.report.guilds;
    let expected = match run.scope.guilds.len() {
        0 => facts.guilds.iter().filter(|g| g.is_enabled).count(),
        named => named,
    };
    let total = guilds.len().max(expected) as u64;
    let well = guilds.values().filter(|g| g.errors.is_empty()).count() as u64;
    let (successful, failed) = match run.state {
        RunState::Running => (0, 0),
        // Before any guild was looked at: none went well.
        RunState::Failed if guilds.is_empty() => (0, total),
        _ => (well, guilds.len() as u64 - well),
    };
    let results = guilds.iter().map(|(id, report)| guild_result(*id, report, facts));
    out.user_id = Some(user.to_string());
    out.discord_user_id.clone_from(&facts.account);
    out.sync_results = Some(results.collect());
    out.total_guilds = Some(total);
    out.successful_guilds = Some(successful);
    out.failed_guilds = Some(failed);
    out.synced_at = run.finished_at.map(Timestamp::to_rfc3339);
}

fn guild_result(id: GuildId, report: &GuildReport, facts: &Facts) -> GuildSyncResult {
    let name = |role: &RoleId| match facts.roles.get(role) {
        Some(name) if !name.is_empty() => name.clone(),
        _ => role.to_string(),
    };
    let guild = facts.guilds.iter().find(|g| g.guild_id == id);
    GuildSyncResult {
        guild_id: id.to_string(),
        guild_name: guild.map(|g| g.guild_name.clone()).unwrap_or_default(),
        roles_added: report.given.iter().map(name).collect(),
        roles_removed: report.taken.iter().map(name).collect(),
        total_roles: report.total_roles,
        errors: report.errors.clone(),
    }
}

/// In the original's words where it has some.
fn message(run: &Run, report: &UserReport, errors: &[String]) -> String {
    let one_user = run.scope.users.len() == 1;
    let what = match (one_user, run.dry_run) {
        (true, false) => "User sync",
        (true, true) => "User sync preview",
        (false, false) => "Sync",
        (false, true) => "Sync preview",
    };
    let Some(results) = run.results.as_ref().filter(|_| run.state.is_final()) else {
        return format!("{what} started");
    };
    if run.state == RunState::Failed {
        let why = errors.first().map(|e| format!(": {e}")).unwrap_or_default();
        return format!("{what} failed{why}");
    }
    let planned = |name: &str| results.planned.get(name).copied().unwrap_or(0);
    let (added, removed) = match run.dry_run {
        true => (planned(counts::PLANNED_ADDS), planned(counts::PLANNED_REMOVES)),
        false => (results.roles_added, results.roles_removed),
    };
    let (things, processed, failed) = if one_user {
        let of = |set: &std::collections::BTreeSet<_>| set.len() as u64;
        ("accounts", of(&report.accounts), of(&report.failed))
    } else {
        ("users", results.users_processed, results.users_failed)
    };
    format!(
        "{what} completed: {processed} {things} processed, {} successful, {failed} failed, {added} roles added, \
         {removed} roles removed",
        processed.saturating_sub(failed)
    )
}
