//! Ends what is stored of a removed guild, its bot's token first of all, when its roles are taken.
//!
//! Where a role could not be taken, the record stays, so that the removal can be asked for once more.

use std::time::Duration;

use rolecall_core::GuildId;
use rolecall_core::error::JobError;
use rolecall_core::job::{JobState, Subject};
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::JobFilter;
use serde::{Deserialize, Serialize};

use crate::kernel::context::Context;
use crate::kernel::job::Job;
use crate::take_retired_roles::TakeRetiredRoles;

/// Kinds that need the record: the one that plans, and the one that writes.
const NEED_IT: [&str; 2] = ["retire_roles", TakeRetiredRoles::KIND];

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ForgetGuild {
    /// The removed guild.
    pub guild_id: GuildId,
}

impl Job for ForgetGuild {
    const KIND: &'static str = "forget_guild";

    fn subject(&self) -> Subject {
        Subject {
            guild_id: Some(self.guild_id),
            ..Subject::default()
        }
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let services = &context.services;
        let Some(run) = context.run_id else {
            return Ok(Outcome::skipped("no_run"));
        };
        let live = services.ledger.run_is_live(run, Self::KIND).await? || self.is_taking(context).await?;
        if live {
            let wait = LOOK_EVERY.mul_f64(0.5 + fastrand::f64());
            let sentence = "waits until the roles of the removed guild are taken";
            return Err(JobError::wait("roles_are_being_taken", wait, sentence));
        }
        let failed = JobFilter {
            run_id: Some(run),
            states: vec![JobState::Discarded],
            ..JobFilter::default()
        };
        let failed: u64 = services
            .ledger
            .counts(&failed)
            .await?
            .iter()
            .map(|(_, n)| n)
            .sum();
        if failed > 0 {
            let id = self.guild_id;
            return Err(JobError::permanent(
                "retired_roles_left",
                format!("{failed} jobs of the removed guild {id} failed, so that some roles were not taken"),
            )
            .with_remedy(format!(
                "Mend what they say (`rolecall jobs list --run {run} --state discarded`), then ask once more: \
                 `rolecall guild remove {id} --remove-roles`."
            )));
        }
        Ok(match services.retired_guilds.forget(self.guild_id, run).await? {
            true => Outcome::applied(0, 0),
            false => Outcome::unchanged(),
        })
    }
}

impl ForgetGuild {
    /// Whether a job of another run still takes roles in this guild: of a mapping that was removed just before it.
    async fn is_taking(&self, context: &Context) -> Result<bool, JobError> {
        let live: Vec<JobState> = JobState::ALL.into_iter().filter(|s| !s.is_final()).collect();
        for kind in NEED_IT {
            let filter = JobFilter {
                guild_id: Some(self.guild_id),
                kind: Some(kind.to_owned()),
                states: live.clone(),
                ..JobFilter::default()
            };
            let counts = context.services.ledger.counts(&filter).await?;
            if counts.iter().any(|(_, n)| *n > 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
