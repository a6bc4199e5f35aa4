//! Delivery inside one process: a bounded channel for each lane, under the same apalis worker.
//!
//! The channel is tokio's, since apalis' own memory backend is unbounded, tells no depth, and its shared sink panics
//! with several pushers. What waits is lost with the process; the relay sends it again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use apalis::layers::WorkerBuilderExt;
use apalis::prelude::{Data, WorkerBuilder, WorkerContext};
use async_trait::async_trait;
use futures::future::join_all;
use futures::{FutureExt, StreamExt, stream};
use rolecall_core::job::Lane;
use rolecall_core::ports::{Delivery, DeliveryError, Envelope, EnvelopeHandler, Shutdown};
use tokio::sync::{Mutex, mpsc};

use super::Slots;
use super::envelope::Desk;
use super::stop::Stop;

/// One lane's channel. The receiver is shared because a worker that ended is followed by another.
#[derive(Debug)]
struct Channel {
    sender: mpsc::Sender<Envelope>,
    receiver: Arc<Mutex<mpsc::Receiver<Envelope>>>,
}

/// Envelopes in bounded channels. For a process that does everything itself.
#[derive(Debug)]
pub struct MemoryDelivery {
    lanes: [Channel; Lane::ALL.len()],
    window: usize,
    slots: Slots,
    grace: Duration,
}

impl MemoryDelivery {
    /// `window`: how many envelopes may wait in a lane (at least 1). `grace`: how long a stop waits for jobs in hand.
    pub fn new(window: usize, slots: Slots, grace: Duration) -> Self {
        let window = window.max(1);
        let lanes = Lane::ALL.map(|_| {
            let (sender, receiver) = mpsc::channel(window);
            Channel {
                sender,
                receiver: Arc::new(Mutex::new(receiver)),
            }
        });
        Self {
            lanes,
            window,
            slots,
            grace,
        }
    }

    fn channel(&self, lane: Lane) -> &Channel {
        &self.lanes[usize::from(lane.rank())]
    }

    async fn work(&self, lane: Lane, desk: Desk, stop: Stop) {
        while !stop.is_called() {
            let receiver = Arc::clone(&self.channel(lane).receiver);
            let backend = stream::unfold(receiver, |receiver| async move {
                let envelope = receiver.lock().await.recv().await?;
                Some((Ok::<_, Infallible>(envelope), receiver))
            });
            let context = WorkerContext::new(lane.as_str());
            let worker = WorkerBuilder::new(context.clone())
                .backend(backend.boxed())
                .data(desk.clone())
                .concurrency(self.slots.of(lane))
                .build(handle);
            if let Some(end) = stop.attend(&context, worker.run().boxed()).await {
                tracing::warn!(queue = lane.as_str(), end, "a worker ended, starting another");
                stop.within(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn handle(envelope: Envelope, desk: Data<Desk>) {
    desk.hand_over(envelope).await;
}

#[async_trait]
impl Delivery for MemoryDelivery {
    async fn push(&self, lane: Lane, batch: &[Envelope]) -> Result<usize, DeliveryError> {
        let sender = &self.channel(lane).sender;
        Ok(batch
            .iter()
            .take_while(|envelope| sender.try_send((*envelope).clone()).is_ok())
            .count())
    }

    async fn depth(&self, lane: Lane) -> Result<u64, DeliveryError> {
        let sender = &self.channel(lane).sender;
        Ok((sender.max_capacity() - sender.capacity()) as u64)
    }

    async fn room(&self, lane: Lane) -> Result<usize, DeliveryError> {
        Ok(self.channel(lane).sender.capacity())
    }

    fn window(&self) -> usize {
        self.window
    }

    async fn ping(&self) -> Result<(), DeliveryError> {
        Ok(())
    }

    async fn run(self: Arc<Self>, handler: Arc<dyn EnvelopeHandler>, shutdown: Shutdown) {
        let (desk, stop) = (Desk::new(handler), Stop::new(self.grace));
        let workers = join_all(Lane::ALL.map(|lane| self.work(lane, desk.clone(), stop.clone())));
        tokio::join!(stop.follow(shutdown), workers);
        stop.last_jobs(&desk).await;
    }
}
