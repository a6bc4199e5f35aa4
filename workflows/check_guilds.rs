//! Looks at every enabled guild, every five minutes: one [`CheckGuild`] each.

use rolecall_core::cost::Calls;
use rolecall_core::error::JobError;
use rolecall_core::job::Lane;
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::job::Job;
use serde::{Deserialize, Serialize};

use crate::check_guild::CheckGuild;

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckGuilds {}

impl Job for CheckGuilds {
    const KIND: &'static str = "check_guilds";
    const LANE: Lane = Lane::Bulk;
    /// The next tick looks again.
    const MAX_ATTEMPTS: u32 = 4;
    const CALLS: Calls = Calls {
        open_ended: true,
        ..Calls::NONE
    };

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let guilds = context.services.guilds.list().await?;
        let jobs: Vec<_> = guilds
            .into_iter()
            .filter(|g| g.is_enabled)
            .map(|g| {
                let job = CheckGuild { guild_id: g.guild_id };
                context.follow_up(&format!("guild:{}", g.guild_id), &job)
            })
            .collect();
        if jobs.is_empty() {
            return Ok(Outcome::unchanged());
        }
        let mut outcome = Outcome::of(Effect::Applied);
        outcome.count("fanned_out", jobs.len() as u64);
        context.insert(jobs).await?;
        Ok(outcome)
    }
}
