//! Gives one order about all jobs that a query finds.
//!
//! Page by page, newest first. It says after each page how far it is and where it goes on, so that a repeat after a crash
//! does the rest. Work that is spread over time is handed out slice by slice, and in between it waits like any other job:
//! what is not handed out yet stays as it is when it is cancelled.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::audit::Act;
use rolecall_core::cause::Cause;
use rolecall_core::cost::{Calls, Load, Prediction, predict};
use rolecall_core::error::{JobError, StoreError};
use rolecall_core::job::{Job as Record, Lane};
use rolecall_core::order::BulkAction;
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::ports::{JobCursor, JobFilter, Ordered, Redrive, Share, SplitBy};
use rolecall_core::progress::Progress;
use rolecall_core::spread::{Slice, slice};
use rolecall_core::{JobId, RunId, Timestamp, query};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::kernel::audit::{audited, record_of_system};
use crate::kernel::context::Context;
use crate::kernel::job::Job;
use crate::kernel::queue::{Enqueue, Queue};
use crate::kernel::registry::Registry;
use crate::kernel::services::Services;
use crate::kernel::steering::{By, Steering};

/// Jobs that are read at once.
const PAGE: usize = 200;
/// Jobs that a preview shows.
const SAMPLES: usize = 5;
/// Guilds and causes that a preview tells apart.
const SHARES: usize = 50;
/// Kinds, and guilds of a kind, that a prediction adds up.
const LOADS: usize = 10_000;
/// The code of why it waits between two slices.
const SPREAD: &str = "spread_over_time";

/// The names of a bulk order's numbers. Stored: never change one.
pub mod counted {
    /// Jobs that got the order.
    pub const DONE: &str = "done";
    /// Running jobs that were told to end.
    pub const ASKED: &str = "asked";
    /// Jobs that were left alone, because another one does the same.
    pub const TWIN: &str = "twin";
    /// Jobs to which the order meant nothing any more.
    pub const NOT_POSSIBLE: &str = "not_possible";
    /// Jobs that had moved on before their turn came.
    pub const GONE: &str = "gone";
}

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
    /// Over so many seconds the jobs run again. `None`: all at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread_seconds: Option<u64>,
}

/// What an order would be about.
#[derive(Debug, Clone, Default)]
pub struct Preview {
    /// How many jobs.
    pub jobs: u64,
    /// The newest of them.
    pub samples: Vec<Record>,
    /// By guild, the largest share first.
    pub by_guild: Vec<Share>,
    /// By the cause for which they failed.
    pub by_fingerprint: Vec<Share>,
    /// What it costs at Discord.
    pub cost: Prediction,
}

/// Looks at what an order would be about, and changes nothing.
///
/// # Errors
/// If the store fails.
pub async fn preview(
    services: &Services,
    registry: &Registry,
    action: BulkAction,
    filter: &JobFilter,
    now: Timestamp,
) -> Result<Preview, StoreError> {
    let Some(meant) = action.meant(filter, now) else {
        return Ok(Preview::default());
    };
    let ledger = &services.ledger;
    let cost = match action {
        BulkAction::Retry => predict(&loads(services, registry, &meant).await?),
        // What ends calls nobody.
        BulkAction::Cancel | BulkAction::Discard => Prediction::default(),
    };
    Ok(Preview {
        jobs: how_many(services, &meant).await?,
        samples: ledger.list(&meant, None, SAMPLES).await?,
        by_guild: ledger.split(&meant, SplitBy::Guild, SHARES).await?,
        by_fingerprint: ledger.split(&meant, SplitBy::Fingerprint, SHARES).await?,
        cost,
    })
}

async fn how_many(services: &Services, meant: &JobFilter) -> Result<u64, StoreError> {
    Ok(services.ledger.counts(meant).await?.iter().map(|(_, n)| n).sum())
}

/// The jobs of a filter by kind and guild, as far as they call Discord.
async fn loads(services: &Services, registry: &Registry, meant: &JobFilter) -> Result<Vec<Load>, StoreError> {
    let mut loads = Vec::new();
    for kind in services.ledger.split(meant, SplitBy::Kind, LOADS).await? {
        let Some(name) = kind.value else { continue };
        let calls = registry.get(&name).map_or(Calls::NONE, |kind| kind.calls);
        if calls == Calls::NONE {
            continue;
        }
        let alike = JobFilter {
            kind: Some(name),
            ..meant.clone()
        };
        let guilds = services.ledger.split(&alike, SplitBy::Guild, LOADS).await?;
        loads.extend(guilds.into_iter().map(|share| Load {
            calls,
            guild: share.value,
            jobs: share.jobs,
        }));
    }
    Ok(loads)
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
        let Some(meant) = self.action.meant(&asked.filter, self.asked_at) else {
            return self.ended(context, &Progress::default(), true).await;
        };
        let mut walk = Walk::begin(self, context, &meant).await?;
        let whole = walk.go(context, &meant).await?;
        if whole
            && let Some(part) = walk.part
            && walk.handed_out >= part.things
            && walk.progress.done < walk.progress.total
        {
            let Progress { total, done, .. } = walk.progress;
            let why = format!("{done} of {total} jobs are handed out; the others follow by and by");
            return Err(JobError::wait(SPREAD, part.length, why));
        }
        if whole {
            end(&mut walk.progress);
            context.report(&walk.progress).await;
        }
        self.ended(context, &walk.progress, whole).await
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
    /// Its outcome, and a record of it.
    async fn ended(&self, context: &Context, progress: &Progress, whole: bool) -> Result<Outcome, JobError> {
        let mut outcome = Outcome::unchanged();
        for (name, n) in &progress.counts {
            outcome.count(name, *n);
        }
        if !whole {
            outcome.reason = Some("aborted".to_owned());
            outcome = outcome.with_note("Stopped by order; the jobs that were left keep their states.");
        }
        if outcome.counts.contains_key(counted::DONE) || outcome.counts.contains_key(counted::ASKED) {
            outcome.effect = Effect::Applied;
        }
        let after = json!({
            "action": self.action,
            "query": self.query,
            "jobs": outcome.counts,
            "aborted": outcome.reason.is_some(),
        });
        let act = Act::new("jobs.bulk_ended", format!("job:{}", context.job_id)).after(&after);
        record_of_system(&context.services, &self.by(context), act)
            .await?
            .done();
        Ok(outcome)
    }

    fn by(&self, context: &Context) -> Cause {
        Cause::new(context.cause.actor.clone(), self.reason.clone())
    }

    /// When all of it is handed out.
    fn end(&self) -> Option<Timestamp> {
        self.spread_seconds
            .map(|seconds| self.asked_at + Duration::from_secs(seconds))
    }

    /// It ran again since the order was given: an interrupted attempt did that.
    fn was_done(&self, job: &Record) -> bool {
        self.action == BulkAction::Retry && job.redriven_at.is_some_and(|at| at >= self.asked_at)
    }
}

/// A way through the jobs, as far as it has come.
struct Walk<'o> {
    order: &'o BulkOrder,
    progress: Progress,
    after: Option<JobCursor>,
    /// What may be handed out now; `None`: everything.
    part: Option<Slice>,
    handed_out: u64,
}

impl<'o> Walk<'o> {
    /// From the start, or from where an earlier attempt came.
    async fn begin(order: &'o BulkOrder, context: &Context, meant: &JobFilter) -> Result<Self, JobError> {
        let now = context.services.clock.now();
        let progress = match context.progress.clone() {
            Some(progress) => progress,
            None => Progress {
                total: how_many(&context.services, meant).await?,
                started_at: now,
                at: now,
                not_before: order.end(),
                ..Progress::default()
            },
        };
        let after = progress.checkpoint.clone();
        let left = progress.total.saturating_sub(progress.done);
        let walk = Self {
            order,
            after: after.and_then(|stored| serde_json::from_value(stored).ok()),
            part: order.end().map(|end| slice(left, now, end)),
            handed_out: 0,
            progress,
        };
        context.report(&walk.progress).await;
        Ok(walk)
    }

    /// Goes through the jobs. `false`: somebody asked to cancel it before the end.
    async fn go(&mut self, context: &Context, meant: &JobFilter) -> Result<bool, JobError> {
        loop {
            let room = self
                .part
                .map_or(u64::MAX, |part| part.things - self.handed_out.min(part.things));
            let room = usize::try_from(room).unwrap_or(usize::MAX).min(PAGE);
            if room == 0 {
                return Ok(true);
            }
            let page = context.services.ledger.list(meant, self.after, room).await?;
            if page.is_empty() {
                // Whatever is still missing is no longer there to be ordered about.
                self.part = None;
                return Ok(true);
            }
            let whole = self.page(context, &page).await?;
            self.progress.at = context.services.clock.now();
            self.progress.checkpoint = self.after.and_then(|after| serde_json::to_value(after).ok());
            context.report(&self.progress).await;
            if !whole {
                return Ok(false);
            }
        }
    }

    async fn page(&mut self, context: &Context, page: &[Record]) -> Result<bool, JobError> {
        let steering = steering(context);
        let by = self.order.by(context);
        let (mut runs, mut ended): (BTreeSet<RunId>, Vec<Lane>) = Default::default();
        let mut whole = true;
        for job in page {
            if context.lease.is_cancelled() {
                whole = false;
                break;
            }
            if job.id != context.job_id {
                let name = match self.order.was_done(job) {
                    true => counted::DONE,
                    false => {
                        let again = self.again();
                        let ordered = steering
                            .carry_out(job, self.order.action.order(), &by, again)
                            .await?;
                        if ordered == Ordered::Done {
                            runs.extend(job.run_id);
                            ended.push(job.lane);
                        }
                        name_of(ordered)
                    }
                };
                self.progress.count(name, 1);
                self.progress.done += 1;
                self.progress.failed += u64::from(matches!(name, counted::TWIN | counted::NOT_POSSIBLE));
            }
            self.handed_out += 1;
            self.after = Some(JobCursor {
                inserted_at: job.inserted_at,
                id: job.id,
            });
        }
        steering.count_ended(self.order.action.order(), &ended).await;
        if self.order.action == BulkAction::Retry {
            // What was redriven is live, and so is its run.
            steering.reopen(std::mem::take(&mut runs)).await;
        }
        steering.follow(runs).await;
        Ok(whole)
    }

    /// Many jobs at once are nothing that somebody waits for in front of a screen.
    fn again(&self) -> Redrive {
        Redrive {
            at: self.part.map(|part| part.at(self.handed_out, fastrand::f64())),
            lane: Some(Lane::Bulk),
            unique_key: None,
        }
    }
}

/// The name of a number of the outcome.
const fn name_of(ordered: Ordered) -> &'static str {
    match ordered {
        Ordered::Done => counted::DONE,
        Ordered::Asked => counted::ASKED,
        Ordered::Twin(_) => counted::TWIN,
        Ordered::Not(_) | Ordered::Unknown => counted::NOT_POSSIBLE,
    }
}

/// It is over; what was not found had moved on before its turn came.
fn end(progress: &mut Progress) {
    let rest = progress.total.saturating_sub(progress.done);
    if rest > 0 {
        progress.count(counted::GONE, rest);
    }
    progress.total = progress.total.max(progress.done);
    progress.done = progress.total;
    (progress.checkpoint, progress.not_before) = (None, None);
}
