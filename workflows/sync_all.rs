//! Syncs every enabled guild: one [`SyncGuild`] each, so that one broken guild stops no other.

use rolecall_core::error::JobError;
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::job::Job;
use serde::{Deserialize, Serialize};

use crate::sync_guild::SyncGuild;

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SyncAll {
    /// Plan only.
    #[serde(default)]
    pub dry_run: bool,
    /// Let removals pass the guard.
    #[serde(default)]
    pub allow_removals: bool,
}

impl Job for SyncAll {
    const KIND: &'static str = "sync_all";

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let guilds = context.services.guilds.list().await?;
        let jobs: Vec<_> = guilds
            .into_iter()
            .filter(|g| g.is_enabled)
            .map(|g| {
                let job = SyncGuild {
                    guild_id: g.guild_id,
                    mapping: None,
                    dry_run: self.dry_run,
                    allow_removals: self.allow_removals,
                };
                context.follow_up(&format!("guild:{}", g.guild_id), &job)
            })
            .collect();
        let n = jobs.len() as u64;
        context.insert(jobs).await?;
        let mut outcome = Outcome::of(if n > 0 { Effect::Applied } else { Effect::Unchanged });
        outcome.count("fanned_out", n);
        Ok(outcome)
    }
}
