//! Dead letters by cause: jobs that failed for good, and alike.

use std::collections::BTreeMap;
use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_core::dead_letter::{Mark, Said, Standing, standing};
use rolecall_core::error::StoreError;
use rolecall_core::job::{Job, JobState};
use rolecall_core::ports::{JobFilter, Share, SplitBy};

use serde_json::json;

use super::services::Services;
use super::steering::{By, Steering};

/// So far back the hours of a group are told.
pub const HOURS: Duration = Duration::from_secs(48 * 3_600);
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
    /// How many failed for good in each hour of the last [`HOURS`], the oldest first; hours without one are left out.
    pub by_hour: Vec<(Timestamp, u64)>,
    /// What was said of it, and whether it came back.
    pub standing: Standing,
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
    let (ledger, now) = (&services.ledger, services.clock.now());
    let marks = services.cause_marks.list().await?;
    let marks: BTreeMap<&str, &Mark> = marks.iter().map(|m| (m.fingerprint.as_str(), m)).collect();
    let mut groups = Vec::new();
    for share in ledger.split(&filter, SplitBy::Fingerprint, limit).await? {
        let (mut guilds, mut by_hour) = (Vec::new(), Vec::new());
        if share.value.is_some() {
            let alike = JobFilter {
                fingerprint: share.value.clone(),
                ..filter.clone()
            };
            guilds = ledger.split(&alike, SplitBy::Guild, GUILDS).await?;
            by_hour = ledger.by_hour(&alike, now - HOURS).await?;
        }
        let mark = share.value.as_deref().and_then(|cause| marks.get(cause).copied());
        groups.push(Group {
            standing: standing(mark, share.last, now),
            by_hour,
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

/// All dead letters of one cause, in a filter.
pub fn of(fingerprint: &str) -> JobFilter {
    JobFilter {
        states: vec![JobState::Discarded],
        fingerprint: Some(fingerprint.to_owned()),
        ..JobFilter::default()
    }
}

/// The group of one cause. `None`: there is no dead letter of it.
///
/// # Errors
/// If the store fails.
pub async fn group(services: &Services, fingerprint: &str) -> Result<Option<Group>, StoreError> {
    Ok(groups(services, &of(fingerprint), 1).await?.pop())
}

impl Steering {
    /// Notes what somebody said of a cause.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn mark_cause(&self, fingerprint: &str, said: Said, by: &By) -> Result<Mark, StoreError> {
        let mark = Mark {
            fingerprint: fingerprint.to_owned(),
            said,
            at: self.services.clock.now(),
            by: by.cause.actor.clone(),
            reason: by.cause.reason.clone(),
        };
        self.services.cause_marks.put(&mark).await?;
        let until = match said {
            Said::Ignored(until) => until.map(Timestamp::to_rfc3339),
            Said::Resolved => None,
        };
        let (action, after) = (
            format!("dead_letters.{}", said.as_str()),
            json!({ "until": until }),
        );
        self.note(&action, format!("cause:{fingerprint}"), None, Some(after), by)
            .await;
        Ok(mark)
    }

    /// Takes back what somebody said of a cause. `false`: nobody said anything.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn unmark_cause(&self, fingerprint: &str, by: &By) -> Result<bool, StoreError> {
        if !self.services.cause_marks.remove(fingerprint).await? {
            return Ok(false);
        }
        self.note(
            "dead_letters.reopened",
            format!("cause:{fingerprint}"),
            None,
            None,
            by,
        )
        .await;
        Ok(true)
    }
}
