//! Unlinks an account: the link ends at once, then jobs take the mapped roles, revoke the tokens and delete the record.
//!
//! Nothing of it waits for Discord before the link has ended. The order: the first job is stored, the link is made
//! inactive, the caller is answered. If the process dies in between, the job makes the link inactive.

use std::sync::Arc;
use std::time::Duration;

use rolecall_core::audit::Act;
use rolecall_core::cost::Calls;
use rolecall_core::error::{JobError, StoreError};
use rolecall_core::job::{Lane, Subject};
use rolecall_core::link::Link;
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::run::{Run, RunKind, RunState, Scope};
use rolecall_core::{DiscordId, JobId, RunId, Timestamp, UserId};
use rolecall_jobs::forget_account::ForgetAccount;
use rolecall_jobs::kernel::audit::{account, audited};
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::members::Target;
use rolecall_jobs::kernel::queue::{Enqueue, Queue};
use rolecall_jobs::kernel::services::Services;
use rolecall_jobs::kernel::steering::By;
use rolecall_jobs::take_mapped_roles::TakeMappedRoles;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// For so long a Discord that does not answer may hold up the deletion of the record.
const REVOKE_PATIENCE: Duration = Duration::from_secs(600);

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UnlinkAccount {
    /// Whose account.
    pub user_id: UserId,
    /// The account.
    pub discord_id: DiscordId,
    /// When it was asked for: a link that began later is another one.
    pub asked_at: Timestamp,
}

impl Job for UnlinkAccount {
    const KIND: &'static str = "unlink_account";
    const LANE: Lane = Lane::Interactive;
    const CALLS: Calls = Calls {
        open_ended: true,
        ..Calls::NONE
    };

    fn subject(&self) -> Subject {
        Subject {
            user_id: Some(self.user_id.clone()),
            discord_id: Some(self.discord_id),
            ..Subject::default()
        }
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let services = &context.services;
        let Some(link) = services.links.of_account(self.discord_id).await? else {
            return Ok(Outcome::skipped("not_linked"));
        };
        if !self.means(&link) {
            return Ok(Outcome::skipped("linked_again"));
        }
        end(services, &link).await?;
        let guilds = services.guilds.list().await?;
        let mut jobs: Vec<Enqueue> = guilds
            .iter()
            .filter(|g| g.is_enabled && g.settings.remove_roles_on_leave)
            .map(|g| {
                let target = Target {
                    guild_id: g.guild_id,
                    user_id: self.user_id.clone(),
                    discord_id: self.discord_id,
                };
                context.follow_up(&format!("take:{}", g.guild_id), &TakeMappedRoles { target })
            })
            .collect();
        let forget = ForgetAccount {
            user_id: self.user_id.clone(),
            discord_id: self.discord_id,
            until: self.asked_at + REVOKE_PATIENCE,
        };
        jobs.push(context.follow_up("forget", &forget));
        let mut outcome = Outcome::of(Effect::Applied);
        outcome.count("fanned_out", jobs.len() as u64);
        context.insert(jobs).await?;
        Ok(outcome)
    }
}

impl UnlinkAccount {
    /// Whether this is the link that was to end.
    fn means(&self, link: &Link) -> bool {
        link.user_id == self.user_id && (!link.is_active || link.linked_at <= self.asked_at)
    }
}

/// Makes a link inactive: from now on no sync, join or refresh looks at it.
async fn end(services: &Services, link: &Link) -> Result<(), StoreError> {
    if !link.is_active {
        return Ok(());
    }
    let ended = Link {
        is_active: false,
        updated_at: services.clock.now(),
        ..link.clone()
    };
    // `false`: it ended already, and somebody else has the account now.
    services.links.claim(&ended, None).await.map(drop)
}

/// Stores the run and its first job, and ends the link. Asking again harms nothing.
///
/// # Errors
/// If the store fails; then nothing has changed, or the stored job will do it.
pub async fn request_unlink(
    services: &Arc<Services>,
    queue: &Queue,
    link: &Link,
    by: By,
    trace: Option<String>,
) -> Result<Run, StoreError> {
    let now = services.clock.now();
    let run = Run {
        id: RunId(Uuid::now_v7()),
        kind: RunKind::User,
        scope: Scope {
            users: vec![link.user_id.clone()],
            ..Scope::default()
        },
        dry_run: false,
        state: RunState::Running,
        cause: by.cause.clone(),
        started_at: now,
        finished_at: None,
        results: None,
    };
    let job = UnlinkAccount {
        user_id: link.user_id.clone(),
        discord_id: link.discord_id,
        asked_at: now,
    };
    let mut first = Enqueue::new(&job, by.cause.clone())
        .with_id(JobId(run.id.child("first:unlink_account")))
        .in_run(run.id);
    first.0.trace = trace;
    let act = Act::new("account.unlinked", account(link.discord_id));
    audited(services, &by, act, async {
        services.runs.insert(&run).await?;
        queue.insert(vec![first]).await
    })
    .await?;
    if let Err(error) = end(services, link).await {
        tracing::warn!("discord_oauth: a link could not be ended at once ({error}); its job does it");
    }
    tracing::info!(
        run.id = %run.id,
        "discord_oauth: user {} unlinked account {}", link.user_id, link.discord_id
    );
    Ok(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_began_later_or_is_somebody_elses_is_left_alone() {
        let job = UnlinkAccount {
            user_id: "ada".into(),
            discord_id: DiscordId::new(7).unwrap(),
            asked_at: Timestamp(1_000),
        };
        let link = |user: &str, is_active, linked_at| Link {
            user_id: user.into(),
            discord_id: job.discord_id,
            username: String::new(),
            is_active,
            has_token: true,
            token_expiry: None,
            needs_consent: false,
            linked_at: Timestamp(linked_at),
            updated_at: Timestamp(linked_at),
        };
        assert!(job.means(&link("ada", true, 1_000)) && job.means(&link("ada", false, 2_000)));
        assert!(!job.means(&link("ada", true, 1_001)) && !job.means(&link("bob", true, 1)));
    }
}
