//! A ledger whose operations are timed, and whose inserts are counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rolecall_core::error::StoreError;
use rolecall_core::job::{Inserted, Job, JobState, Lane, NewJob};
use rolecall_core::pause::Held;
use rolecall_core::ports::{
    Claim, DueJob, JobCursor, JobFilter, Ledger, Obstacles, Renewed, Rescued, Settlement, Share, SplitBy,
};
use rolecall_core::progress::Progress;
use rolecall_core::run::TallyLine;
use rolecall_core::{JobId, RunId, Timestamp};

use super::table::JOBS_STORED;
use super::timed::timed;

/// Another ledger, measured. Every operation has to be handed on, those with a default as well.
pub struct MeteredLedger {
    inner: Arc<dyn Ledger>,
}

impl MeteredLedger {
    /// Around this one.
    pub fn new(inner: Arc<dyn Ledger>) -> Self {
        Self { inner }
    }
}

/// One count for each kind and result: a planner stores hundreds of one kind at once.
fn count(kinds: &[String], inserted: &[Inserted]) {
    let mut sums: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (kind, inserted) in kinds.iter().zip(inserted) {
        let result = match inserted {
            Inserted::Created(_) => "created",
            Inserted::Repeated(_) => "repeated",
            Inserted::Duplicate(_) => "duplicate",
        };
        *sums.entry((kind, result)).or_default() += 1;
    }
    for ((kind, result), n) in sums {
        JOBS_STORED.add(&[kind, result], n);
    }
}

#[async_trait]
impl Ledger for MeteredLedger {
    async fn insert(&self, jobs: Vec<NewJob>) -> Result<Vec<Inserted>, StoreError> {
        let kinds: Vec<String> = jobs.iter().map(|job| job.kind.clone()).collect();
        let inserted = timed("insert", self.inner.insert(jobs)).await?;
        count(&kinds, &inserted);
        Ok(inserted)
    }

    async fn claim_within(
        &self,
        id: JobId,
        worker: &str,
        lease: Duration,
        crashes: u32,
    ) -> Result<Claim, StoreError> {
        timed("claim", self.inner.claim_within(id, worker, lease, crashes)).await
    }

    async fn renew(
        &self,
        worker: &str,
        held: &[(JobId, i64)],
        lease: Duration,
    ) -> Result<Vec<Renewed>, StoreError> {
        timed("renew", self.inner.renew(worker, held, lease)).await
    }

    async fn settle(&self, id: JobId, fence: i64, settlement: Settlement) -> Result<bool, StoreError> {
        timed("settle", self.inner.settle(id, fence, settlement)).await
    }

    async fn report(&self, id: JobId, fence: i64, progress: &Progress) -> Result<bool, StoreError> {
        timed("report", self.inner.report(id, fence, progress)).await
    }

    async fn defer(&self, id: JobId, until: Timestamp) -> Result<(), StoreError> {
        timed("defer", self.inner.defer(id, until)).await
    }

    async fn due(
        &self,
        lane: Lane,
        sent_before: Timestamp,
        paused: &[Held],
        limit: usize,
    ) -> Result<Vec<DueJob>, StoreError> {
        timed("due", self.inner.due(lane, sent_before, paused, limit)).await
    }

    async fn mark_sent(&self, ids: &[JobId]) -> Result<(), StoreError> {
        timed("mark_sent", self.inner.mark_sent(ids)).await
    }

    async fn mark_unsent(&self, ids: &[JobId]) -> Result<(), StoreError> {
        timed("mark_unsent", self.inner.mark_unsent(ids)).await
    }

    async fn next_due(&self, lane: Lane) -> Result<Option<Timestamp>, StoreError> {
        timed("next_due", self.inner.next_due(lane)).await
    }

    async fn rescue(&self, quarantine_after: u32, limit: usize) -> Result<Vec<Rescued>, StoreError> {
        timed("rescue", self.inner.rescue(quarantine_after, limit)).await
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        timed("get", self.inner.get(id)).await
    }

    async fn list(
        &self,
        filter: &JobFilter,
        after: Option<JobCursor>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        timed("list", self.inner.list(filter, after, limit)).await
    }

    async fn counts(&self, filter: &JobFilter) -> Result<Vec<(JobState, u64)>, StoreError> {
        timed("counts", self.inner.counts(filter)).await
    }

    async fn split(&self, filter: &JobFilter, by: SplitBy, limit: usize) -> Result<Vec<Share>, StoreError> {
        timed("split", self.inner.split(filter, by, limit)).await
    }

    async fn by_hour(
        &self,
        filter: &JobFilter,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, u64)>, StoreError> {
        timed("by_hour", self.inner.by_hour(filter, since)).await
    }

    async fn obstacles(&self, job: &Job, paused: &[Held]) -> Result<Obstacles, StoreError> {
        timed("obstacles", self.inner.obstacles(job, paused)).await
    }

    async fn tally(&self, run: RunId) -> Result<Vec<TallyLine>, StoreError> {
        timed("tally", self.inner.tally(run)).await
    }

    async fn run_is_live(&self, run: RunId, except: &str) -> Result<bool, StoreError> {
        timed("run_is_live", self.inner.run_is_live(run, except)).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        timed("now", self.inner.now()).await
    }
}
