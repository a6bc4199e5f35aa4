//! Delivery through Redis, by apalis-redis 1.0.0.
//!
//! # What of apalis-redis is used, and what is not
//!
//! Used: its worker, its storage, its public push and its key names (all from [`apalis_redis::Config`]; nothing is
//! spelled by hand). Not used: its retries, attempts, idempotency keys, expiry, pub/sub factory and monitor.
//!
//! What its version 1.0.0 does wrong, and what keeps it from harm here:
//!
//! * a fetched batch of more than one stops the heartbeats and acknowledgements: batches of one (`settings`);
//! * any Redis error ends the worker and drops its handlers: supervised restart, jobs as own tasks (`worker`);
//! * an idle worker looks only at its heartbeat, its interval strategy can fall asleep: own bell (`bell`);
//! * it asks an empty queue again after each acknowledgement: not where it is known to be empty (`fetch`);
//! * each acknowledgement is a round trip of its own, for which its loop waits: they travel with fetches (`delayed`);
//! * bytes that do not decode end the worker: they reach the handler as they are (`codec`);
//! * 8,000 due envelopes stop all workers: the window is at most [`LARGEST_WINDOW`] (`settings`);
//! * finished envelopes and the names of workers stay for ever: own sweep and burial (`sweep`).

mod bell;
mod codec;
pub(crate) mod connection;
mod delayed;
mod fetch;
mod inspect;
mod push;
mod rights;
pub(crate) mod settings;
mod sweep;
mod together;
mod window;
mod worker;

use std::sync::Arc;
use std::time::Instant;

use apalis_redis::Config;
use async_trait::async_trait;
use futures::future::join_all;
use rolecall_core::job::Lane;
use rolecall_core::ports::{Delivery, DeliveryError, Envelope, EnvelopeHandler, Shutdown};

use self::bell::Wake;
use self::connection::{Connection, patiently};
pub use self::inspect::{RedisFacts, inspect};
pub use self::rights::{Refused, needed, refused};
pub use self::settings::{LARGEST_WINDOW, RedisSettings};
use self::window::Window;
use super::envelope::Desk;
use super::stop::Stop;

/// Envelopes in Redis. For processes that share their work.
#[derive(Debug)]
pub struct RedisDelivery {
    settings: RedisSettings,
    connection: Connection,
    /// By [`Lane::rank`].
    queues: [Config; Lane::ALL.len()],
    /// The same.
    windows: [Window; Lane::ALL.len()],
}

impl RedisDelivery {
    /// Prepares the delivery and asks Redis once, for two seconds at most. A Redis that does not answer is said in the
    /// log and waited for: [`Delivery::ping`] tells, and [`Delivery::run`] begins when it comes.
    ///
    /// # Errors
    /// Settings that can never work: an address that is none, a name with unusable characters, a window too large.
    pub async fn connect(settings: RedisSettings) -> Result<Self, DeliveryError> {
        settings.check()?;
        let connection = Connection::open(&settings.url)?;
        let queues = Lane::ALL.map(|lane| settings.queue(lane));
        let delivery = Self {
            settings,
            connection,
            queues,
            windows: Default::default(),
        };
        match delivery.unfit().await {
            Ok(troubles) => troubles.iter().for_each(|trouble| tracing::warn!("{trouble}")),
            Err(error) => tracing::warn!(%error, "Redis does not answer; going on, and waiting for it"),
        }
        Ok(delivery)
    }

    /// Removes all envelopes of this installation that no worker has in hand; says how many. Their jobs have to be sent
    /// again.
    ///
    /// # Errors
    /// Redis does not answer. Some may be removed by then.
    pub async fn clear(&self) -> Result<u64, DeliveryError> {
        let mut all = 0;
        for queue in &self.queues {
            all += sweep::clear(&self.connection, queue).await?;
        }
        Ok(all)
    }

    fn queue(&self, lane: Lane) -> &Config {
        &self.queues[usize::from(lane.rank())]
    }

    fn known(&self, lane: Lane) -> &Window {
        &self.windows[usize::from(lane.rank())]
    }

    fn left(&self, depth: u64) -> usize {
        let depth = usize::try_from(depth).unwrap_or(usize::MAX);
        self.settings.window.saturating_sub(depth)
    }

    /// Asks Redis.
    async fn ask_depth(&self, lane: Lane) -> Result<u64, DeliveryError> {
        let depth = push::depth(&self.connection, self.queue(lane)).await?;
        self.known(lane).learn(Instant::now(), depth);
        Ok(depth)
    }

    /// Asks Redis only where what is known leaves too little room.
    async fn room_for(&self, lane: Lane, wanted: usize) -> Result<usize, DeliveryError> {
        let known = self.known(lane).depth(Instant::now());
        match known.map(|depth| self.left(depth)) {
            Some(room) if room >= wanted => Ok(room),
            _ => Ok(self.left(self.ask_depth(lane).await?)),
        }
    }
}

#[async_trait]
impl Delivery for RedisDelivery {
    async fn push(&self, lane: Lane, batch: &[Envelope]) -> Result<usize, DeliveryError> {
        let queue = self.queue(lane);
        if batch.is_empty() {
            return Ok(0);
        }
        patiently(async {
            let room = self.room_for(lane, batch.len()).await?;
            let batch = &batch[..batch.len().min(room)];
            self.known(lane).add(batch.len());
            let pushed = push::push(&self.connection, queue, batch).await?;
            if let Some(depth) = pushed.depth {
                self.known(lane).learn(Instant::now(), depth);
            }
            Ok(pushed.taken)
        })
        .await
    }

    async fn depth(&self, lane: Lane) -> Result<u64, DeliveryError> {
        patiently(async {
            let depth = self.ask_depth(lane).await?;
            if depth >= self.settings.window as u64 {
                // It may be full because nobody can take from it: a Redis that cannot be written to still tells depths.
                push::try_writing(&self.connection, self.queue(lane)).await?;
            }
            Ok(depth)
        })
        .await
    }

    async fn room(&self, lane: Lane) -> Result<usize, DeliveryError> {
        // A quarter of the window is as good as room for all; less is worth a question.
        patiently(self.room_for(lane, self.settings.window.div_ceil(4))).await
    }

    fn window(&self) -> usize {
        self.settings.window
    }

    async fn ping(&self) -> Result<(), DeliveryError> {
        patiently(self.connection.ping()).await
    }

    async fn unfit(&self) -> Result<Vec<String>, DeliveryError> {
        patiently(async {
            match inspect::facts(&mut self.connection.handle()).await {
                Ok(facts) => Ok(facts.map(|f| f.troubles()).unwrap_or_default()),
                Err(error) => Err(self.connection.failed(error).await),
            }
        })
        .await
    }

    async fn run(self: Arc<Self>, handler: Arc<dyn EnvelopeHandler>, shutdown: Shutdown) {
        let (desk, stop) = (Desk::new(handler), Stop::new(self.settings.grace));
        let wakes = Lane::ALL.map(|_| Wake::default());
        let bells = Lane::ALL.map(|lane| {
            (
                bell::channel(self.queue(lane)),
                wakes[usize::from(lane.rank())].clone(),
            )
        });
        let workers = join_all(Lane::ALL.iter().zip(&wakes).map(|(&lane, wake)| {
            let desk = desk.clone();
            worker::supervise(&self.connection, &self.settings, lane, wake, desk, &stop)
        }));
        tokio::join!(
            stop.follow(shutdown),
            bell::listen(self.connection.client(), bells.to_vec(), &stop),
            sweep::tidy(&self.connection, &self.queues, &stop),
            workers,
        );
        sweep::tidy_last(&self.connection, &self.queues).await;
        stop.last_jobs(&desk).await;
    }
}
