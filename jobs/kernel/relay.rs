//! Sends what is due: what was delayed, retried, snoozed, put off, or lost on the way. What cannot be sent is done by hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_core::error::StoreError;
use rolecall_core::job::Lane;
use rolecall_core::pause::Held;
use rolecall_core::ports::{Clock, Delivery, DeliveryError, DueJob, Envelope, Ledger};
use tokio_util::sync::CancellationToken;

use super::by_hand::ByHand;
use super::canary::Canaries;
use super::fair::{FairLane, Look};
use super::fault::{self, Mechanism};
use super::observer::Observer;
use super::patience::in_time;
use super::pauses::PauseBoard;
use super::queue::{CROWDED_PAUSE, Queue};

/// An envelope that nobody took within this time is sent again.
const RESEND_AFTER: Duration = Duration::from_secs(15);
/// The same where no envelope waits: then it is lost, or in the hands of somebody who is about to claim.
const LOST_AFTER: Duration = Duration::from_secs(5);
/// The relay looks at least this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs in every process that works. Two relays at once cost duplicates, which harm nobody.
pub(super) struct Relay {
    /// Where due jobs are found.
    pub ledger: Arc<dyn Ledger>,
    /// Where they go.
    pub delivery: Arc<dyn Delivery>,
    /// Where they go when the delivery takes nothing.
    pub by_hand: ByHand,
    /// What is held back is not sent.
    pub pauses: PauseBoard,
    /// What is let through in spite of that.
    pub canaries: Canaries,
    /// Sends and notes.
    pub queue: Queue,
    /// Is told of what is sent again.
    pub observer: Arc<dyn Observer>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Why nothing could be sent.
enum Trouble {
    /// The ledger did not answer: nothing can be done at all.
    Ledger(StoreError),
    /// The delivery took nothing: what is due can be done by hand.
    Delivery(DeliveryError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Ledger(error)
    }
}

impl From<DeliveryError> for Trouble {
    fn from(error: DeliveryError) -> Self {
        Self::Delivery(error)
    }
}

/// What goes wrong at present, so that each turn of it is told once.
#[derive(Default)]
struct State {
    ledger_fails: bool,
    delivery_fails: bool,
}

impl State {
    fn ledger_failed(&mut self, error: &StoreError) {
        if !std::mem::replace(&mut self.ledger_fails, true) {
            tracing::warn!(%error, "The relay cannot work; jobs wait until it can");
        }
    }

    fn delivery_failed(&mut self, error: &DeliveryError) {
        if !std::mem::replace(&mut self.delivery_fails, true) {
            tracing::warn!(
                %error,
                "Nothing can be sent through Redis; this worker takes due jobs from the store itself, a few at a time, \
                 until Redis takes envelopes again"
            );
        }
    }

    fn all_is_well(&mut self) {
        if std::mem::take(&mut self.ledger_fails) {
            tracing::info!("The relay works again");
        }
        if std::mem::take(&mut self.delivery_fails) {
            tracing::info!("Redis takes envelopes again; jobs go through it as before");
        }
    }
}

impl Relay {
    /// Relays until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut state = State::default();
        let mut lanes = BTreeMap::new();
        while !stop.is_cancelled() {
            self.queue.bell().looking();
            let pause = match self.look(&mut lanes).await {
                Ok(pause) => {
                    state.all_is_well();
                    pause
                }
                Err(Trouble::Delivery(error)) => {
                    state.delivery_failed(&error);
                    if let Err(error) = self.take_due(&mut lanes).await {
                        state.ledger_failed(&error);
                    }
                    LOOK_EVERY.mul_f64(0.5 + fastrand::f64())
                }
                Err(Trouble::Ledger(error)) => {
                    state.ledger_failed(&error);
                    LOOK_EVERY.mul_f64(0.5 + fastrand::f64())
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.queue.bell().next_look(self.clock.as_ref(), pause) => {}
            }
        }
    }

    /// Sends what is due, and says when to look again.
    async fn look(&self, lanes: &mut BTreeMap<Lane, FairLane>) -> Result<Duration, Trouble> {
        let (mut pause, mut crowded) = (LOOK_EVERY, false);
        let now = self.clock.now();
        in_time(self.pauses.refresh(now)).await?;
        self.canaries.tend(&self.pauses.on(now), now).await;
        let held = self.pauses.held(now);
        for lane in Lane::ALL {
            let depth = self.delivery.depth(lane).await?;
            let room = self
                .delivery
                .window()
                .saturating_sub(usize::try_from(depth).unwrap_or(usize::MAX));
            if room == 0 {
                crowded = true;
                continue;
            }
            let due = self
                .due(lane, room, depth == 0, &held, lanes.entry(lane).or_default())
                .await?;
            let sent = self.send(lane, due).await?;
            crowded |= sent >= room;
            if let Some(at) = in_time(self.ledger.next_due(lane)).await? {
                let wait = at.millis_since(self.clock.now()).max(1);
                pause = pause.min(Duration::from_millis(u64::try_from(wait).unwrap_or(1)));
            }
        }
        if crowded {
            self.queue.bell().crowd(self.queue.worth_a_look());
            pause = pause.min(CROWDED_PAUSE);
        }
        Ok(pause)
    }

    /// What is due in a lane, and was not sent a moment ago.
    async fn due(
        &self,
        lane: Lane,
        room: usize,
        nothing_waits: bool,
        held: &[Held],
        fair: &mut FairLane,
    ) -> Result<Vec<DueJob>, StoreError> {
        let now = self.clock.now();
        let look = Look {
            ledger: self.ledger.as_ref(),
            lane,
            now,
            sent_before: if fault::without(Mechanism::Resend) {
                Timestamp(0)
            } else {
                now - if nothing_waits { LOST_AFTER } else { RESEND_AFTER }
            },
            held,
            room,
        };
        in_time(fair.next(look)).await
    }

    /// Sends them; those that had been sent before are counted.
    async fn send(&self, lane: Lane, due: Vec<DueJob>) -> Result<usize, DeliveryError> {
        if due.is_empty() {
            return Ok(0);
        }
        let again: Vec<bool> = due.iter().map(|job| job.sent_before).collect();
        let batch: Vec<Envelope> = due.into_iter().map(envelope).collect();
        let sent = self.queue.send(lane, &batch).await?;
        // The delivery takes from the front.
        let again = again.into_iter().take(sent).filter(|again| *again).count();
        self.observer.sent_again(lane, again);
        Ok(sent)
    }

    /// Has a few due jobs done by this process, the most urgent lane first.
    async fn take_due(&self, lanes: &mut BTreeMap<Lane, FairLane>) -> Result<(), StoreError> {
        // The place of each that ends is for the next.
        self.queue.bell().crowd(1);
        let held = self.pauses.held(self.clock.now());
        for lane in Lane::ALL {
            let room = self.by_hand.room();
            if room == 0 {
                return Ok(());
            }
            let due: Vec<Envelope> = self
                .due(lane, room, false, &held, lanes.entry(lane).or_default())
                .await?
                .into_iter()
                .map(envelope)
                .collect();
            // Noted first: a job that has begun is marked no more.
            self.queue.note_sent(&due).await;
            self.by_hand.take(due);
        }
        Ok(())
    }
}

fn envelope(job: DueJob) -> Envelope {
    Envelope {
        job_id: job.id,
        kind: job.kind,
    }
}
