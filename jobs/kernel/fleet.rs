//! Which processes there are, and what they run.

use std::collections::HashMap;

use rolecall_core::Timestamp;
use rolecall_core::error::StoreError;
use rolecall_core::job::{Job, JobState};
use rolecall_core::ports::JobFilter;
use rolecall_core::worker::{self, KEPT, Status, Worker};

use super::services::Services;

/// Running jobs that are looked at, at most.
const MOST_RUNNING: usize = 1_000;

/// A process, how it is, and what it runs.
#[derive(Debug, Clone)]
pub struct Member {
    /// What is stored of it.
    pub worker: Worker,
    /// How it is.
    pub status: Status,
    /// Jobs whose lease it has.
    pub jobs: Vec<Job>,
}

/// All processes of the last day.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// The store's clock.
    pub now: Timestamp,
    /// In the order of their ids.
    pub members: Vec<Member>,
}

impl Fleet {
    /// Whether a process takes jobs, other than this one.
    pub fn others_take_jobs(&self, than: &str) -> bool {
        self.members
            .iter()
            .any(|m| m.worker.process.id != than && m.worker.takes_jobs(self.now))
    }

    /// The process with this id.
    pub fn member(&self, id: &str) -> Option<&Member> {
        self.members.iter().find(|m| m.worker.process.id == id)
    }
}

/// Looks at all processes.
///
/// # Errors
/// If the store fails.
pub async fn fleet(services: &Services) -> Result<Fleet, StoreError> {
    let now = services.ledger.now().await?;
    let workers = services.workers.list(now - KEPT).await?;
    let running = JobFilter {
        states: vec![JobState::Running],
        ..JobFilter::default()
    };
    let mut held: HashMap<String, Vec<Job>> = HashMap::new();
    for job in services.ledger.list(&running, None, MOST_RUNNING).await? {
        if let Some(lease) = &job.lease {
            held.entry(lease.owner.clone()).or_default().push(job);
        }
    }
    let members = workers.into_iter().map(|worker| Member {
        status: worker.status(now),
        jobs: held.remove(&worker.process.id).unwrap_or_default(),
        worker,
    });
    Ok(Fleet {
        now,
        members: members.collect(),
    })
}

/// Processes of the last day that are heard of no more and did not say that they stop.
///
/// # Errors
/// If the store fails.
pub async fn lost(services: &Services) -> Result<Vec<Worker>, StoreError> {
    let now = services.ledger.now().await?;
    let workers = services.workers.list(now - KEPT).await?;
    Ok(worker::lost(&workers, now).cloned().collect())
}
