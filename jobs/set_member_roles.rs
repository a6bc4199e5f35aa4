//! Changes several roles of one member by one call (`PATCH /guilds/{guild}/members/{user}` with the full set).
//!
//! The full set overwrites whatever somebody else changed meanwhile, so it is built from a read that is younger than
//! five seconds: the planner's, or one made here.

use std::collections::BTreeSet;

use rolecall_core::cost::Calls;
use rolecall_core::error::JobError;
use rolecall_core::job::{Lane, Subject};
use rolecall_core::outcome::Outcome;
use rolecall_core::{RoleId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::kernel::context::Context;
use crate::kernel::fault::{self, Point};
use crate::kernel::job::Job;
use crate::kernel::members::{Now, Target, look_again, refused};

/// A read of the member is fresh for this long.
const FRESH_MS: i64 = 5_000;

/// What the planner read of the member.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seen {
    /// All roles the member had.
    pub roles: BTreeSet<RoleId>,
    /// When that was read.
    pub at: Timestamp,
}

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetMemberRoles {
    /// Whom.
    #[serde(flatten)]
    pub target: Target,
    /// Roles to give.
    pub add: BTreeSet<RoleId>,
    /// Roles to take.
    pub remove: BTreeSet<RoleId>,
    /// What the planner read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
}

impl SetMemberRoles {
    /// The roles the member has: as the planner saw them a moment ago, or as Discord says now.
    async fn held(
        &self,
        context: &Context,
        now: &Now,
    ) -> Result<Result<BTreeSet<RoleId>, Outcome>, JobError> {
        if let Some(seen) = &self.seen {
            let age = context.services.clock.now().millis_since(seen.at);
            if (0..FRESH_MS).contains(&age) {
                return Ok(Ok(seen.roles.clone()));
            }
        }
        let Target {
            guild_id, discord_id, ..
        } = self.target;
        let options = context.call(None)?;
        match context
            .services
            .discord
            .member(&now.guild.token, guild_id, discord_id, &options)
            .await
        {
            Ok(member) => Ok(Ok(member.roles.into_iter().collect())),
            Err(error) => refused(context, &self.target, &[], error).await.map(Err),
        }
    }
}

impl Job for SetMemberRoles {
    const KIND: &'static str = "set_member_roles";
    const LANE: Lane = Lane::Bulk;
    /// What the planner read is old by the time that anybody asks: it reads the member again.
    const CALLS: Calls = Calls {
        member_edits: 1,
        others: 1,
        ..Calls::NONE
    };

    fn unique_key(&self) -> Option<String> {
        let list = |set: &BTreeSet<RoleId>| set.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let change = format!("+{}-{}", list(&self.add), list(&self.remove));
        Some(format!("{}:{}:{change}", Self::KIND, self.target.member_key()))
    }

    fn concurrency_key(&self) -> Option<String> {
        Some(self.target.member_key())
    }

    fn subject(&self) -> Subject {
        self.target.subject(None)
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let now = match look_again(context, &self.target, None).await? {
            Ok(now) => now,
            Err(nothing) => return Ok(nothing),
        };
        let add: BTreeSet<RoleId> = self.add.iter().copied().filter(|r| now.wants(*r)).collect();
        let remove: BTreeSet<RoleId> = self.remove.iter().copied().filter(|r| now.denies(*r)).collect();
        if add.is_empty() && remove.is_empty() {
            return Ok(Outcome::skipped("superseded"));
        }
        let held = match self.held(context, &now).await? {
            Ok(held) => held,
            Err(nothing) => return Ok(nothing),
        };
        let given: BTreeSet<RoleId> = add.difference(&held).copied().collect();
        let taken: BTreeSet<RoleId> = remove.intersection(&held).copied().collect();
        if given.is_empty() && taken.is_empty() {
            return Ok(Outcome::unchanged().of_member_with(held));
        }
        // Every other role is repeated as it is: Discord refuses a set that drops a managed one (403).
        let wanted: BTreeSet<RoleId> = held.difference(&remove).chain(&add).copied().collect();
        let options = context.call(Some(context.audit_reason("groups changed")))?;
        let Target {
            guild_id, discord_id, ..
        } = self.target;
        fault::pass(Point::K5, Self::KIND);
        let set = context
            .services
            .discord
            .set_roles(&now.guild.token, guild_id, discord_id, &wanted, &options)
            .await;
        match set {
            Ok(()) => Ok(Outcome::moved(given, taken).of_member_with(held)),
            Err(error) => {
                let moved: Vec<RoleId> = given.union(&taken).copied().collect();
                refused(context, &self.target, &moved, error).await
            }
        }
    }
}
