//! What is looked at, at one moment.

use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_core::pause::Pause;
use rolecall_core::ports::{Budget, JobFilter};
use rolecall_jobs::kernel::dead_letters::{Group, groups};
use rolecall_jobs::kernel::fleet::{Fleet, fleet};
use rolecall_jobs::kernel::lanes::{Lanes, lanes};
use serde_json::{Value, json};

use crate::app::App;
use crate::budget_view::BudgetView;
use crate::cli::CliError;
use crate::fleet_view::WorkerView;
use crate::queue_view::QueueView;

/// Failures of jobs that were stored within this time are recent.
const RECENT: Duration = Duration::from_secs(24 * 3_600);
/// Causes that are shown.
const CAUSES: usize = 5;

/// See the module.
pub(super) struct Snapshot {
    pub(super) now: Timestamp,
    pub(super) lanes: Lanes,
    pub(super) fleet: Fleet,
    /// What is left of Discord's limits. Where each process keeps them for itself, a command knows nothing of it.
    pub(super) limits: Budget,
    pub(super) failures: Vec<Group>,
    pub(super) pauses: Vec<Pause>,
}

impl Snapshot {
    pub(super) async fn take(app: &App) -> Result<Self, CliError> {
        let services = &app.services;
        let (lanes, fleet) = (lanes(services).await?, fleet(services).await?);
        let limits = app.limiter.budget().await;
        let now = lanes.now;
        let recent = JobFilter {
            since: Some(now - RECENT),
            ..JobFilter::default()
        };
        let mut pauses = services.pauses.list().await?;
        pauses.retain(|pause| pause.is_on(now));
        Ok(Self {
            now,
            failures: groups(services, &recent, CAUSES).await?,
            lanes,
            fleet,
            limits,
            pauses,
        })
    }

    /// Whether what is left of Discord's limits is more than what this command has used.
    fn is_known(&self) -> bool {
        self.limits.keeper.is_shared()
    }

    /// For scripts.
    pub(super) fn told(&self) -> Value {
        let failures: Vec<Value> = self
            .failures
            .iter()
            .map(|group| {
                json!({
                    "fingerprint": group.fingerprint,
                    "total": group.jobs,
                    "last_seen": group.last.to_rfc3339(),
                })
            })
            .collect();
        let pauses: Vec<Value> = self
            .pauses
            .iter()
            .map(|pause| json!({ "id": pause.id, "holds": pause.held.to_string(), "reason": pause.reason }))
            .collect();
        json!({
            "at": self.now.to_rfc3339(),
            "queues": QueueView::all(&self.lanes),
            "workers": WorkerView::all(&self.fleet),
            "discord": self.is_known().then(|| BudgetView::from(&self.limits)),
            "failures": failures,
            "pauses": pauses,
        })
    }
}
