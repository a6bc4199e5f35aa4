//! Sends what is due: what was delayed, retried, snoozed, put off, or lost on the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_core::job::Lane;
use rolecall_core::pause::Held;
use rolecall_core::ports::{Clock, Delivery, DueJob, Envelope, Ledger};
use tokio_util::sync::CancellationToken;

use super::fair::{FairLane, Look};
use super::fault::{self, Mechanism};
use super::pauses::PauseBoard;
use super::queue::{CROWDED_PAUSE, Queue};

/// An envelope that nobody took within this time is sent again.
const RESEND_AFTER: Duration = Duration::from_secs(15);
/// The same where no envelope waits: then it is lost, or in the hands of somebody who is about to claim.
const LOST_AFTER: Duration = Duration::from_secs(5);
/// The relay looks at least this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs in every process that works. Two relays at once cost duplicates, which harm nobody.
pub struct Relay {
    /// Where due jobs are found.
    pub ledger: Arc<dyn Ledger>,
    /// Where they go.
    pub delivery: Arc<dyn Delivery>,
    /// What is held back is not sent.
    pub pauses: PauseBoard,
    /// Sends and notes.
    pub queue: Queue,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Relay {
    /// Relays until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut failing = false;
        let mut lanes = BTreeMap::new();
        while !stop.is_cancelled() {
            self.queue.bell().looking();
            let pause = match self.look(&mut lanes).await {
                Ok(pause) => {
                    if failing {
                        tracing::info!("The relay works again");
                    }
                    failing = false;
                    pause
                }
                Err(error) => {
                    if !failing {
                        tracing::warn!(%error, "The relay cannot work; jobs wait until it can");
                    }
                    failing = true;
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
    async fn look(&self, lanes: &mut BTreeMap<Lane, FairLane>) -> Result<Duration, String> {
        let (mut pause, mut crowded) = (LOOK_EVERY, false);
        let now = self.clock.now();
        self.pauses.refresh(now).await.map_err(|e| e.to_string())?;
        let held = self.pauses.held(now);
        for lane in Lane::ALL {
            let depth = self.delivery.depth(lane).await.map_err(|e| e.to_string())?;
            let room = self
                .delivery
                .window()
                .saturating_sub(usize::try_from(depth).unwrap_or(usize::MAX));
            if room == 0 {
                crowded = true;
                continue;
            }
            let sent = self
                .send_due(lane, room, depth == 0, &held, lanes.entry(lane).or_default())
                .await?;
            crowded |= sent >= room;
            if let Some(at) = self.ledger.next_due(lane).await.map_err(|e| e.to_string())? {
                let wait = at.millis_since(self.clock.now()).max(1);
                pause = pause.min(Duration::from_millis(u64::try_from(wait).unwrap_or(1)));
            }
        }
        self.queue.bell().set_crowded(crowded);
        Ok(if crowded { pause.min(CROWDED_PAUSE) } else { pause })
    }

    async fn send_due(
        &self,
        lane: Lane,
        room: usize,
        nothing_waits: bool,
        held: &[Held],
        fair: &mut FairLane,
    ) -> Result<usize, String> {
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
        let due = fair.next(look).await.map_err(|e| e.to_string())?;
        let envelope = |job: DueJob| Envelope {
            job_id: job.id,
            kind: job.kind,
        };
        let batch: Vec<Envelope> = due.into_iter().map(envelope).collect();
        if batch.is_empty() {
            return Ok(0);
        }
        Ok(self.queue.send(lane, &batch).await)
    }
}
