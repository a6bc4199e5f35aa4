//! Refreshes tokens that end soon: one [`RefreshToken`] an account, those that end first first.

use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_core::backoff::ExponentialBackoff;
use rolecall_core::cost::Calls;
use rolecall_core::error::JobError;
use rolecall_core::job::Lane;
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::ports::{SchedulerTask, TaskEnd};
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::refresh_token::RefreshToken;
use serde::{Deserialize, Serialize};

/// The refreshes of one sweep are spread over this time, so that they are no herd.
const SPREAD: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RefreshTokens {}

impl Job for RefreshTokens {
    const KIND: &'static str = "refresh_tokens";
    const LANE: Lane = Lane::Bulk;
    const MAX_ATTEMPTS: u32 = 4;
    const CALLS: Calls = Calls {
        open_ended: true,
        ..Calls::NONE
    };

    fn backoff() -> ExponentialBackoff {
        let five_minutes = Duration::from_secs(300);
        ExponentialBackoff {
            initial_interval: five_minutes,
            multiplier: 1.0,
            ..ExponentialBackoff::default()
        }
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let began = context.services.clock.now();
        let done = sweep(context).await;
        if let Ok(outcome) = &done {
            tell(context, began, outcome).await;
        }
        done
    }
}

/// Tells go-falcon's scheduler, whose task this is. A note that cannot be written is no reason to sweep again.
async fn tell(context: &Context, began: Timestamp, outcome: &Outcome) {
    let services = &context.services;
    let took = services.clock.now().millis_since(began);
    let skipped = outcome.reason.as_ref();
    let end = TaskEnd {
        id: context.job_id.0,
        took: Duration::from_millis(u64::try_from(took).unwrap_or(0)),
        error: skipped.map(|reason| format!("nothing was refreshed: {reason}")),
    };
    if let Err(error) = services
        .scheduler_tasks
        .ended(SchedulerTask::TokenRefresh, &end)
        .await
    {
        tracing::debug!(%error, "discord_oauth: scheduler_tasks not updated");
    }
}

async fn sweep(context: &Context) -> Result<Outcome, JobError> {
    let services = &context.services;
    let now = services.clock.now();
    if services.oauth.is_none() {
        return Ok(Outcome::skipped("oauth_not_configured"));
    }
    let before = now + services.settings.token_refresh_threshold;
    let links = services
        .links
        .expiring(before, services.settings.token_refresh_batch)
        .await?;
    let n = u32::try_from(links.len()).unwrap_or(u32::MAX);
    let jobs: Vec<_> = links
        .iter()
        .zip(0u32..)
        .map(|(link, i)| {
            let job = RefreshToken {
                discord_id: link.discord_id,
            };
            context
                .follow_up(&format!("refresh:{}", link.discord_id), &job)
                .at(now + SPREAD * i / n.max(1))
        })
        .collect();
    if jobs.is_empty() {
        return Ok(Outcome::unchanged());
    }
    context.insert(jobs).await?;
    let mut outcome = Outcome::of(Effect::Applied);
    outcome.count("fanned_out", u64::from(n));
    Ok(outcome)
}
