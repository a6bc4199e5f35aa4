//! Syncs one user: one [`SyncMember`] an account and guild.

use rolecall_core::cost::Calls;
use rolecall_core::error::JobError;
use rolecall_core::job::{Lane, Subject};
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::{GuildId, UserId};
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::members::Target;
use serde::{Deserialize, Serialize};

use crate::sync_member::SyncMember;

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SyncUser {
    /// The user.
    pub user_id: UserId,
    /// Only in these guilds; empty: in all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guilds: Vec<GuildId>,
    /// Plan only.
    #[serde(default)]
    pub dry_run: bool,
}

impl Job for SyncUser {
    const KIND: &'static str = "sync_user";
    const LANE: Lane = Lane::Interactive;
    const CALLS: Calls = Calls {
        open_ended: true,
        ..Calls::NONE
    };

    fn subject(&self) -> Subject {
        Subject {
            user_id: Some(self.user_id.clone()),
            ..Subject::default()
        }
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let links = context.services.links.of_user(&self.user_id).await?;
        let guilds = context.services.guilds.list().await?;
        let guilds = guilds
            .iter()
            .filter(|g| g.is_enabled && (self.guilds.is_empty() || self.guilds.contains(&g.guild_id)));
        let mut jobs = Vec::new();
        for guild in guilds {
            for link in links.iter().filter(|l| l.is_active) {
                let target = Target {
                    guild_id: guild.guild_id,
                    user_id: self.user_id.clone(),
                    discord_id: link.discord_id,
                };
                let key = format!("member:{}:{}", target.guild_id, target.discord_id);
                jobs.push(context.follow_up(
                    &key,
                    &SyncMember {
                        target,
                        dry_run: self.dry_run,
                    },
                ));
            }
        }
        if jobs.is_empty() {
            return Ok(Outcome::skipped("not_linked"));
        }
        let mut outcome = Outcome::of(Effect::Applied);
        outcome.count("fanned_out", jobs.len() as u64);
        context.insert(jobs).await?;
        Ok(outcome)
    }
}
