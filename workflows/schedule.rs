//! What happens by the clock. A tick stores a job and does nothing else; its key is the tick, so that many schedulers
//! make one job.

use std::fmt::Display;
use std::sync::Arc;

use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::job::JobState;
use rolecall_core::ports::{JobFilter, SchedulerTask};
use rolecall_core::run::{Run, Scope};
use rolecall_core::schedule::TickOutcome;
use rolecall_core::{JobId, RunId};
use rolecall_jobs::kernel::fault::{self, Mechanism};
use rolecall_jobs::kernel::queue::{Enqueue, Queue};
use rolecall_jobs::kernel::services::Services;
use rolecall_jobs::retention::Retention;
use rolecall_jobs::seal_secrets::SealSecrets;
use uuid::Uuid;

use crate::check_guilds::CheckGuilds;
use crate::refresh_tokens::RefreshTokens;
use crate::request::{Refusal, SyncRequest, request_sync};

/// Name space of all ids that are derived from ticks.
const TICKS: Uuid = Uuid::from_u128(0x6f1d_5c0a_9b7e_4a52_8f3c_2d10_77aa_41e0);

/// What a schedule starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A full sync.
    RoleSync,
    /// A refresh of tokens that end soon.
    TokenRefresh,
    /// A look at every guild.
    HealthCheck,
    /// Deleting what is older than it has to be.
    Retention,
    /// Sealing of plain texts that others stored.
    SealSecrets,
}

impl Action {
    /// All.
    pub const ALL: [Self; 5] = [
        Self::RoleSync,
        Self::TokenRefresh,
        Self::HealthCheck,
        Self::Retention,
        Self::SealSecrets,
    ];

    /// The written name of its schedule. Part of stored keys: never change one.
    pub const fn schedule_name(self) -> &'static str {
        match self {
            Self::RoleSync => "discord_role_sync",
            Self::TokenRefresh => "discord_token_refresh",
            Self::HealthCheck => "discord_health",
            Self::Retention => "retention",
            Self::SealSecrets => "seal_secrets",
        }
    }

    /// From the written name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|action| action.schedule_name() == name)
    }

    /// Whether it is a run that is begun, and not a job.
    pub const fn is_run(self) -> bool {
        matches!(self, Self::RoleSync)
    }

    /// The task of go-falcon's scheduler that it stands for.
    pub const fn task(self) -> Option<SchedulerTask> {
        match self {
            Self::RoleSync => Some(SchedulerTask::RoleSync),
            Self::TokenRefresh => Some(SchedulerTask::TokenRefresh),
            Self::HealthCheck | Self::Retention | Self::SealSecrets => None,
        }
    }
}

/// What is done about a tick when an earlier one's work is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// The tick is skipped: what is at work does what this one would.
    Skip,
    /// Both are at work.
    Allow,
}

/// Id of the job or run that a tick (unix seconds, nominal) makes.
pub fn tick_id(action: Action, tick: i64) -> Uuid {
    Uuid::new_v5(&TICKS, key(action, tick).as_bytes())
}

fn key(action: Action, tick: impl Display) -> String {
    format!("cron:{}:{tick}", action.schedule_name())
}

impl Overlap {
    /// The written name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Allow => "allow",
        }
    }
}

/// What became of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ticked {
    /// This job or run is stored, and will be done.
    Begun,
    /// There is nothing to do.
    Nothing,
    /// An earlier tick's is still at work.
    UnderWay,
}

impl From<Ticked> for TickOutcome {
    fn from(ticked: Ticked) -> Self {
        match ticked {
            Ticked::Begun => Self::Begun,
            Ticked::Nothing => Self::Nothing,
            Ticked::UnderWay => Self::Skipped,
        }
    }
}

/// Starts what is due at this tick (unix seconds, nominal). Any number of schedulers may say the same tick.
pub async fn tick(
    services: &Arc<Services>,
    queue: &Queue,
    action: Action,
    overlap: Overlap,
    tick: i64,
) -> Result<Ticked, StoreError> {
    let name = action.schedule_name();
    let cause = Cause::new(format!("schedule:{name}"), format!("tick {tick}"));
    // The id is kept after the job ended, so a late second scheduler inserts what is there.
    let (key, id) = if fault::without(Mechanism::TickKey) {
        let id = Uuid::new_v4();
        (id.to_string(), id)
    } else {
        (key(action, tick), tick_id(action, tick))
    };
    start(services, queue, action, overlap, (key, id), cause).await
}

/// Starts what a tick would as the job or run with this id, because somebody asked for it. What became of it.
///
/// # Errors
/// If the store fails.
pub async fn by_hand(
    services: &Arc<Services>,
    queue: &Queue,
    action: Action,
    overlap: Overlap,
    id: Uuid,
    cause: Cause,
) -> Result<Ticked, StoreError> {
    start(services, queue, action, overlap, (key(action, id), id), cause).await
}

async fn start(
    services: &Arc<Services>,
    queue: &Queue,
    action: Action,
    overlap: Overlap,
    (key, id): (String, Uuid),
    cause: Cause,
) -> Result<Ticked, StoreError> {
    let name = action.schedule_name();
    let once = |job: Enqueue| job.with_id(JobId(id)).unique(key);
    let job = match action {
        Action::TokenRefresh => once(Enqueue::new(&RefreshTokens {}, cause)),
        Action::HealthCheck => once(Enqueue::new(&CheckGuilds {}, cause)),
        Action::Retention => once(Enqueue::new(&Retention {}, cause)),
        Action::SealSecrets => once(Enqueue::new(&SealSecrets {}, cause)),
        Action::RoleSync => return begin_sync(services, queue, overlap, RunId(id), cause).await,
    };
    if overlap == Overlap::Skip && is_at_work(services, &job).await? {
        tracing::info!(schedule = name, "an earlier tick's job is at work; tick skipped");
        return Ok(Ticked::UnderWay);
    }
    queue.insert(vec![job]).await?;
    Ok(Ticked::Begun)
}

/// Whether another job of this kind is not over.
async fn is_at_work(services: &Services, job: &Enqueue) -> Result<bool, StoreError> {
    let live = JobFilter {
        kind: Some(job.0.kind.clone()),
        states: JobState::ALL.into_iter().filter(|s| !s.is_final()).collect(),
        ..JobFilter::default()
    };
    // Two, since one of them may be this very job, stored by another scheduler.
    let found = services.ledger.list(&live, None, 2).await?;
    Ok(found.iter().any(|other| other.id != job.0.id))
}

async fn begin_sync(
    services: &Arc<Services>,
    queue: &Queue,
    overlap: Overlap,
    run_id: RunId,
    cause: Cause,
) -> Result<Ticked, StoreError> {
    if services.runs.get(run_id).await?.is_some() {
        return Ok(Ticked::Begun);
    }
    // A full run that is still at work will do what this one would.
    let is_full = |run: &Run| run.scope == Scope::default() && !run.dry_run;
    if overlap == Overlap::Skip && services.runs.running().await?.iter().any(is_full) {
        tracing::info!(
            schedule = Action::RoleSync.schedule_name(),
            "discord_sync: a full run is at work; tick skipped"
        );
        return Ok(Ticked::UnderWay);
    }
    let request = SyncRequest {
        run_id: Some(run_id),
        background: true,
        ..SyncRequest::default()
    };
    match request_sync(services, queue, request, cause).await {
        Ok(_) => Ok(Ticked::Begun),
        Err(Refusal::Store(error)) => Err(error),
        Err(refusal) => {
            tracing::debug!("discord_sync: nothing to sync by the clock: {refusal}");
            Ok(Ticked::Nothing)
        }
    }
}
