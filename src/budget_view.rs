//! What Discord's limits leave, as it is shown: the same over HTTP and at the terminal.

use std::time::Duration;

use rolecall_core::ports::{Budget, FullBucket};
use serde::Serialize;
use utoipa::ToSchema;

/// What Discord's limits leave now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BudgetView {
    /// Who keeps the limits. `redis`, `file` (of the data folder): all processes together. `process`: this process for
    /// itself; others have their own. `process_part`: this process its part, because Redis does not answer.
    pub(crate) kept_by: String,
    /// Processes that called Discord in the last minute, as far as known.
    pub(crate) processes: u64,
    /// Calls that Discord refused: 401, 403, and 429 but for shared limits.
    pub(crate) invalid_requests: InvalidView,
    /// What stops more than one budget now; empty: nothing.
    pub(crate) stops: Vec<StopView>,
    /// Budgets that are waited for, the longest wait first; 100 at most.
    pub(crate) waiting: Vec<WaitingView>,
}

/// Calls that Discord refused. It bans an address at 10,000 in ten minutes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvalidView {
    /// So many within the window.
    pub(crate) counted: u64,
    /// At so many, all but interactive calls stop.
    pub(crate) limit: u64,
    /// What is left until then.
    pub(crate) left: u64,
    /// How long the window is.
    pub(crate) window_ms: u64,
}

/// A stop of more than one budget.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StopView {
    /// Why. `global`: a bot's global limit. `invalid`: too many refused calls; interactive ones go. `edge`: Discord's
    /// edge refuses this address.
    pub(crate) barrier: String,
    /// For how long yet.
    pub(crate) left_ms: u64,
}

/// A budget whose permits are waited for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WaitingView {
    /// The calls that share it, such as `role-write`.
    pub(crate) bucket: String,
    /// The guild, if it is one of a guild.
    pub(crate) guild_id: Option<String>,
    /// What is waited for: the bucket, or what stops more than one.
    pub(crate) barrier: String,
    /// Calls and jobs that have a place.
    pub(crate) places: u64,
    /// Until the first of them may go.
    pub(crate) next_ms: u64,
    /// Until the last of them may go.
    pub(crate) last_ms: u64,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl From<&FullBucket> for WaitingView {
    fn from(full: &FullBucket) -> Self {
        Self {
            bucket: full.bucket.clone(),
            guild_id: full.guild.map(|guild| guild.to_string()),
            barrier: full.barrier.as_str().to_owned(),
            places: full.places,
            next_ms: millis(full.next),
            last_ms: millis(full.last),
        }
    }
}

impl From<&Budget> for BudgetView {
    fn from(budget: &Budget) -> Self {
        let stop = |(barrier, left): &(rolecall_core::ports::Barrier, Duration)| StopView {
            barrier: barrier.as_str().to_owned(),
            left_ms: millis(*left),
        };
        Self {
            kept_by: budget.keeper.as_str().to_owned(),
            processes: budget.processes,
            invalid_requests: InvalidView {
                counted: budget.invalid,
                limit: budget.invalid_most,
                left: budget.invalid_left(),
                window_ms: millis(budget.invalid_window),
            },
            stops: budget.stops.iter().map(stop).collect(),
            waiting: budget.waiting.iter().map(WaitingView::from).collect(),
        }
    }
}
