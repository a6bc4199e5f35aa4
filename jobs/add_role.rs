//! Gives one role to one member (`PUT /guilds/{guild}/members/{user}/roles/{role}`).

use std::collections::BTreeSet;

use rolecall_core::RoleId;
use rolecall_core::cost::Calls;
use rolecall_core::error::JobError;
use rolecall_core::job::{Lane, Subject};
use rolecall_core::outcome::Outcome;
use serde::{Deserialize, Serialize};

use crate::kernel::context::Context;
use crate::kernel::fault::{self, Point};
use crate::kernel::job::Job;
use crate::kernel::members::{Target, look_again, refused};

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AddRole {
    /// Whom.
    #[serde(flatten)]
    pub target: Target,
    /// Which role.
    pub role_id: RoleId,
}

impl Job for AddRole {
    const KIND: &'static str = "add_role";
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
        let now = match look_again(context, &self.target, Some(self.role_id)).await? {
            Ok(now) => now,
            Err(nothing) => return Ok(nothing),
        };
        if !now.wants(self.role_id) {
            return Ok(Outcome::skipped("superseded"));
        }
        let options = context.call(Some(context.audit_reason("in a mapped group")))?;
        let Target {
            guild_id, discord_id, ..
        } = self.target;
        fault::pass(Point::K5, Self::KIND);
        let added = context
            .services
            .discord
            .add_role(&now.guild.token, guild_id, discord_id, self.role_id, &options)
            .await;
        match added {
            Ok(()) => Ok(Outcome::moved([self.role_id].into(), BTreeSet::new())),
            Err(error) => refused(context, &self.target, &[self.role_id], error).await,
        }
    }
}
