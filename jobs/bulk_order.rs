//! Gives one order about all jobs that a query finds.
//!
//! Page by page, newest first. A job that got its order is in another state and is not found again, so a repeat after a
//! crash goes on with what is left; its numbers are then those of the last attempt.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::audit::Act;
use rolecall_core::cause::Cause;
use rolecall_core::error::{JobError, StoreError};
use rolecall_core::job::{Job as Record, Lane};
use rolecall_core::order::BulkAction;
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::ports::{JobCursor, JobFilter, Ordered, Share, SplitBy};
use rolecall_core::{JobId, RunId, Timestamp, query};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::kernel::audit::{audited, record_of_system};
use crate::kernel::context::Context;
use crate::kernel::job::Job;
use crate::kernel::queue::{Enqueue, Queue};
use crate::kernel::services::Services;
use crate::kernel::steering::{By, Steering};

/// Jobs that are read at once.
const PAGE: usize = 200;
/// Jobs that a preview shows.
const SAMPLES: usize = 5;
/// Guilds and causes that a preview tells apart.
const SHARES: usize = 50;

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BulkOrder {
    /// What is ordered.
    pub action: BulkAction,
    /// About which jobs, as a query with times that stay the same.
    pub query: String,
    /// Why.
    pub reason: String,
    /// When it was asked for: what is stored later is not meant.
    pub asked_at: Timestamp,
    /// The request that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// What an order would be about.
#[derive(Debug, Clone)]
pub struct Preview {
    /// How many jobs.
    pub jobs: u64,
    /// The newest of them.
    pub samples: Vec<Record>,
    /// By guild, the largest share first.
    pub by_guild: Vec<Share>,
    /// By the cause for which they failed.
    pub by_fingerprint: Vec<Share>,
}

/// Looks at what an order would be about, and changes nothing.
///
/// # Errors
/// If the store fails.
pub async fn preview(
    services: &Services,
    action: BulkAction,
    filter: &JobFilter,
    now: Timestamp,
) -> Result<Preview, StoreError> {
    let Some(meant) = action.meant(filter, now) else {
        return Ok(Preview {
            jobs: 0,
            samples: Vec::new(),
            by_guild: Vec::new(),
            by_fingerprint: Vec::new(),
        });
    };
    let ledger = &services.ledger;
    Ok(Preview {
        jobs: ledger.counts(&meant).await?.iter().map(|(_, n)| n).sum(),
        samples: ledger.list(&meant, None, SAMPLES).await?,
        by_guild: ledger.split(&meant, SplitBy::Guild, SHARES).await?,
        by_fingerprint: ledger.split(&meant, SplitBy::Fingerprint, SHARES).await?,
    })
}

/// Stores the job that carries the order out, and records who gave it. `job` is [`Enqueue::new`] of the order.
///
/// # Errors
/// If the store fails; then nothing was ordered.
pub async fn give(services: &Services, queue: &Queue, job: Enqueue, by: &By) -> Result<JobId, StoreError> {
    let id = job.0.id;
    let act = Act::new("jobs.bulk_ordered", format!("job:{id}")).after(&json!({
        "action": job.0.payload["action"], "query": job.0.payload["query"],
    }));
    audited(services, by, act, queue.insert(vec![job])).await?;
    Ok(id)
}

impl Job for BulkOrder {
    const KIND: &'static str = "bulk_order";
    const LANE: Lane = Lane::Normal;
    /// Thousands of small writes.
    const TIMEOUT: Duration = Duration::from_secs(3_600);

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let asked = query::parse(&self.query, self.asked_at)
            .map_err(|wrong| JobError::permanent("unreadable_query", wrong.join("; ")))?;
        let mut outcome = Outcome::unchanged();
        if let Some(meant) = self.action.meant(&asked.filter, self.asked_at)
            && !self.walk(context, &meant, &mut outcome).await?
        {
            outcome.reason = Some("aborted".to_owned());
            outcome = outcome.with_note("Stopped by order; the jobs that were left keep their states.");
        }
        if outcome.counts.contains_key("done") || outcome.counts.contains_key("asked") {
            outcome.effect = Effect::Applied;
        }
        let after = json!({
            "action": self.action,
            "query": self.query,
            "jobs": outcome.counts,
            "aborted": outcome.reason.is_some(),
        });
        let cause = Cause::new(context.cause.actor.clone(), self.reason.clone());
        let act = Act::new("jobs.bulk_ended", format!("job:{}", context.job_id)).after(&after);
        record_of_system(&context.services, &cause, act).await?.done();
        Ok(outcome)
    }
}

fn steering(context: &Context) -> Steering {
    Steering {
        services: Arc::clone(&context.services),
        queue: context.queue.clone(),
        registry: Arc::clone(&context.registry),
    }
}

impl BulkOrder {
    /// Goes through the jobs. `false`: somebody asked to cancel it before the end.
    async fn walk(
        &self,
        context: &Context,
        meant: &JobFilter,
        outcome: &mut Outcome,
    ) -> Result<bool, JobError> {
        let mut after = None;
        loop {
            let page = context.services.ledger.list(meant, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(true) };
            after = Some(JobCursor {
                inserted_at: last.inserted_at,
                id: last.id,
            });
            let whole = self.page(context, &page, outcome).await?;
            if !whole {
                return Ok(false);
            }
        }
    }

    async fn page(
        &self,
        context: &Context,
        page: &[Record],
        outcome: &mut Outcome,
    ) -> Result<bool, JobError> {
        let steering = steering(context);
        let by = Cause::new(context.cause.actor.clone(), self.reason.clone());
        let mut runs: BTreeSet<RunId> = BTreeSet::new();
        let mut whole = true;
        for job in page.iter().filter(|job| job.id != context.job_id) {
            if context.lease.is_cancelled() {
                whole = false;
                break;
            }
            let ordered = steering.carry_out(job, self.action.order(), &by).await?;
            outcome.count(counted(ordered), 1);
            runs.extend(job.run_id.filter(|_| ordered == Ordered::Done));
        }
        if self.action == BulkAction::Retry {
            // What was redriven is live, and so is its run.
            runs.clear();
        }
        steering.follow(runs).await;
        Ok(whole)
    }
}

/// The name of a number of the outcome.
const fn counted(ordered: Ordered) -> &'static str {
    match ordered {
        Ordered::Done => "done",
        Ordered::Asked => "asked",
        Ordered::Twin(_) => "twin",
        Ordered::Not(_) | Ordered::Unknown => "not_possible",
    }
}
