//! Takes roles from a member, because the mappings or the guild that gave them were removed.
//!
//! A removal of its own kind: the others ask what groups give, and touch only roles that active mappings name. Here an
//! administrator ended what named the roles, so groups play no part, and the opposite holds: a role that an active mapping
//! names (again) at the moment of the write is left to the sync. Somebody who was not linked is left alone.
//!
//! A sync that was planned just before may write back a role that it saw ([`crate::set_member_roles`] repeats what was
//! read up to five seconds ago), and no later sync would mend it. So whoever takes something looks once more, when such a
//! write is over.

use std::collections::BTreeSet;
use std::time::Duration;

use rolecall_core::RoleId;
use rolecall_core::cost::Calls;
use rolecall_core::error::JobError;
use rolecall_core::job::{Lane, Subject};
use rolecall_core::outcome::Outcome;
use rolecall_core::retire::unnamed;
use serde::{Deserialize, Serialize};

use crate::kernel::context::Context;
use crate::kernel::guilds::NotReady;
use crate::kernel::job::Job;
use crate::kernel::members::{Target, not_refused_lately};
use crate::kernel::taking;

/// The second look comes so long after the first: longer than a read of a member counts as fresh.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(8);

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TakeRetiredRoles {
    /// Whom; the user is the one who was linked.
    #[serde(flatten)]
    pub target: Target,
    /// Roles that nothing gives any more.
    pub roles: BTreeSet<RoleId>,
    /// Whether it is the second look.
    #[serde(default)]
    pub again: bool,
}

impl Job for TakeRetiredRoles {
    const KIND: &'static str = "take_retired_roles";
    const LANE: Lane = Lane::Normal;
    const CALLS: Calls = Calls {
        role_writes: 1,
        others: 1,
        looks_at_guild: true,
        ..Calls::NONE
    };

    /// No unique key: a job that waits may have been stored before the roles were given, and taken, once more.
    fn concurrency_key(&self) -> Option<String> {
        Some(self.target.member_key())
    }

    fn subject(&self) -> Subject {
        let only = self.roles.first().filter(|_| self.roles.len() == 1);
        self.target.subject(only.copied())
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let services = &context.services;
        let target = &self.target;
        not_refused_lately(context, target, None)?;
        let guild = match services.leaving_guild(target.guild_id, context.inserted_at).await {
            Ok(guild) => guild,
            Err(NotReady::Skip(reason)) => return Ok(Outcome::skipped(reason)),
            Err(NotReady::Failed(error)) => return Err(error),
        };
        let retired = unnamed(&self.roles, &guild.rules);
        if retired.is_empty() {
            return Ok(Outcome::skipped("superseded"));
        }
        let link = services.links.of_account(target.discord_id).await?;
        // Who unlinked meanwhile loses it as by unlinking, which no longer knows the role.
        let linked = link.is_some_and(|l| l.is_active);
        if !linked && !guild.config.settings.remove_roles_on_leave {
            return Ok(Outcome::skipped("not_linked"));
        }
        let choose = |held: &BTreeSet<RoleId>| held.intersection(&retired).copied().collect();
        let taking = match taking::look(context, &guild, target, "its mapping was removed", choose).await? {
            Ok(taking) => taking,
            Err(nothing) => return Ok(nothing),
        };
        if !self.again {
            let again = Self {
                again: true,
                ..self.clone()
            };
            // Stored before the write; each attempt that comes so far has its own.
            let key = format!("again:{}", context.attempt);
            let at = services.clock.now() + LOOK_AGAIN_AFTER;
            context
                .insert(vec![context.follow_up(&key, &again).at(at)])
                .await?;
        }
        taking::take(context, &guild, target, taking).await
    }
}
