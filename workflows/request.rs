//! Asks for a sync: stores a run and its first job.

use std::sync::Arc;

use rolecall_core::audit::Act;
use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::job::Lane;
use rolecall_core::run::{Run, RunKind, RunState, Scope};
use rolecall_core::{GuildId, JobId, MappingId, RunId, UserId};
use rolecall_jobs::kernel::audit::audited;
use rolecall_jobs::kernel::fault::{self, Point};
use rolecall_jobs::kernel::queue::{Enqueue, Queue};
use rolecall_jobs::kernel::services::Services;
use rolecall_jobs::kernel::steering::By;
use serde_json::json;
use uuid::Uuid;

use crate::sync_all::SyncAll;
use crate::sync_guild::SyncGuild;
use crate::sync_user::SyncUser;

/// What somebody asks for. With users, their accounts are synced (in the named guilds, or in all); else the guilds
/// are; else the mapping's guild; else everything.
#[derive(Debug, Clone, Default)]
pub struct SyncRequest {
    /// What it covers.
    pub scope: Scope,
    /// Plan only.
    pub dry_run: bool,
    /// The caller's `traceparent`.
    pub trace: Option<String>,
    /// The run's id, if the caller made one (a schedule's tick); else a new one.
    pub run_id: Option<RunId>,
    /// Whether nobody waits for it: a scheduled run gives way to people.
    pub background: bool,
}

/// Why a sync cannot be asked for.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The guild is not configured.
    #[error("guild {0} is not configured; add it with `rolecall guild add --id {0} --name …`")]
    UnknownGuild(GuildId),
    /// The guild is disabled.
    #[error("guild {0} is disabled; enable it before syncing it")]
    DisabledGuild(GuildId),
    /// No guild is configured at all.
    #[error("no enabled guild is configured; add one with `rolecall guild add --id … --name …`")]
    NoGuild,
    /// There is no such mapping.
    #[error("there is no mapping {0}; `rolecall mapping list` shows all")]
    UnknownMapping(MappingId),
    /// The user has no linked account.
    #[error("no Discord account is linked to user {0}")]
    NotLinked(UserId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores the run and its first job; answers when both are durable.
///
/// # Errors
/// [`Refusal`].
pub async fn request_sync(
    services: &Arc<Services>,
    queue: &Queue,
    request: SyncRequest,
    cause: Cause,
) -> Result<Run, Refusal> {
    let (run, jobs) = planned(services, request, cause).await?;
    store(services, queue, &run, jobs).await?;
    Ok(run)
}

/// The same for somebody who asks for it by name: there is a record of who did.
///
/// # Errors
/// [`Refusal`].
pub async fn order_sync(
    services: &Arc<Services>,
    queue: &Queue,
    request: SyncRequest,
    by: By,
) -> Result<Run, Refusal> {
    let (run, jobs) = planned(services, request, by.cause.clone()).await?;
    let act = Act::new("run.created", format!("run:{}", run.id)).after(&json!({
        "kind": run.kind.as_str(), "scope": run.scope, "dry_run": run.dry_run,
    }));
    audited(services, &by, act, store(services, queue, &run, jobs)).await?;
    Ok(run)
}

/// The run that a request asks for, and its first jobs.
async fn planned(
    services: &Services,
    request: SyncRequest,
    cause: Cause,
) -> Result<(Run, Vec<Enqueue>), Refusal> {
    let mut scope = request.scope;
    let kind = check(services, &mut scope).await?;
    let run = Run {
        id: request.run_id.unwrap_or_else(|| RunId(Uuid::now_v7())),
        kind,
        scope,
        dry_run: request.dry_run,
        state: RunState::Running,
        cause,
        started_at: services.clock.now(),
        finished_at: None,
        results: None,
    };
    let lane = match kind {
        RunKind::User => Lane::Interactive,
        _ if request.background => Lane::Bulk,
        _ => Lane::Normal,
    };
    let mut jobs = first_jobs(&run);
    for job in &mut jobs {
        job.0.lane = lane;
        job.0.run_id = Some(run.id);
        job.0.trace.clone_from(&request.trace);
        // Derived from the run, so that a repeat of this very request stores nothing twice.
        let key = format!(
            "first:{}:{}",
            job.0.kind,
            job.0.unique_key.clone().unwrap_or_default()
        );
        job.0.id = JobId(run.id.child(&key));
    }
    Ok((run, jobs))
}

async fn store(services: &Services, queue: &Queue, run: &Run, jobs: Vec<Enqueue>) -> Result<(), StoreError> {
    fault::pass(Point::K1, run.kind.as_str());
    services.runs.insert(run).await?;
    queue.insert(jobs).await?;
    tracing::info!(
        run.id = %run.id, dry_run = run.dry_run, "discord_sync: run {} ({}) was asked for by {}", run.id,
        run.kind.as_str(), run.cause.actor
    );
    Ok(())
}

async fn check(services: &Services, scope: &mut Scope) -> Result<RunKind, Refusal> {
    if let Some(mapping) = &scope.mapping {
        let found = services.mappings.get(mapping).await?;
        let found = found.ok_or_else(|| Refusal::UnknownMapping(mapping.clone()))?;
        scope.guilds = vec![found.guild_id];
    }
    for guild in &scope.guilds {
        match services.guilds.get(*guild).await? {
            None => return Err(Refusal::UnknownGuild(*guild)),
            Some(config) if !config.is_enabled => return Err(Refusal::DisabledGuild(*guild)),
            Some(_) => {}
        }
    }
    for user in &scope.users {
        if !services.links.of_user(user).await?.iter().any(|l| l.is_active) {
            return Err(Refusal::NotLinked(user.clone()));
        }
    }
    if scope.guilds.is_empty() && !services.guilds.list().await?.iter().any(|g| g.is_enabled) {
        return Err(Refusal::NoGuild);
    }
    Ok(match scope {
        Scope { users, .. } if !users.is_empty() => RunKind::User,
        Scope { mapping: Some(_), .. } => RunKind::Mapping,
        Scope { guilds, .. } if !guilds.is_empty() => RunKind::Guild,
        _ => RunKind::Full,
    })
}

fn first_jobs(run: &Run) -> Vec<Enqueue> {
    let cause = || run.cause.clone();
    match run.kind {
        RunKind::Full => {
            let job = SyncAll {
                dry_run: run.dry_run,
                allow_removals: run.scope.allow_removals,
            };
            vec![Enqueue::new(&job, cause())]
        }
        RunKind::User => {
            let job = |user: &UserId| SyncUser {
                user_id: user.clone(),
                guilds: run.scope.guilds.clone(),
                dry_run: run.dry_run,
            };
            run.scope
                .users
                .iter()
                .map(|u| Enqueue::new(&job(u), cause()).unique(format!("sync_user:{}:{u}", run.id)))
                .collect()
        }
        RunKind::Guild | RunKind::Mapping => {
            let job = |guild: &GuildId| SyncGuild {
                guild_id: *guild,
                mapping: run.scope.mapping.clone(),
                dry_run: run.dry_run,
                allow_removals: run.scope.allow_removals,
            };
            run.scope
                .guilds
                .iter()
                .map(|g| Enqueue::new(&job(g), cause()).unique(format!("sync_guild:{}:{g}", run.id)))
                .collect()
        }
    }
}
