//! Takes every mapped role from a member whose link has ended.
//!
//! A removal of its own kind: the others look again whether the groups of a *linked* user still give a role, and leave
//! people alone who are not linked. This one asks the opposite: it acts only while no active link of the account
//! exists, so an account that was linked again meanwhile keeps its roles and is left to the next sync. Groups play no
//! part; which roles are ours to take is said by the guild's active mappings at the moment of the write.

use std::collections::BTreeSet;

use rolecall_core::RoleId;
use rolecall_core::error::JobError;
use rolecall_core::hierarchy::obstacle;
use rolecall_core::job::{Lane, Subject};
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{BotToken, CallError, CallOptions};
use serde::{Deserialize, Serialize};

use crate::kernel::context::Context;
use crate::kernel::guilds::NotReady;
use crate::kernel::job::Job;
use crate::kernel::members::{Target, refused};
use crate::kernel::services::Services;

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TakeMappedRoles {
    /// Whom; the user is the one whose link has ended.
    #[serde(flatten)]
    pub target: Target,
}

impl Job for TakeMappedRoles {
    const KIND: &'static str = "take_mapped_roles";
    const LANE: Lane = Lane::Normal;

    fn concurrency_key(&self) -> Option<String> {
        Some(self.target.member_key())
    }

    fn subject(&self) -> Subject {
        self.target.subject(None)
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let services = &context.services;
        let Target {
            guild_id, discord_id, ..
        } = self.target;
        let guild = match services.ready_guild(guild_id, context.inserted_at).await {
            Ok(guild) => guild,
            Err(NotReady::Skip(reason)) => return Ok(Outcome::skipped(reason)),
            Err(NotReady::Failed(error)) => return Err(error),
        };
        if !guild.config.settings.remove_roles_on_leave {
            return Ok(Outcome::skipped("superseded"));
        }
        let link = services.links.of_account(discord_id).await?;
        if link.is_some_and(|l| l.is_active) {
            return Ok(Outcome::skipped("linked_again"));
        }
        let options = context.call(Some(context.audit_reason("account unlinked")))?;
        let read = services
            .discord
            .member(&guild.token, guild_id, discord_id, &options);
        let held: BTreeSet<RoleId> = match read.await {
            Ok(member) => member.roles.into_iter().collect(),
            Err(error) => return refused(context, &self.target, None, error),
        };
        let mapped: Vec<RoleId> = held.intersection(guild.rules.managed()).copied().collect();
        if mapped.is_empty() {
            return Ok(Outcome::unchanged());
        }
        let info = services.recent_info(&guild, &options).await?;
        let standing = services.standing(&guild, &options).await?;
        let mut take = BTreeSet::new();
        let mut left = Vec::new();
        for role in mapped {
            match obstacle(&info, standing.as_ref(), role) {
                None => drop(take.insert(role)),
                Some(why) => left.push(format!(
                    "{} cannot be taken: {}. {}",
                    guild.role_name(role),
                    why.as_str(),
                    why.remedy()
                )),
            }
        }
        let written = self.write(services, &guild.token, &held, &take, &options).await;
        if let Err(error) = written {
            return refused(context, &self.target, None, error);
        }
        let mut outcome = if take.is_empty() {
            Outcome::skipped("roles_out_of_reach")
        } else {
            Outcome::applied(0, take.len())
        };
        outcome.notes = left;
        Ok(outcome)
    }
}

impl TakeMappedRoles {
    /// One role by one call, several by one call with what is left.
    async fn write(
        &self,
        services: &Services,
        token: &BotToken,
        held: &BTreeSet<RoleId>,
        take: &BTreeSet<RoleId>,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        let Target {
            guild_id, discord_id, ..
        } = self.target;
        let discord = &services.discord;
        match take.first() {
            None => Ok(()),
            Some(only) if take.len() == 1 => {
                discord
                    .remove_role(token, guild_id, discord_id, *only, options)
                    .await
            }
            Some(_) => {
                let rest = held.difference(take).copied().collect();
                discord
                    .set_roles(token, guild_id, discord_id, &rest, options)
                    .await
            }
        }
    }
}
