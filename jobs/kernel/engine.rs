//! Starts what a working process needs, and stops it in order.

use std::sync::Arc;
use std::time::Duration;

use rolecall_core::ports::{Delivery, Shutdown};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::by_hand::ByHand;
use super::canary::Canaries;
use super::fault::{self, Point};
use super::heartbeat::Heartbeat;
use super::pauses::PauseBoard;
use super::queue::Queue;
use super::registry::Registry;
use super::relay::Relay;
use super::rescuer;
use super::runner::Runner;
use super::services::Services;
use super::steering::Steering;

/// What is left of the grace for handing back, when jobs did not end in time.
const HAND_BACK: Duration = Duration::from_secs(2);

/// How long the delivery may take to take back its envelopes and forget this worker.
const DELIVERY_END: Duration = Duration::from_secs(4);

/// A worker's parts.
pub struct Engine {
    /// The ports.
    pub services: Arc<Services>,
    /// Where jobs go.
    pub queue: Queue,
    /// How they come back.
    pub delivery: Arc<dyn Delivery>,
    /// What can be run.
    pub registry: Arc<Registry>,
    /// This worker's name, new with every start of the process.
    pub worker: String,
    /// How long running jobs may take to end once the process is told to stop.
    pub grace: Duration,
}

impl Engine {
    /// Works until `stop`: then claims nothing more, waits for what runs, hands back what does not end within the
    /// grace, and returns.
    ///
    /// # Errors
    /// If the heartbeat's thread cannot be made.
    pub async fn run(self, stop: CancellationToken) -> std::io::Result<()> {
        let heartbeat = Heartbeat::default();
        let (give_up, over) = (CancellationToken::new(), CancellationToken::new());
        let beating = heartbeat.start(
            Arc::clone(&self.services.ledger),
            self.worker.clone(),
            over.clone(),
        )?;
        let pauses = PauseBoard::new(Arc::clone(&self.services.pauses));
        let canaries = Canaries::new(Steering {
            services: Arc::clone(&self.services),
            queue: self.queue.clone(),
            registry: Arc::clone(&self.registry),
        });
        let runner = Arc::new(Runner {
            services: Arc::clone(&self.services),
            queue: self.queue.clone(),
            registry: self.registry,
            heartbeat: heartbeat.clone(),
            worker: self.worker,
            give_up: give_up.clone(),
            quiet: Arc::default(),
            pauses: pauses.clone(),
        });
        let tasks = TaskTracker::new();
        let relay = Relay {
            ledger: Arc::clone(&self.services.ledger),
            delivery: Arc::clone(&self.delivery),
            by_hand: ByHand::new(Arc::clone(&runner) as _, tasks.clone()),
            pauses,
            canaries,
            queue: self.queue.clone(),
            observer: Arc::clone(&self.services.observer),
            clock: Arc::clone(&self.services.clock),
        };
        tasks.spawn(relay.run(stop.clone()));
        tasks.spawn(rescuer::run(
            Arc::clone(&self.services),
            self.queue.clone(),
            stop.clone(),
        ));
        let token = stop.clone();
        let shutdown = Shutdown::new(move || token.clone().cancelled_owned());
        let work: JoinHandle<()> = tokio::spawn(Arc::clone(&self.delivery).run(runner, shutdown));

        stop.cancelled().await;
        fault::pass(Point::K15, "");
        let patience = self.grace.saturating_sub(HAND_BACK);
        tokio::select! {
            () = idle(&heartbeat) => {}
            () = tokio::time::sleep(patience) => {
                tracing::warn!(jobs = heartbeat.len(), "Jobs did not end within the grace; handing them back");
            }
        }
        give_up.cancel();
        let _ = tokio::time::timeout(HAND_BACK, idle(&heartbeat)).await;
        tasks.close();
        let _ = tokio::time::timeout(HAND_BACK, tasks.wait()).await;
        let _ = tokio::time::timeout(DELIVERY_END, work).await;
        over.cancel();
        // The thread sleeps on the token, so this does not block.
        let _ = tokio::task::spawn_blocking(move || beating.join()).await;
        Ok(())
    }
}

/// Waits until no lease is held, for long enough that an envelope in hand would have been claimed.
async fn idle(heartbeat: &Heartbeat) {
    let mut quiet = 0;
    while quiet < 5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        quiet = if heartbeat.is_empty() { quiet + 1 } else { 0 };
    }
}
