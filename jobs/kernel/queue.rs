//! Stores jobs, and sends those that are due at once while the window has room.

use std::collections::BTreeMap;
use std::sync::Arc;

use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::job::{Inserted, Lane, NewJob};
use rolecall_core::ports::{Clock, Delivery, DeliveryError, Envelope, Ledger};
use rolecall_core::{JobId, RunId, Timestamp};
use tokio::sync::Notify;
use uuid::Uuid;

use super::fault::{self, Mechanism, Point};
use super::job::Job;
use super::patience::in_time;

/// Jobs a store is given at once.
const BATCH: usize = 500;

/// A job that is to be enqueued.
#[derive(Debug, Clone)]
pub struct Enqueue(pub NewJob);

impl Enqueue {
    /// A job of this kind, due now.
    pub fn new<J: Job>(job: &J, cause: Cause) -> Self {
        Self(NewJob {
            id: JobId(Uuid::now_v7()),
            kind: J::KIND.to_owned(),
            version: fault::version(J::KIND, J::VERSION),
            // A payload is a plain struct of ids; `to_value` fails only for maps with keys that are no text.
            payload: serde_json::to_value(job).unwrap_or_default(),
            lane: J::LANE,
            run_at: Timestamp(0),
            max_attempts: J::MAX_ATTEMPTS,
            unique_key: job.unique_key().filter(|_| !fault::without(Mechanism::UniqueKey)),
            concurrency: job
                .concurrency_key()
                .filter(|_| !fault::without(Mechanism::SingleFlight)),
            run_id: None,
            parent_id: None,
            subject: job.subject(),
            cause,
            trace: None,
        })
    }

    /// With this id instead of a new one.
    #[must_use]
    pub fn with_id(mut self, id: JobId) -> Self {
        self.0.id = id;
        self
    }

    /// In this lane.
    #[must_use]
    pub fn in_lane(mut self, lane: Lane) -> Self {
        self.0.lane = lane;
        self
    }

    /// As part of this run.
    #[must_use]
    pub fn in_run(mut self, run: RunId) -> Self {
        self.0.run_id = Some(run);
        self
    }

    /// Not before this time.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.0.run_at = at;
        self
    }

    /// With this unique key instead of the kind's own.
    #[must_use]
    pub fn unique(mut self, key: String) -> Self {
        self.0.unique_key = Some(key);
        self
    }
}

/// Where jobs go. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    ledger: Arc<dyn Ledger>,
    /// `None` in a command that only stores: the relay of a running process sends.
    delivery: Option<Arc<dyn Delivery>>,
    clock: Arc<dyn Clock>,
    bell: Arc<Notify>,
}

impl Queue {
    /// A queue that stores in `ledger` and sends by `delivery`.
    pub fn new(ledger: Arc<dyn Ledger>, delivery: Option<Arc<dyn Delivery>>, clock: Arc<dyn Clock>) -> Self {
        Self {
            ledger,
            delivery,
            clock,
            bell: Arc::new(Notify::new()),
        }
    }

    /// Rings when something was stored or settled; the relay listens.
    pub fn bell(&self) -> &Arc<Notify> {
        &self.bell
    }

    /// Stores jobs; answers when they are durable. Then sends what is due.
    pub async fn insert(&self, jobs: Vec<Enqueue>) -> Result<Vec<Inserted>, StoreError> {
        let mut all = Vec::with_capacity(jobs.len());
        let mut jobs: Vec<NewJob> = jobs.into_iter().map(|e| e.0).collect();
        while !jobs.is_empty() {
            let rest = jobs.split_off(jobs.len().min(BATCH));
            let due = self.envelopes_due(&jobs);
            let kind = jobs.first().map(|j| j.kind.clone()).unwrap_or_default();
            let inserted = self.store(jobs).await?;
            fault::pass(Point::K2, &kind);
            self.send_created(due, &inserted).await;
            all.extend(inserted);
            jobs = rest;
        }
        self.bell.notify_one();
        Ok(all)
    }

    async fn store(&self, jobs: Vec<NewJob>) -> Result<Vec<Inserted>, StoreError> {
        if !fault::without(Mechanism::StoreFirst) {
            return self.ledger.insert(jobs).await;
        }
        // What a queue in memory does: it says yes, and hopes to live long enough.
        let said = jobs.iter().map(|j| Inserted::Created(j.id)).collect();
        let ledger = Arc::clone(&self.ledger);
        tokio::spawn(async move {
            tokio::time::sleep(fault::LATER).await;
            ledger.insert(jobs).await
        });
        Ok(said)
    }

    fn envelopes_due(&self, jobs: &[NewJob]) -> Vec<(Lane, Envelope)> {
        let now = self.clock.now();
        jobs.iter()
            .filter(|j| j.run_at <= now)
            .map(|j| {
                (
                    j.lane,
                    Envelope {
                        job_id: j.id,
                        kind: j.kind.clone(),
                    },
                )
            })
            .collect()
    }

    /// Whatever fails here, the relay does later.
    async fn send_created(&self, due: Vec<(Lane, Envelope)>, inserted: &[Inserted]) {
        let mut lanes: BTreeMap<Lane, Vec<Envelope>> = BTreeMap::new();
        let created = |e: &Envelope| inserted.contains(&Inserted::Created(e.job_id));
        // One job is the usual case, and many come from one planner: no need for a set.
        for (lane, envelope) in due {
            if inserted.len() > 64 || created(&envelope) {
                lanes.entry(lane).or_default().push(envelope);
            }
        }
        for (lane, batch) in lanes {
            if let Err(error) = self.send(lane, &batch).await {
                tracing::debug!(%error, queue = %lane, "The delivery took nothing; the relay will try again");
            }
        }
    }

    /// Hands envelopes to the delivery and notes which went. Says how many did.
    ///
    /// # Errors
    /// The delivery took none of them.
    pub async fn send(&self, lane: Lane, batch: &[Envelope]) -> Result<usize, DeliveryError> {
        let Some(delivery) = &self.delivery else {
            return Ok(0);
        };
        let taken = delivery.push(lane, batch).await?.min(batch.len());
        fault::pass(Point::K3, batch.first().map_or("", |e| e.kind.as_str()));
        self.note_sent(&batch[..taken]).await;
        Ok(taken)
    }

    /// Notes that these are on their way, so that nobody sends them again for a while.
    pub(super) async fn note_sent(&self, batch: &[Envelope]) {
        let ids: Vec<JobId> = batch.iter().map(|e| e.job_id).collect();
        if !ids.is_empty()
            && let Err(error) = in_time(self.ledger.mark_sent(&ids)).await
        {
            tracing::debug!(%error, "Could not note what was sent; it may be sent twice, which harms nobody");
        }
    }
}
