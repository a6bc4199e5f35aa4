//! Ends a run by order: all of its jobs that are not over.
//!
//! A planning job that is at work may store more until it hears of it, so this looks again until no job of the run lives.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::audit::Act;
use rolecall_core::cause::Cause;
use rolecall_core::error::{JobError, StoreError};
use rolecall_core::job::JobState;
use rolecall_core::order::Order;
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::ports::{JobFilter, Ordered, Redrive};
use rolecall_core::progress::Progress;
use rolecall_core::{JobId, RunId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::finish_run::FinishRun;
use crate::kernel::audit::{audited, record_of_system};
use crate::kernel::context::Context;
use crate::kernel::job::Job;
use crate::kernel::queue::{Enqueue, Queue};
use crate::kernel::services::Services;
use crate::kernel::steering::{By, Steering};

/// Jobs that are read at once.
const PAGE: usize = 200;
/// How long running jobs are given to hear of it.
const HEARING: Duration = Duration::from_secs(1);
/// The name of the number of jobs that were ended.
const CANCELLED: &str = "cancelled";

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRun {
    /// The run.
    pub run_id: RunId,
    /// Why.
    pub reason: String,
    /// The request that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl CancelRun {
    /// Stores the job that ends the run, and records who ordered it. Somebody else may have ordered it already: then
    /// that job's id.
    ///
    /// # Errors
    /// If the store fails; then nothing was ordered.
    pub async fn give(
        &self,
        services: &Services,
        queue: &Queue,
        by: &By,
    ) -> Result<Option<JobId>, StoreError> {
        let act = Act::new("run.cancelled", format!("run:{}", self.run_id));
        let job = Enqueue::new(self, by.cause.clone());
        let inserted = audited(services, by, act, queue.insert(vec![job])).await?;
        Ok(inserted.first().map(|inserted| inserted.id()))
    }
}

impl Job for CancelRun {
    const KIND: &'static str = "cancel_run";

    fn unique_key(&self) -> Option<String> {
        Some(format!("{}:{}", Self::KIND, self.run_id))
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let now = context.services.clock.now();
        let mut progress = context.progress.clone().unwrap_or_else(|| Progress {
            started_at: now,
            ..Progress::default()
        });
        let steering = Steering {
            services: Arc::clone(&context.services),
            queue: context.queue.clone(),
            registry: Arc::clone(&context.registry),
        };
        let by = Cause::new(context.cause.actor.clone(), self.reason.clone());
        let running = self.pass(context, &steering, &by, &mut progress).await?;
        let ledger = &context.services.ledger;
        if running > 0 || ledger.run_is_live(self.run_id, FinishRun::KIND).await? {
            let why = format!("{running} running jobs of the run were told to end");
            return Err(JobError::wait("run_still_ends", HEARING, why));
        }
        steering.follow(BTreeSet::from([self.run_id])).await;
        let ended = progress.counts.get(CANCELLED).copied().unwrap_or(0);
        let act = Act::new("run.cancel_ended", format!("run:{}", self.run_id))
            .after(&json!({ "jobs_cancelled": ended }));
        record_of_system(&context.services, &by, act).await?.done();
        let mut outcome = Outcome::of(if ended > 0 {
            Effect::Applied
        } else {
            Effect::Unchanged
        });
        outcome.count(CANCELLED, ended);
        Ok(outcome)
    }
}

impl CancelRun {
    /// Ends what waits, and tells what runs; says how many run.
    async fn pass(
        &self,
        context: &Context,
        steering: &Steering,
        by: &Cause,
        progress: &mut Progress,
    ) -> Result<u64, JobError> {
        let states: Vec<JobState> = JobState::ALL.into_iter().filter(|s| !s.is_final()).collect();
        let filter = JobFilter {
            run_id: Some(self.run_id),
            states,
            ..JobFilter::default()
        };
        loop {
            let page = context.services.ledger.list(&filter, None, PAGE).await?;
            let (mut ended, mut running, mut lanes) = (0, 0, Vec::new());
            for job in page.iter().filter(|job| job.kind != FinishRun::KIND) {
                match steering
                    .carry_out(job, Order::Cancel, by, Redrive::default())
                    .await?
                {
                    Ordered::Done => {
                        ended += 1;
                        lanes.push(job.lane);
                    }
                    Ordered::Asked => running += 1,
                    Ordered::Twin(_) | Ordered::Not(_) | Ordered::Unknown => {}
                }
            }
            steering.count_ended(Order::Cancel, &lanes).await;
            progress.count(CANCELLED, ended);
            progress.done += ended;
            progress.total = progress.done + running;
            progress.at = context.services.clock.now();
            context.report(progress).await;
            // What ended is not found again, so each further page is another one.
            if ended == 0 || page.len() < PAGE {
                return Ok(running);
            }
        }
    }
}
