//! How far a run is: derived from its jobs.

use std::collections::BTreeMap;

use rolecall_core::error::StoreError;
use rolecall_core::job::JobState;
use rolecall_core::progress::eta;
use rolecall_core::run::{RunState, TallyLine};
use rolecall_core::{RunId, Timestamp};
use rolecall_jobs::finish_run::{FinishRun, PLANNING_KINDS};
use rolecall_jobs::kernel::job::Job as _;
use rolecall_jobs::kernel::services::Services;
use serde::Serialize;

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Where the run is.
    pub state: RunState,
    /// Whether all is planned, so that `total` grows no more.
    pub planned: bool,
    /// Writes that are known.
    pub total: u64,
    /// Writes that ended, well or not.
    pub done: u64,
    /// Writes that failed for good.
    pub failed: u64,
    /// Roles given.
    pub roles_added: u64,
    /// Roles taken.
    pub roles_removed: u64,
    /// All jobs of the run, by state.
    pub jobs: BTreeMap<String, u64>,
}

impl Progress {
    /// When the run will be over, if it goes on as it did. `None` while it is not known how much there is to do.
    pub fn eta(&self, started_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
        if self.state.is_final() || !self.planned {
            return None;
        }
        eta(self.done, self.total, started_at, now)
    }
}

/// How the completed jobs of a tally ended: `applied`, `unchanged`, or `skipped: ` and why.
pub fn outcomes(tally: &[TallyLine]) -> BTreeMap<String, u64> {
    let mut out = BTreeMap::new();
    for line in tally
        .iter()
        .filter(|l| l.kind != FinishRun::KIND && l.state == JobState::Completed)
    {
        let Some((effect, reason)) = &line.effect else {
            continue;
        };
        let reason = reason
            .as_deref()
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        *out.entry(format!("{}{reason}", effect.as_str())).or_default() += line.jobs;
    }
    out
}

fn plans(kind: &str) -> bool {
    PLANNING_KINDS.contains(&kind)
}

/// From a tally. Pure.
pub fn from_tally(state: RunState, tally: &[TallyLine]) -> Progress {
    let mut out = Progress {
        state,
        planned: true,
        total: 0,
        done: 0,
        failed: 0,
        roles_added: 0,
        roles_removed: 0,
        jobs: BTreeMap::new(),
    };
    for line in tally.iter().filter(|l| l.kind != FinishRun::KIND) {
        *out.jobs.entry(line.state.as_str().to_owned()).or_default() += line.jobs;
        out.roles_added += line.granted;
        out.roles_removed += line.revoked;
        if plans(&line.kind) {
            out.planned &= line.state.is_final();
            continue;
        }
        out.total += line.jobs;
        if line.state.is_final() {
            out.done += line.jobs;
        }
        if line.state == JobState::Discarded {
            out.failed += line.jobs;
        }
    }
    out
}

/// A run's progress now, and when it began; `None` if there is no such run.
pub async fn of_run(services: &Services, id: RunId) -> Result<Option<(Progress, Timestamp)>, StoreError> {
    let Some(run) = services.runs.get(id).await? else {
        return Ok(None);
    };
    let tally = services.ledger.tally(id).await?;
    Ok(Some((from_tally(run.state, &tally), run.started_at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_open_until_every_planning_job_has_ended() {
        let line = |kind: &str, state| TallyLine {
            kind: kind.into(),
            state,
            effect: None,
            jobs: 2,
            granted: 0,
            revoked: 0,
        };
        let tally = [
            line("sync_guild", JobState::Running),
            line("add_role", JobState::Completed),
        ];
        let progress = from_tally(RunState::Running, &tally);
        assert!(!progress.planned);
        assert_eq!((progress.done, progress.total), (2, 2));
        let tally = [
            line("sync_guild", JobState::Completed),
            line("add_role", JobState::Discarded),
        ];
        let progress = from_tally(RunState::Running, &tally);
        assert!(progress.planned);
        assert_eq!((progress.done, progress.failed), (2, 2));
    }
}
