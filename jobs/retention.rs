//! Deletes what is older than it has to be: jobs and runs that are over, audit records, begun logins, inactive links.
//!
//! In small batches, so that nothing else has to wait for it. What is left of a long backlog goes at the next tick.

use std::collections::BTreeMap;

use rolecall_core::Timestamp;
use rolecall_core::cause::Cause;
use rolecall_core::dead_letter::Said;
use rolecall_core::error::{JobError, StoreError};
use rolecall_core::job::{JobState, Lane};
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::retention::Policy;
use serde::{Deserialize, Serialize};

use crate::kernel::audit;
use crate::kernel::context::Context;
use crate::kernel::dead_letters;
use crate::kernel::job::Job;
use crate::kernel::services::Services;

/// Records that one write deletes.
const BATCH: usize = 500;
/// Batches of one kind in one go.
const BATCHES: usize = 400;

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Retention {}

impl Job for Retention {
    const KIND: &'static str = "retention";
    const LANE: Lane = Lane::Bulk;
    /// The next tick goes on.
    const MAX_ATTEMPTS: u32 = 4;

    fn concurrency_key(&self) -> Option<String> {
        Some(Self::KIND.to_owned())
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let services = &context.services;
        let deleted = prune(services, &services.settings.retention, services.clock.now()).await?;
        if deleted.values().all(|n| *n == 0) {
            return Ok(Outcome::unchanged());
        }
        let mut outcome = Outcome::of(Effect::Applied);
        for (what, n) in deleted {
            outcome.count(&format!("deleted.{what}"), n);
        }
        Ok(outcome)
    }
}

/// Deletes what the policy does not keep; says how many of what.
///
/// # Errors
/// If the store fails; what was deleted before stays deleted.
pub async fn prune(
    services: &Services,
    policy: &Policy,
    now: Timestamp,
) -> Result<BTreeMap<&'static str, u64>, StoreError> {
    let mut deleted = BTreeMap::new();
    for (what, old, kept) in [
        ("jobs", Old::Jobs(JobState::Completed), policy.jobs),
        ("jobs", Old::Jobs(JobState::Cancelled), policy.jobs),
        (
            "discarded_jobs",
            Old::Jobs(JobState::Discarded),
            policy.discarded_jobs,
        ),
        ("runs", Old::Runs, policy.runs),
        ("inactive_links", Old::InactiveLinks, policy.inactive_links),
    ] {
        if let Some(kept) = kept {
            *deleted.entry(what).or_default() += in_batches(services, old, now - kept).await?;
        }
    }
    if let Some(kept) = policy.discarded_jobs {
        deleted.insert("cause_marks", old_marks(services, now - kept, now).await?);
    }
    if let Some(kept) = policy.audit {
        deleted.insert("audit", audit::prune(services, now - kept).await?);
    }
    deleted.insert("replies", services.replies.prune(now, BATCH * BATCHES).await?);
    if let Some(kept) = policy.oauth_states {
        let n = services.oauth_states.prune(now - kept).await?;
        deleted.insert("oauth_states", n);
    }
    Ok(deleted)
}

/// Deletes what was said before this moment of causes that have no dead letter left, unless it says what is to be ignored
/// until a time to come.
async fn old_marks(services: &Services, before: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
    let mut deleted = 0;
    for mark in services.cause_marks.list().await? {
        let goes_on = matches!(mark.said, Said::Ignored(Some(until)) if until > now);
        if mark.at >= before || goes_on {
            continue;
        }
        let left = services
            .ledger
            .list(&dead_letters::of(&mark.fingerprint), None, 1)
            .await?;
        if left.is_empty() && services.cause_marks.remove(&mark.fingerprint).await? {
            deleted += 1;
        }
    }
    Ok(deleted)
}

/// What is deleted in batches.
#[derive(Clone, Copy)]
enum Old {
    Jobs(JobState),
    Runs,
    InactiveLinks,
}

async fn in_batches(services: &Services, old: Old, before: Timestamp) -> Result<u64, StoreError> {
    let mut all = 0;
    for _ in 0..BATCHES {
        let n = batch(services, old, before).await?;
        all += n;
        if n < BATCH as u64 {
            break;
        }
    }
    Ok(all)
}

async fn batch(services: &Services, old: Old, before: Timestamp) -> Result<u64, StoreError> {
    let store = &services.retention;
    match old {
        Old::Jobs(state) => store.delete_jobs(state, before, BATCH).await,
        Old::Runs => store.delete_runs(before, BATCH).await,
        Old::InactiveLinks => {
            let cause = Cause::new(audit::PRUNER, "");
            let accounts = store.delete_inactive_links(before, BATCH).await?;
            // As an unlink does it, with what the audit trail knows of the person.
            for account in &accounts {
                audit::erase(services, &audit::account(*account), &cause).await?;
            }
            Ok(accounts.len() as u64)
        }
    }
}
