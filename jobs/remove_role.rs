//! Takes one role from one member (`DELETE /guilds/{guild}/members/{user}/roles/{role}`).

use std::collections::BTreeSet;

use rolecall_core::RoleId;
use rolecall_core::cost::Calls;
use rolecall_core::error::JobError;
use rolecall_core::job::{Lane, Subject};
use rolecall_core::outcome::Outcome;
use serde::{Deserialize, Serialize};

use crate::kernel::context::Context;
use crate::kernel::fault::{self, Mechanism, Point};
use crate::kernel::job::Job;
use crate::kernel::members::{Target, look_again, refused};

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RemoveRole {
    /// Whom.
    #[serde(flatten)]
    pub target: Target,
    /// Which role.
    pub role_id: RoleId,
}

impl Job for RemoveRole {
    const KIND: &'static str = "remove_role";
    const LANE: Lane = Lane::Bulk;
    const CALLS: Calls = Calls::ROLE_WRITE;

    fn unique_key(&self) -> Option<String> {
        Some(format!(
            "{}:{}:{}",
            Self::KIND,
            self.target.member_key(),
            self.role_id
        ))
    }

    fn concurrency_key(&self) -> Option<String> {
        Some(self.target.member_key())
    }

    fn subject(&self) -> Subject {
        self.target.subject(Some(self.role_id))
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        // The second read of the directory: without it, a moment in which the application rewrites its memberships
        // would lock people out.
        let now = match look_again(context, &self.target, Some(self.role_id)).await? {
            Ok(now) => now,
            Err(nothing) => return Ok(nothing),
        };
        if !now.denies(self.role_id) && !fault::without(Mechanism::SecondRead) {
            return Ok(Outcome::skipped("superseded"));
        }
        let options = context.call(Some(context.audit_reason("no longer in a mapped group")))?;
        let Target {
            guild_id, discord_id, ..
        } = self.target;
        fault::pass(Point::K5, Self::KIND);
        let removed = context
            .services
            .discord
            .remove_role(&now.guild.token, guild_id, discord_id, self.role_id, &options)
            .await;
        match removed {
            Ok(()) => Ok(Outcome::moved(BTreeSet::new(), [self.role_id].into())),
            Err(error) => refused(context, &self.target, &[self.role_id], error).await,
        }
    }
}
