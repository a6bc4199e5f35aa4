//! Stores jobs, and sends those that are due at once while the window has room.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::job::{Inserted, Lane, NewJob};
use rolecall_core::ports::{Clock, Delivery, DeliveryError, Envelope, Ledger};
use rolecall_core::{JobId, RunId, Timestamp};
use uuid::Uuid;

use super::bell::Bell;
use super::fault::{self, Mechanism, Point};
use super::job::Job;
use super::patience::in_time;

/// Jobs a store is given at once.
const BATCH: usize = 500;
/// What found no room is looked at after this time: somebody takes from a full window soon, and then there is no bell.
pub(super) const CROWDED_PAUSE: Duration = Duration::from_millis(50);

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
            run_at: NewJob::AT_ONCE,
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
            sent: false,
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
    bell: Arc<Bell>,
}

impl Queue {
    /// A queue that stores in `ledger` and sends by `delivery`.
    pub fn new(ledger: Arc<dyn Ledger>, delivery: Option<Arc<dyn Delivery>>, clock: Arc<dyn Clock>) -> Self {
        Self {
            ledger,
            delivery,
            clock,
            bell: Arc::default(),
        }
    }

    /// Tells the relay when to look.
    pub fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Stores jobs; answers when they are durable. Then sends what is due, as far as the window has room.
    pub async fn insert(&self, jobs: Vec<Enqueue>) -> Result<Vec<Inserted>, StoreError> {
        let mut all = Vec::with_capacity(jobs.len());
        let mut jobs: Vec<NewJob> = jobs.into_iter().map(|e| e.0).collect();
        while !jobs.is_empty() {
            let rest = jobs.split_off(jobs.len().min(BATCH));
            let due = self.to_send(&mut jobs).await;
            let left = jobs.iter().filter(|job| !job.sent).map(|job| job.run_at).min();
            let kind = jobs.first().map(|j| j.kind.clone()).unwrap_or_default();
            let inserted = self.store(jobs).await?;
            fault::pass(Point::K2, &kind);
            self.send_created(due, &inserted).await;
            self.leave_to_relay(left);
            all.extend(inserted);
            jobs = rest;
        }
        Ok(all)
    }

    /// Notes on the jobs that are due, as many as there is room for, that they are sent; gives their envelopes, with
    /// their places among the jobs.
    async fn to_send(&self, jobs: &mut [NewJob]) -> Vec<(usize, Lane, Envelope)> {
        let Some(delivery) = &self.delivery else {
            return Vec::new();
        };
        let (now, mut rooms, mut envelopes) = (self.clock.now(), BTreeMap::new(), Vec::new());
        for (place, job) in jobs.iter_mut().enumerate().filter(|(_, job)| job.run_at <= now) {
            if let Entry::Vacant(unknown) = rooms.entry(job.lane) {
                let room = delivery.room(job.lane).await.unwrap_or_else(|error| {
                    tracing::debug!(%error, queue = %job.lane, "The delivery takes nothing; the relay will try again");
                    0
                });
                unknown.insert(room);
            }
            let room = rooms.entry(job.lane).or_default();
            if *room > 0 {
                *room -= 1;
                job.sent = true;
                let envelope = Envelope {
                    job_id: job.id,
                    kind: job.kind.clone(),
                };
                envelopes.push((place, job.lane, envelope));
            }
        }
        envelopes
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

    /// What was stored before has been sent before. Whatever fails here, the relay does later.
    async fn send_created(&self, due: Vec<(usize, Lane, Envelope)>, inserted: &[Inserted]) {
        let mut lanes: BTreeMap<Lane, Vec<Envelope>> = BTreeMap::new();
        for (place, lane, envelope) in due {
            if inserted.get(place) == Some(&Inserted::Created(envelope.job_id)) {
                lanes.entry(lane).or_default().push(envelope);
            }
        }
        for (lane, batch) in lanes {
            let taken = self.push(lane, &batch).await.unwrap_or_else(|error| {
                tracing::debug!(%error, queue = %lane, "The delivery took nothing; the relay will try again");
                0
            });
            let left: Vec<JobId> = batch[taken..].iter().map(|e| e.job_id).collect();
            if left.is_empty() {
                continue;
            }
            if let Err(error) = in_time(self.ledger.mark_unsent(&left)).await {
                tracing::debug!(%error, "Could not note what was not sent; it will be taken for lost soon");
            }
            self.leave_to_relay(Some(Timestamp(0)));
        }
    }

    /// The first of what was not sent is due at this time.
    fn leave_to_relay(&self, first: Option<Timestamp>) {
        let Some(first) = first else { return };
        let now = self.clock.now();
        if first > now {
            self.bell.ring_at(first);
        } else {
            self.bell.crowd(self.worth_a_look());
            self.bell.ring_at(now + CROWDED_PAUSE);
        }
    }

    /// Tells the relay that a job was left, or waits until then.
    pub fn settled(&self, waits_until: Option<Timestamp>) {
        match waits_until {
            Some(at) => self.bell.ring_at(at),
            None => self.bell.job_ended(),
        }
    }

    /// So many ended jobs are worth a look of the relay while others wait for room: half of a window.
    pub(super) fn worth_a_look(&self) -> usize {
        let window = self.delivery.as_ref().map_or(0, |delivery| delivery.window());
        (window / 2).max(1)
    }

    /// Hands envelopes to the delivery; says how many it took.
    async fn push(&self, lane: Lane, batch: &[Envelope]) -> Result<usize, DeliveryError> {
        let Some(delivery) = &self.delivery else {
            return Ok(0);
        };
        let taken = delivery.push(lane, batch).await?.min(batch.len());
        fault::pass(Point::K3, batch.first().map_or("", |e| e.kind.as_str()));
        Ok(taken)
    }

    /// Hands envelopes to the delivery and notes which went. Says how many did.
    ///
    /// # Errors
    /// The delivery took none of them.
    pub async fn send(&self, lane: Lane, batch: &[Envelope]) -> Result<usize, DeliveryError> {
        let taken = self.push(lane, batch).await?;
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
