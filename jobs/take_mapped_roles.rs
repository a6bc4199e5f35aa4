//! Takes every mapped role from a member whose link has ended.
//!
//! A removal of its own kind: the others look again whether the groups of a *linked* user still give a role, and leave
//! people alone who are not linked. This one asks the opposite: it acts only while no active link of the account
//! exists, so an account that was linked again meanwhile keeps its roles and is left to the next sync. Groups play no
//! part; which roles are ours to take is said by the guild's active mappings at the moment of the write.

use std::collections::BTreeSet;

use rolecall_core::RoleId;
use rolecall_core::cost::Calls;
use rolecall_core::error::JobError;
use rolecall_core::job::{Lane, Subject};
use rolecall_core::outcome::Outcome;
use serde::{Deserialize, Serialize};

use crate::kernel::context::Context;
use crate::kernel::guilds::NotReady;
use crate::kernel::job::Job;
use crate::kernel::members::{Target, not_refused_lately};
use crate::kernel::taking;

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
    const CALLS: Calls = Calls {
        role_writes: 1,
        others: 1,
        looks_at_guild: true,
        ..Calls::NONE
    };

    fn concurrency_key(&self) -> Option<String> {
        Some(self.target.member_key())
    }

    fn subject(&self) -> Subject {
        self.target.subject(None)
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let services = &context.services;
        not_refused_lately(context, &self.target, None)?;
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
        let choose = |held: &BTreeSet<RoleId>| held.intersection(guild.rules.managed()).copied().collect();
        match taking::look(context, &guild, &self.target, "account unlinked", choose).await? {
            Ok(taking) => taking::take(context, &guild, &self.target, taking).await,
            Err(nothing) => Ok(nothing),
        }
    }
}
