//! What an order about many jobs would be about, as it is shown over HTTP and at the command line.

use std::time::Duration;

use rolecall_core::cost::Prediction;
use rolecall_core::order::BulkAction;
use rolecall_core::ports::JobFilter;
use rolecall_core::query;
use rolecall_jobs::bulk_order::Preview;
use serde::Serialize;
use utoipa::ToSchema;

use crate::dead_letter_view::ShareView;
use crate::job_view::{JobView, Pausing};

/// What an order would be about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkPreview {
    /// The action.
    action: String,
    /// The query, with times that stay the same.
    query: String,
    /// How many jobs.
    total: u64,
    /// The newest five of them.
    samples: Vec<JobView>,
    /// By guild, the largest share first, at most 50.
    by_guild: Vec<ShareView>,
    /// By the cause for which they failed.
    by_fingerprint: Vec<ShareView>,
    /// What it costs at Discord.
    cost: CostView,
}

/// What jobs that run again cost at Discord, as far as it can be told before.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CostView {
    /// Calls, if all that the jobs are for is still wanted; those that find nothing to do call less.
    calls: u64,
    /// Writes in the guild that has most of them: it takes one a second.
    most_in_a_guild: u64,
    /// How long it takes at least: Discord's limits, or the time over which it is spread.
    seconds: u64,
    /// The same in minutes, rounded up.
    minutes: u64,
    /// Some of the jobs make further jobs, which nobody can count before: then it is at least this.
    at_least: bool,
}

impl CostView {
    fn of(cost: &Prediction, spread: Option<Duration>) -> Self {
        let seconds = cost.takes.max(spread.unwrap_or_default()).as_secs();
        Self {
            calls: cost.calls,
            most_in_a_guild: cost.most_in_a_guild,
            seconds,
            minutes: seconds.div_ceil(60),
            at_least: cost.open_ended,
        }
    }
}

impl BulkPreview {
    /// Of what was seen of the jobs that this filter finds.
    pub(crate) fn of(
        seen: &Preview,
        action: BulkAction,
        filter: &JobFilter,
        spread: Option<Duration>,
        pausing: &Pausing,
    ) -> Self {
        let samples = seen.samples.iter();
        Self {
            action: action.as_str().to_owned(),
            query: query::write(filter),
            total: seen.jobs,
            samples: samples.map(|job| JobView::brief(job, pausing)).collect(),
            by_guild: seen.by_guild.iter().map(ShareView::from).collect(),
            by_fingerprint: seen.by_fingerprint.iter().map(ShareView::from).collect(),
            cost: CostView::of(&seen.cost, spread),
        }
    }
}
