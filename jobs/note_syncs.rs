//! Notes on mappings and accounts that a sync has looked at them, before its run is closed.
//!
//! One write a mapping and run, and one for all accounts of a full sync. A crash between this and the closing counts the
//! sync twice, which harms nobody: the numbers are for people.

use std::collections::BTreeSet;

use rolecall_core::error::StoreError;
use rolecall_core::job::{Job as Record, JobState};
use rolecall_core::outcome::Effect;
use rolecall_core::ports::JobFilter;
use rolecall_core::run::{Run, RunKind, RunState};
use rolecall_core::{GuildId, MappingId, RunId, Timestamp};

use crate::kernel::services::Services;

/// Planning jobs looked at.
const LOOKED_AT: usize = 5_000;

/// See the module.
///
/// # Errors
/// If the store fails.
pub async fn note_syncs(services: &Services, run: RunId, at: Timestamp) -> Result<(), StoreError> {
    let Some(run) = services.runs.get(run).await? else {
        return Ok(());
    };
    if run.dry_run || run.state != RunState::Running {
        return Ok(());
    }
    let kind = match run.kind {
        RunKind::User => "sync_member",
        RunKind::Full | RunKind::Guild | RunKind::Mapping => "sync_guild",
    };
    let filter = JobFilter {
        run_id: Some(run.id),
        kind: Some(kind.to_owned()),
        states: vec![JobState::Completed],
        ..JobFilter::default()
    };
    let jobs = services.ledger.list(&filter, None, LOOKED_AT).await?;
    let planned: Vec<&Record> = jobs.iter().filter(|job| looked(job)).collect();
    if run.kind == RunKind::User {
        let accounts: BTreeSet<_> = planned.iter().filter_map(|j| j.subject.discord_id).collect();
        for account in accounts {
            services.accounts.set_last_sync(account, at).await?;
        }
        return Ok(());
    }
    let guilds: BTreeSet<GuildId> = planned.iter().filter_map(|j| j.subject.guild_id).collect();
    if guilds.is_empty() {
        return Ok(());
    }
    let mappings = mappings(services, &run, &guilds).await?;
    services.mappings.note_sync(&mappings, at).await?;
    if run.kind == RunKind::Full {
        services.accounts.set_last_sync_of_all(at).await?;
    }
    Ok(())
}

/// Whether the plan was made, and not left out because there was nothing to plan.
fn looked(job: &Record) -> bool {
    job.outcome.as_ref().is_some_and(|o| o.effect != Effect::Skipped)
}

/// The mappings that the run went by.
async fn mappings(
    services: &Services,
    run: &Run,
    guilds: &BTreeSet<GuildId>,
) -> Result<Vec<MappingId>, StoreError> {
    let all = services.mappings.list(None).await?;
    let only = run.scope.mapping.as_ref();
    let ours = all
        .into_iter()
        .filter(|m| m.is_active && guilds.contains(&m.guild_id))
        .filter(|m| only.is_none_or(|only| m.id == *only));
    Ok(ours.map(|m| m.id).collect())
}
