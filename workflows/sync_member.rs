//! Plans one account in one guild: reads the member, and makes the jobs that it needs.

use std::collections::BTreeSet;

use rolecall_core::RoleId;
use rolecall_core::cost::Calls;
use rolecall_core::error::JobError;
use rolecall_core::job::{Lane, Subject};
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::ports::CallFailure;
use rolecall_core::run::counts;
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::guilds::NotReady;
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::members::Target;
use serde::{Deserialize, Serialize};

use crate::planner::Planner;

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SyncMember {
    /// Whom.
    #[serde(flatten)]
    pub target: Target,
    /// Plan only.
    #[serde(default)]
    pub dry_run: bool,
}

impl Job for SyncMember {
    const KIND: &'static str = "sync_member";
    const LANE: Lane = Lane::Interactive;
    const CALLS: Calls = Calls {
        others: 1,
        looks_at_guild: true,
        open_ended: true,
        ..Calls::NONE
    };

    fn subject(&self) -> Subject {
        self.target.subject(None)
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let services = &context.services;
        let Target {
            guild_id, discord_id, ..
        } = self.target;
        let user = &self.target.user_id;
        let guild = match services.ready_guild(guild_id, context.inserted_at).await {
            Ok(guild) => guild,
            Err(NotReady::Skip(reason)) => return Ok(Outcome::skipped(reason)),
            Err(NotReady::Failed(error)) => return Err(error),
        };
        if guild.rules.is_empty() {
            return Ok(Outcome::skipped("no_active_mappings"));
        }
        let Some(facts) = services.facts(user).await? else {
            return Ok(Outcome::skipped("directory_unknown"));
        };
        let Some(link) = services
            .links
            .of_account(discord_id)
            .await?
            .filter(|l| l.is_active)
        else {
            return Ok(Outcome::skipped("not_linked"));
        };
        let desired = guild.rules.desired(&facts);
        let options = context.call(None)?;
        let read_at = services.clock.now();
        let member = match services
            .discord
            .member(&guild.token, guild_id, discord_id, &options)
            .await
        {
            Ok(member) => Some(member),
            Err(e) if e.failure == CallFailure::UnknownMember => None,
            Err(e) => return Err(e.into()),
        };
        let info = services.recent_info(&guild, &options).await?;
        let standing = services.standing(&guild, &options).await?;
        let mut planner = Planner::new(context, &guild, &info, standing, self.dry_run);
        planner.names_roles = true;
        planner.outcome.count(counts::GUILDS, 1);
        let mut jobs = Vec::new();
        match member {
            Some(member) => {
                let held: BTreeSet<RoleId> = member.roles.into_iter().collect();
                planner.outcome.count(counts::ROLES, held.len() as u64);
                jobs.extend(planner.member(user, discord_id, &held, &desired, read_at));
            }
            None if desired.wanted.is_empty() => planner.skipped("not_a_member"),
            None => {
                planner.outcome.count(counts::LINKED, 1);
                let can_join = link.has_token && !link.needs_consent;
                jobs.extend(planner.absent(user, discord_id, can_join, &desired));
                if self.dry_run && planner.outcome.counts.contains_key(counts::PLANNED_JOINS) {
                    // Who is joined gets the roles with it.
                    planner.outcome.given = desired.roles();
                }
            }
        }
        // One member cannot be a mass removal: the guard's floor lets it pass.
        jobs.extend(planner.finish(services.settings.guard, false));
        let mut outcome = planner.outcome;
        if !jobs.is_empty() {
            outcome.effect = Effect::Applied;
            context.insert_or_await(jobs).await?;
        }
        Ok(outcome)
    }
}
