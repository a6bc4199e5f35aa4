//! What follows a change of a guild or a mapping: a run with the jobs that make Discord as the change says.
//!
//! It is stored *before* the change is written, and begins a moment later. If the process dies between the two, the jobs
//! find nothing to do; a change that nobody follows up cannot be.

use std::time::Duration;

use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::job::Lane;
use rolecall_core::run::{Run, RunKind, RunState, Scope};
use rolecall_core::{GuildId, JobId, MappingId, RunId};
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::queue::{Enqueue, Queue};
use rolecall_jobs::kernel::services::Services;
use uuid::Uuid;

use crate::retire_roles::RetireRoles;
use crate::sync_guild::SyncGuild;

/// It begins so long after it is stored: later than the change itself is, and than workers remember the configuration of
/// before.
const FOLLOWS_AFTER: Duration = Duration::from_secs(3);

/// Who asked for a change.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Who, and why.
    pub cause: Cause,
    /// The caller's `traceparent`.
    pub trace: Option<String>,
}

/// What follows.
#[derive(Debug, Clone)]
pub struct FollowUp {
    /// The changed guild.
    pub guild: GuildId,
    /// A sync of the guild: `Some(None)` of all its roles, `Some(mapping)` of that mapping's role; `None`: no sync.
    pub sync: Option<Option<MappingId>>,
    /// Roles to take away.
    pub retire: Option<RetireRoles>,
}

impl FollowUp {
    /// Stores it as a new run; answers when it is durable.
    ///
    /// # Errors
    /// If the store fails; then nothing should be changed.
    pub async fn store(self, services: &Services, queue: &Queue, asked: Asked) -> Result<RunId, StoreError> {
        self.store_as(RunId(Uuid::now_v7()), services, queue, asked).await
    }

    /// The same with this id.
    ///
    /// # Errors
    /// As [`Self::store`].
    pub async fn store_as(
        self,
        id: RunId,
        services: &Services,
        queue: &Queue,
        asked: Asked,
    ) -> Result<RunId, StoreError> {
        let now = services.clock.now();
        let mapping = self.sync.clone().flatten();
        let run = Run {
            id,
            kind: match mapping {
                Some(_) => RunKind::Mapping,
                None => RunKind::Guild,
            },
            scope: Scope {
                guilds: vec![self.guild],
                mapping,
                ..Scope::default()
            },
            dry_run: false,
            state: RunState::Running,
            cause: asked.cause,
            started_at: now,
            finished_at: None,
            results: None,
        };
        services.runs.insert(&run).await?;
        let mut jobs = self.jobs(&run);
        for job in &mut jobs {
            job.0.run_id = Some(id);
            job.0.lane = Lane::Normal;
            job.0.run_at = now + FOLLOWS_AFTER;
            job.0.trace.clone_from(&asked.trace);
        }
        queue.insert(jobs).await?;
        Ok(id)
    }

    fn jobs(self, run: &Run) -> Vec<Enqueue> {
        let first = |kind: &str| JobId(run.id.child(&format!("first:{kind}")));
        let mut jobs = Vec::new();
        if let Some(retire) = self.retire {
            let job = Enqueue::new(&retire, run.cause.clone());
            jobs.push(job.with_id(first(RetireRoles::KIND)));
        }
        if let Some(mapping) = self.sync {
            let job = SyncGuild {
                guild_id: self.guild,
                mapping,
                dry_run: false,
                allow_removals: false,
            };
            let job = Enqueue::new(&job, run.cause.clone());
            let key = format!("sync_guild:{}:{}", run.id, self.guild);
            jobs.push(job.with_id(first(SyncGuild::KIND)).unique(key));
        }
        jobs
    }
}
