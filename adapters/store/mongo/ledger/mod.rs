//! The ledger: one document a job, every change one conditional write of that document.

mod claim;
mod control;
mod document;
mod due;
mod insert;
#[cfg(test)]
mod plans_tests;
mod query;
mod rescue;
mod settle;

pub(super) use document::lane;

use std::time::Duration;

use async_trait::async_trait;
use mongodb::bson::{Bson, Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::ids::{JobId, RunId};
use rolecall_core::job::{Inserted, Job, JobState, Lane, NewJob};
use rolecall_core::pause::Held;
use rolecall_core::ports::{
    Claim, DueJob, JobCursor, JobFilter, Ledger, Obstacles, Renewed, Rescued, Settlement, Share, SplitBy,
};
use rolecall_core::progress::Progress;
use rolecall_core::run::TallyLine;
use rolecall_core::time::Timestamp;

use super::MongoStore;

#[async_trait]
impl Ledger for MongoStore {
    async fn insert(&self, jobs: Vec<NewJob>) -> Result<Vec<Inserted>, StoreError> {
        insert::insert(self, &jobs).await
    }

    async fn claim_within(
        &self,
        id: JobId,
        worker: &str,
        lease: Duration,
        crashes: u32,
    ) -> Result<Claim, StoreError> {
        claim::claim(self, id, (worker, lease), crashes).await
    }

    async fn renew(
        &self,
        worker: &str,
        held: &[(JobId, i64)],
        lease: Duration,
    ) -> Result<Vec<Renewed>, StoreError> {
        claim::renew(self, worker, held, lease).await
    }

    async fn settle(&self, id: JobId, fence: i64, settlement: Settlement) -> Result<bool, StoreError> {
        settle::settle(self, id, fence, &settlement).await
    }

    async fn report(&self, id: JobId, fence: i64, progress: &Progress) -> Result<bool, StoreError> {
        settle::report(self, id, fence, progress).await
    }

    async fn defer(&self, id: JobId, until: Timestamp) -> Result<(), StoreError> {
        settle::defer(self, id, until).await.map(drop)
    }

    async fn due(
        &self,
        lane: Lane,
        sent_before: Timestamp,
        paused: &[Held],
        limit: usize,
    ) -> Result<Vec<DueJob>, StoreError> {
        due::due(self, lane, sent_before, paused, limit).await
    }

    async fn mark_sent(&self, ids: &[JobId]) -> Result<(), StoreError> {
        due::mark_sent(self, ids).await
    }

    async fn mark_unsent(&self, ids: &[JobId]) -> Result<(), StoreError> {
        due::mark_unsent(self, ids).await
    }

    async fn next_due(&self, lane: Lane) -> Result<Option<Timestamp>, StoreError> {
        due::next_due(self, lane).await
    }

    async fn rescue(&self, quarantine_after: u32, limit: usize) -> Result<Vec<Rescued>, StoreError> {
        rescue::rescue(self, quarantine_after, limit).await
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        query::get(self, id).await
    }

    async fn list(
        &self,
        filter: &JobFilter,
        after: Option<JobCursor>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        query::list(self, filter, after, limit).await
    }

    async fn counts(&self, filter: &JobFilter) -> Result<Vec<(JobState, u64)>, StoreError> {
        query::counts(self, filter).await
    }

    async fn split(&self, filter: &JobFilter, by: SplitBy, limit: usize) -> Result<Vec<Share>, StoreError> {
        query::split(self, filter, by, limit).await
    }

    async fn by_hour(
        &self,
        filter: &JobFilter,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, u64)>, StoreError> {
        query::by_hour(self, filter, since).await
    }

    async fn obstacles(&self, job: &Job, paused: &[Held]) -> Result<Obstacles, StoreError> {
        due::obstacles(self, job, paused).await
    }

    async fn tally(&self, run: RunId) -> Result<Vec<TallyLine>, StoreError> {
        query::tally(self, run).await
    }

    async fn run_is_live(&self, run: RunId, except: &str) -> Result<bool, StoreError> {
        query::run_is_live(self, run, except).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.clock().await
    }
}

/// A value inside an update pipeline that is never taken for an expression, even if it begins with `$`.
fn literal(value: impl Into<Bson>) -> Document {
    doc! { "$literal": value.into() }
}

/// A span in whole milliseconds.
fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// A limit for a query. 0 would mean "no limit" to MongoDB.
fn limit_of(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX).max(1)
}
