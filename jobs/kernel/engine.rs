//! Starts what a working process needs, and stops it in order.

use std::sync::Arc;
use std::time::Duration;

use rolecall_core::ports::{Delivery, EnvelopeHandler, Shutdown};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::by_hand::ByHand;
use super::canary::Canaries;
use super::company::Gathering;
use super::fault::{self, Point};
use super::heartbeat::Heartbeat;
use super::pauses::PauseBoard;
use super::presence::Presence;
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
    /// What is told of this process, and what it hears.
    pub presence: Presence,
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
        let heartbeat = self.presence.heartbeat().clone();
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
            meter: self.presence.meter().clone(),
            worker: self.worker,
            give_up: give_up.clone(),
            quiet: Arc::default(),
            pauses: pauses.clone(),
            gathering: Gathering::new(stop.clone()),
        });
        let tasks = TaskTracker::new();
        let relay = Relay {
            ledger: Arc::clone(&self.services.ledger),
            delivery: Arc::clone(&self.delivery),
            by_hand: ByHand::new(Arc::clone(&runner) as _, tasks.clone(), self.presence.draining()),
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
            self.presence.meter().clone(),
            stop.clone(),
        ));
        let delivery = Arc::clone(&self.delivery);
        let work: JoinHandle<()> = tokio::spawn(work(delivery, runner, self.presence, stop.clone()));

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

/// Works until `stop`, but not while the process is ordered to take no jobs: then the delivery ends as at a stop, except
/// that nobody is handed back.
async fn work(delivery: Arc<dyn Delivery>, runner: Arc<Runner>, presence: Presence, stop: CancellationToken) {
    let mut order = presence.draining();
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => return,
            () = ordered(&mut order, false) => {}
        }
        let round = stop.child_token();
        let token = round.clone();
        let shutdown = Shutdown::new(move || token.clone().cancelled_owned());
        presence.takes_jobs(true);
        let handler: Arc<dyn EnvelopeHandler> = runner.clone();
        let mut running = Arc::clone(&delivery).run(handler, shutdown);
        tokio::select! {
            () = &mut running => {}
            () = ordered(&mut order, true) => {
                round.cancel();
                running.await;
            }
        }
        presence.takes_jobs(false);
        if !round.is_cancelled() {
            // A delivery ends only when it is told to.
            return;
        }
    }
}

/// Waits until the order is this. Its sender lives as long as the process.
async fn ordered(order: &mut watch::Receiver<bool>, wanted: bool) {
    drop(order.wait_for(|drains| *drains == wanted).await);
}

/// Waits until no lease is held, for long enough that an envelope in hand would have been claimed.
async fn idle(heartbeat: &Heartbeat) {
    let mut quiet = 0;
    while quiet < 5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        quiet = if heartbeat.is_empty() { quiet + 1 } else { 0 };
    }
}
