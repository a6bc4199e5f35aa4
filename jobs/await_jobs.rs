//! Waits for changes that another run had begun: this run is over when they are, and failed where they failed.

use std::time::Duration;

use rolecall_core::JobId;
use rolecall_core::error::JobError;
use rolecall_core::job::JobState;
use rolecall_core::outcome::Outcome;
use rolecall_core::run::counts;
use serde::{Deserialize, Serialize};

use crate::kernel::context::Context;
use crate::kernel::job::Job;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AwaitJobs {
    /// The other run's jobs.
    pub jobs: Vec<JobId>,
}

impl Job for AwaitJobs {
    const KIND: &'static str = "await_jobs";

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let mut failed = Vec::new();
        for id in &self.jobs {
            // A job that is gone was removed long after its end.
            let Some(job) = context.services.ledger.get(*id).await? else {
                continue;
            };
            match job.state {
                state if !state.is_final() => {
                    let wait = LOOK_EVERY.mul_f64(0.5 + fastrand::f64());
                    let other = job
                        .run_id
                        .map_or_else(String::new, |run| format!(" of run {run}"));
                    return Err(JobError::wait(
                        "await_jobs",
                        wait,
                        format!("waits for job {id}{other}"),
                    ));
                }
                JobState::Discarded => failed.push(id.to_string()),
                _ => {}
            }
        }
        if failed.is_empty() {
            let mut outcome = Outcome::unchanged();
            outcome.count(counts::UNDER_WAY, self.jobs.len() as u64);
            return Ok(outcome);
        }
        let list = failed.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        Err(JobError::permanent(
            "awaited_jobs_failed",
            format!(
                "{} changes that another run had begun failed: {list}",
                failed.len()
            ),
        )
        .with_remedy("`rolecall jobs show ID` says why."))
    }
}
