//! Dead letters by cause: jobs that failed for good, and alike.

use std::collections::BTreeMap;
use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_core::audit::Act;
use rolecall_core::dead_letter::{Mark, Said, Standing, code_of, standing};
use rolecall_core::error::StoreError;
use rolecall_core::job::{Job, JobState};
use rolecall_core::ports::{JobFilter, Share, SplitBy};
use rolecall_core::query;
use rolecall_core::recheck::{Doubt, doubt};
use serde_json::json;

use super::audit::{audited, record};
use super::services::Services;
use super::steering::{By, Steering};

/// So far back the hours of a group are told.
pub const HOURS: Duration = Duration::from_secs(48 * 3_600);
/// Guilds that a group names.
const GUILDS: usize = 50;
/// Groups with the code of one that are looked at.
const ALIKE: usize = 50;
/// Causes that are looked through for those that stand in some way.
const LOOKED_THROUGH: usize = 10_000;

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
    /// Other groups of the same list that probably share its cause: what failed has the same code, in the same guild. One
    /// dead token is met by several kinds of jobs at several calls.
    pub same_cause: Vec<String>,
}

impl Group {
    /// What to do about it, as the job stored last was told.
    pub fn remedy(&self) -> Option<String> {
        let job = self.example.as_ref()?;
        let last = job.attempts.last()?;
        let remedy = last.remedy.clone()?;
        let of_one = doubt(last) == Doubt::Role && self.guilds.len() > 1;
        Some(match job.subject.guild_id.filter(|_| of_one) {
            Some(guild) => {
                format!("In guild {guild}: {remedy} `rolecall dead-letters check` tells of the other guilds.")
            }
            None => remedy,
        })
    }

    /// The code that it has in common with those of the same cause.
    pub fn code(&self) -> Option<&str> {
        code_of(self.fingerprint.as_deref()?)
    }

    /// The query that finds its jobs and those of the same cause together. `None`: it shares its cause with no other group.
    pub fn shared_query(&self) -> Option<String> {
        if self.same_cause.is_empty() {
            return None;
        }
        let guild = match self.guilds.as_slice() {
            [only] => only.value.as_deref().and_then(|id| id.parse().ok()),
            _ => None,
        };
        Some(query::write(&JobFilter {
            states: vec![JobState::Discarded],
            error_code: self.code().map(ToOwned::to_owned),
            guild_id: guild,
            ..JobFilter::default()
        }))
    }

    fn shares_cause_with(&self, other: &Self) -> bool {
        let is_here = |share: &Share| other.guilds.iter().any(|theirs| theirs.value == share.value);
        self.code().is_some()
            && self.code() == other.code()
            && self.fingerprint != other.fingerprint
            && self.guilds.iter().any(is_here)
    }
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
    groups_standing(services, filter, &[], limit).await
}

/// Of the groups of a filter those that stand so ([`Standing::NAMES`]); none named: all.
///
/// # Errors
/// If the store fails.
pub async fn groups_standing(
    services: &Services,
    filter: &JobFilter,
    standings: &[&str],
    limit: usize,
) -> Result<Vec<Group>, StoreError> {
    let Some(filter) = dead(filter) else {
        return Ok(Vec::new());
    };
    let (ledger, now) = (&services.ledger, services.clock.now());
    let marks = services.cause_marks.list().await?;
    let marks: BTreeMap<&str, &Mark> = marks.iter().map(|m| (m.fingerprint.as_str(), m)).collect();
    let most = if standings.is_empty() {
        limit
    } else {
        LOOKED_THROUGH.max(limit)
    };
    let mut groups = Vec::new();
    for share in ledger.split(&filter, SplitBy::Fingerprint, most).await? {
        let mark = share.value.as_deref().and_then(|cause| marks.get(cause).copied());
        let standing = standing(mark, share.last, now);
        if groups.len() == limit {
            break;
        }
        if standings.is_empty() || standings.contains(&standing.as_str()) {
            groups.push(whole(services, &filter, share, standing).await?);
        }
    }
    let same: Vec<Vec<String>> = groups
        .iter()
        .map(|group| {
            let alike = groups.iter().filter(|other| group.shares_cause_with(other));
            alike.filter_map(|other| other.fingerprint.clone()).collect()
        })
        .collect();
    for (group, same) in groups.iter_mut().zip(same) {
        group.same_cause = same;
    }
    Ok(groups)
}

/// A group with what is told of it.
async fn whole(
    services: &Services,
    filter: &JobFilter,
    share: Share,
    standing: Standing,
) -> Result<Group, StoreError> {
    let (ledger, now) = (&services.ledger, services.clock.now());
    let (mut guilds, mut by_hour) = (Vec::new(), Vec::new());
    if share.value.is_some() {
        let alike = JobFilter {
            fingerprint: share.value.clone(),
            ..filter.clone()
        };
        guilds = ledger.split(&alike, SplitBy::Guild, GUILDS).await?;
        by_hour = ledger.by_hour(&alike, now - HOURS).await?;
    }
    Ok(Group {
        standing,
        by_hour,
        fingerprint: share.value,
        jobs: share.jobs,
        first: share.first,
        last: share.last,
        example: ledger.get(share.newest).await?,
        guilds,
        same_cause: Vec::new(),
    })
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
    let Some(mut group) = groups(services, &of(fingerprint), 1).await?.pop() else {
        return Ok(None);
    };
    if let Some(code) = group.code() {
        let alike = JobFilter {
            error_code: Some(code.to_owned()),
            ..JobFilter::default()
        };
        let all = groups(services, &alike, ALIKE).await?;
        let found = all
            .into_iter()
            .find(|other| other.fingerprint == group.fingerprint);
        group.same_cause = found.map(|found| found.same_cause).unwrap_or_default();
    }
    Ok(Some(group))
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
        let until = match said {
            Said::Ignored(until) => until.map(Timestamp::to_rfc3339),
            Said::Resolved => None,
        };
        let act = Act::new(
            format!("dead_letters.{}", said.as_str()),
            format!("cause:{fingerprint}"),
        )
        .after(&json!({ "until": until }));
        audited(&self.services, by, act, self.services.cause_marks.put(&mark)).await?;
        Ok(mark)
    }

    /// Takes back what somebody said of a cause. `false`: nobody said anything.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn unmark_cause(&self, fingerprint: &str, by: &By) -> Result<bool, StoreError> {
        let act = Act::new("dead_letters.reopened", format!("cause:{fingerprint}"));
        let recorded = record(&self.services, by, act).await?;
        match self.services.cause_marks.remove(fingerprint).await {
            Ok(true) => recorded.done(),
            other => {
                recorded.not_done(&self.services).await;
                return other;
            }
        }
        Ok(true)
    }
}
