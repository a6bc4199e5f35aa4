//! The ledger of jobs.

mod claim;
mod control;
mod due;
mod insert;
#[cfg(test)]
mod plans_tests;
mod query;
mod rescue;
mod row;
mod settle;

use std::time::Duration;

use async_trait::async_trait;
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

use super::SqliteStore;

// What must be on disk before anybody is told of it: that a job was accepted, and how it ended. The rest may be forgotten
// with the machine's power: then no claim, lease or note of sending is left to be wrong about.
#[async_trait]
impl Ledger for SqliteStore {
    async fn insert(&self, jobs: Vec<NewJob>) -> Result<Vec<Inserted>, StoreError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        self.write(move |db, now| insert::insert(db, &jobs, now)).await
    }

    async fn claim_within(
        &self,
        id: JobId,
        worker: &str,
        lease: Duration,
        crashes: u32,
    ) -> Result<Claim, StoreError> {
        let worker = worker.to_owned();
        self.write_soon(move |db, now| claim::claim(db, id, (&worker, lease), crashes, now))
            .await
    }

    async fn renew(
        &self,
        worker: &str,
        held: &[(JobId, i64)],
        lease: Duration,
    ) -> Result<Vec<Renewed>, StoreError> {
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let (worker, held) = (worker.to_owned(), held.to_vec());
        self.write_soon(move |db, now| claim::renew(db, &worker, &held, now + lease))
            .await
    }

    async fn settle(&self, id: JobId, fence: i64, settlement: Settlement) -> Result<bool, StoreError> {
        self.write(move |db, now| settle::settle(db, id, fence, &settlement, now))
            .await
    }

    async fn report(&self, id: JobId, fence: i64, progress: &Progress) -> Result<bool, StoreError> {
        let progress = progress.clone();
        self.write(move |db, _| settle::report(db, id, fence, &progress))
            .await
    }

    async fn defer(&self, id: JobId, until: Timestamp) -> Result<(), StoreError> {
        self.write_soon(move |db, now| due::defer(db, id, until, now).map(drop))
            .await
    }

    async fn due(
        &self,
        lane: Lane,
        sent_before: Timestamp,
        paused: &[Held],
        limit: usize,
    ) -> Result<Vec<DueJob>, StoreError> {
        let (now, paused) = (self.time(), paused.to_vec());
        self.read(move |db| due::due(db, lane, sent_before, &paused, limit, now))
            .await
    }

    async fn mark_sent(&self, ids: &[JobId]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = ids.to_vec();
        self.write_soon(move |db, now| due::mark_sent(db, &ids, now))
            .await
    }

    async fn mark_unsent(&self, ids: &[JobId]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = ids.to_vec();
        self.write_soon(move |db, _| due::mark_unsent(db, &ids)).await
    }

    async fn next_due(&self, lane: Lane) -> Result<Option<Timestamp>, StoreError> {
        let now = self.time();
        self.read(move |db| due::next_due(db, lane, now)).await
    }

    async fn rescue(&self, quarantine_after: u32, limit: usize) -> Result<Vec<Rescued>, StoreError> {
        // Every process asks every few seconds, and nearly always there is nothing: then nobody has to wait for it.
        let now = self.time();
        if !self.read(move |db| rescue::is_needed(db, now)).await? {
            return Ok(Vec::new());
        }
        self.write(move |db, now| rescue::rescue(db, quarantine_after, limit, now))
            .await
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.read(move |db| query::get(db, id)).await
    }

    async fn list(
        &self,
        filter: &JobFilter,
        after: Option<JobCursor>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        let filter = filter.clone();
        self.read(move |db| query::list(db, &filter, after, limit)).await
    }

    async fn counts(&self, filter: &JobFilter) -> Result<Vec<(JobState, u64)>, StoreError> {
        let filter = filter.clone();
        self.read(move |db| query::counts(db, &filter)).await
    }

    async fn split(&self, filter: &JobFilter, by: SplitBy, limit: usize) -> Result<Vec<Share>, StoreError> {
        let filter = filter.clone();
        self.read(move |db| query::split(db, &filter, by, limit)).await
    }

    async fn by_hour(
        &self,
        filter: &JobFilter,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, u64)>, StoreError> {
        let filter = filter.clone();
        self.read(move |db| query::by_hour(db, &filter, since)).await
    }

    async fn obstacles(&self, job: &Job, paused: &[Held]) -> Result<Obstacles, StoreError> {
        let (now, job, paused) = (self.time(), job.clone(), paused.to_vec());
        self.read(move |db| due::obstacles(db, &job, &paused, now)).await
    }

    async fn tally(&self, run: RunId) -> Result<Vec<TallyLine>, StoreError> {
        self.read(move |db| query::tally(db, run)).await
    }

    async fn run_is_live(&self, run: RunId, except: &str) -> Result<bool, StoreError> {
        let except = except.to_owned();
        self.read(move |db| query::run_is_live(db, run, &except)).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(self.time())
    }
}
