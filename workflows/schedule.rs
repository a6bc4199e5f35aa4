//! What happens by the clock. A tick stores a job and does nothing else; its key is the tick, so that many schedulers
//! make one job.

use std::sync::Arc;

use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::run::Scope;
use rolecall_core::{JobId, RunId};
use rolecall_jobs::kernel::queue::{Enqueue, Queue};
use rolecall_jobs::kernel::services::Services;
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
}

impl Action {
    /// All.
    pub const ALL: [Self; 3] = [Self::RoleSync, Self::TokenRefresh, Self::HealthCheck];

    /// The written name of its schedule. Part of stored keys: never change one.
    pub const fn schedule_name(self) -> &'static str {
        match self {
            Self::RoleSync => "discord_role_sync",
            Self::TokenRefresh => "discord_token_refresh",
            Self::HealthCheck => "discord_health",
        }
    }
}

/// Starts what is due at this tick (unix seconds, nominal). Any number of schedulers may say the same tick.
pub async fn tick(
    services: &Arc<Services>,
    queue: &Queue,
    action: Action,
    tick: i64,
) -> Result<(), StoreError> {
    let key = format!("cron:{}:{tick}", action.schedule_name());
    let id = Uuid::new_v5(&TICKS, key.as_bytes());
    let cause = Cause::new(
        format!("schedule:{}", action.schedule_name()),
        format!("tick {tick}"),
    );
    // The id is kept after the job ended, so a late second scheduler inserts what is there.
    let once = |job: Enqueue| vec![job.with_id(JobId(id)).unique(key.clone())];
    match action {
        Action::TokenRefresh => {
            queue.insert(once(Enqueue::new(&RefreshTokens {}, cause))).await?;
        }
        Action::HealthCheck => {
            queue.insert(once(Enqueue::new(&CheckGuilds {}, cause))).await?;
        }
        Action::RoleSync => {
            let run_id = RunId(id);
            if services.runs.get(run_id).await?.is_some() {
                return Ok(());
            }
            // No overlap: a full run that is still at work will do what this one would.
            if services
                .runs
                .running()
                .await?
                .iter()
                .any(|r| r.scope == Scope::default() && !r.dry_run)
            {
                tracing::info!(
                    schedule = action.schedule_name(),
                    "discord_sync: a full run is at work; tick skipped"
                );
                return Ok(());
            }
            let request = SyncRequest {
                run_id: Some(run_id),
                background: true,
                ..SyncRequest::default()
            };
            match request_sync(services, queue, request, cause).await {
                Ok(_) => {}
                Err(Refusal::Store(error)) => return Err(error),
                Err(refusal) => tracing::debug!("discord_sync: nothing to sync by the clock: {refusal}"),
            }
        }
    }
    Ok(())
}
