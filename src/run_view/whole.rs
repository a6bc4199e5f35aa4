//! A run with all that is known of it.

use std::collections::BTreeMap;

use rolecall_core::error::{JobError, StoreError};
use rolecall_core::job::JobState;
use rolecall_core::ports::JobFilter;
use rolecall_core::run::Run;
use rolecall_core::{RunId, Timestamp};
use rolecall_jobs::finish_run;
use rolecall_jobs::kernel::dead_letters::{Group, groups};
use rolecall_jobs::kernel::services::Services;
use rolecall_workflows::progress::{self, Progress};

use super::RunView;
use crate::dead_letter_view::DeadLetterGroup;

/// Causes of failure that are told.
const CAUSES: usize = 20;

/// A run, and what only its jobs know.
pub(crate) struct WholeRun {
    /// The run. While it runs, its results are what it did so far.
    pub(crate) run: Run,
    /// How far it is.
    pub(crate) progress: Progress,
    /// How its jobs that are completed ended.
    pub(crate) outcomes: BTreeMap<String, u64>,
    /// Its jobs that failed for good, by cause, the largest group first.
    pub(crate) failed: Vec<Group>,
    /// When it will be over, guessed anew each time.
    pub(crate) eta: Option<Timestamp>,
}

impl WholeRun {
    /// `None`: there is no such run.
    ///
    /// # Errors
    /// As the caller says them: those of the store, and those of adding up what a run did so far.
    pub(crate) async fn read<E>(services: &Services, id: RunId) -> Result<Option<Self>, E>
    where
        E: From<StoreError> + From<JobError>,
    {
        let Some(mut run) = services.runs.get(id).await? else {
            return Ok(None);
        };
        let tally = services.ledger.tally(id).await?;
        if run.results.is_none() {
            run.results = Some(finish_run::results(services, id).await?);
        }
        let progress = progress::from_tally(run.state, &tally);
        let filter = JobFilter {
            run_id: Some(id),
            ..JobFilter::default()
        };
        let failed = match progress.jobs.contains_key(JobState::Discarded.as_str()) {
            true => groups(services, &filter, CAUSES).await?,
            false => Vec::new(),
        };
        Ok(Some(Self {
            eta: progress.eta(run.started_at, services.clock.now()),
            outcomes: progress::outcomes(&tally),
            run,
            progress,
            failed,
        }))
    }

    /// As it is sent, but for when it will be over.
    pub(crate) fn view_without_eta(&self) -> RunView {
        RunView {
            progress: Some(self.progress.clone().into()),
            outcomes: Some(self.outcomes.clone()),
            error_groups: Some(self.failed.iter().map(DeadLetterGroup::from).collect()),
            ..RunView::of(&self.run)
        }
    }

    /// As it is sent.
    pub(crate) fn view(&self) -> RunView {
        RunView {
            eta: self.eta.map(Timestamp::to_rfc3339),
            ..self.view_without_eta()
        }
    }
}
