//! A page of jobs, as it is found and as it is sent.

use std::collections::BTreeMap;

use rolecall_core::JobId;
use rolecall_core::error::StoreError;
use rolecall_core::job::{Job, JobState};
use rolecall_core::ports::{JobCursor, JobFilter};
use rolecall_core::query::{self, Query};
use rolecall_jobs::kernel::services::Services;
use serde::Serialize;
use utoipa::ToSchema;

use super::detail::every_state;
use super::{JobView, Pausing};
use crate::cursor::{self, Place};

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobPage {
    /// Jobs, newest first.
    jobs: Vec<JobView>,
    /// Cursor of the next page; null on the last.
    next: Option<String>,
    /// How many jobs of the whole list are in each state.
    counts: BTreeMap<String, u64>,
    /// How many jobs the whole list has.
    total: u64,
}

/// What a cursor of these jobs belongs to, the same however they were asked for. `fixed` is what [`query::name`] says of
/// the query.
pub(crate) fn list_name(fixed: &Query) -> String {
    format!(
        "jobs?{} {:?} {:?}",
        query::write(&fixed.filter),
        fixed.snowflake,
        fixed.job
    )
}

/// Jobs that were found.
pub(crate) struct Found {
    /// Those of the page, newest first.
    pub(crate) jobs: Vec<Job>,
    /// Cursor of the next page; `None` on the last.
    pub(crate) next: Option<String>,
    /// How many of the whole list are in each state; states without a job may be missing.
    pub(crate) counts: Vec<(JobState, u64)>,
}

impl Found {
    /// The one whose id was given, if it is stored.
    pub(crate) fn one(job: Option<Job>) -> Self {
        let jobs: Vec<Job> = job.into_iter().collect();
        Self {
            counts: jobs.iter().map(|job| (job.state, 1)).collect(),
            next: None,
            jobs,
        }
    }

    /// At most `limit` jobs of the list of this name after this place.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn page(
        services: &Services,
        filter: &JobFilter,
        list: &str,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Self, StoreError> {
        let after = after.map(|place| JobCursor {
            inserted_at: place.at,
            id: JobId(place.id),
        });
        let mut jobs = services.ledger.list(filter, after, limit + 1).await?;
        let more = jobs.len() > limit;
        jobs.truncate(limit);
        let next = jobs.last().filter(|_| more).map(|job| {
            let place = Place {
                at: job.inserted_at,
                id: job.id.0,
            };
            cursor::write(place, list)
        });
        let counts = services.ledger.counts(filter).await?;
        Ok(Self { jobs, next, counts })
    }

    /// How many jobs the whole list has.
    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().map(|(_, n)| n).sum()
    }

    /// As it is sent.
    pub(crate) fn view(&self, pausing: &Pausing) -> JobPage {
        JobPage {
            jobs: self.jobs.iter().map(|job| JobView::brief(job, pausing)).collect(),
            next: self.next.clone(),
            counts: every_state(&self.counts),
            total: self.total(),
        }
    }
}
