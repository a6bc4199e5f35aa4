//! Dead letters by cause: jobs that failed for good, and alike.

use rolecall_core::Timestamp;
use rolecall_core::error::StoreError;
use rolecall_core::job::{Job, JobState};
use rolecall_core::ports::{JobFilter, Share, SplitBy};

use super::services::Services;

/// Guilds that a group names.
const GUILDS: usize = 50;

/// Dead letters of one cause.
#[derive(Debug, Clone)]
pub struct Group {
    /// The cause; `None`: stored before causes were.
    pub fingerprint: Option<String>,
    /// How many jobs.
    pub jobs: u64,
    /// When the first of them failed for good.
    pub first: Timestamp,
    /// When the last of them did.
    pub last: Timestamp,
    /// The job stored last; its last attempt says what happened and what to do. `None`: gone meanwhile.
    pub example: Option<Job>,
    /// Their guilds, the largest share first.
    pub guilds: Vec<Share>,
}

/// The filter for dead letters only. `None`: it asks for other states.
pub fn dead(filter: &JobFilter) -> Option<JobFilter> {
    let asked = filter.states.is_empty() || filter.states.contains(&JobState::Discarded);
    asked.then(|| JobFilter {
        states: vec![JobState::Discarded],
        ..filter.clone()
    })
}

/// The groups of the dead letters of a filter, the largest first, at most `limit`.
///
/// # Errors
/// If the store fails.
pub async fn groups(services: &Services, filter: &JobFilter, limit: usize) -> Result<Vec<Group>, StoreError> {
    let Some(filter) = dead(filter) else {
        return Ok(Vec::new());
    };
    let ledger = &services.ledger;
    let mut groups = Vec::new();
    for share in ledger.split(&filter, SplitBy::Fingerprint, limit).await? {
        let guilds = match &share.value {
            None => Vec::new(),
            Some(_) => {
                let alike = JobFilter {
                    fingerprint: share.value.clone(),
                    ..filter.clone()
                };
                ledger.split(&alike, SplitBy::Guild, GUILDS).await?
            }
        };
        groups.push(Group {
            fingerprint: share.value,
            jobs: share.jobs,
            first: share.first,
            last: share.last,
            example: ledger.get(share.newest).await?,
            guilds,
        });
    }
    Ok(groups)
}
