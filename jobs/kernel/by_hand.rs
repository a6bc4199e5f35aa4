//! Work without the delivery: when envelopes cannot be sent, each worker takes a few due jobs from the ledger itself.
//!
//! The ledger's claim keeps workers apart, so this is safe beside a delivery that works only for some, or only at times.
//! It is slow on purpose: it has to keep things moving while Redis is away, and leaves the rest for its return.

use std::sync::Arc;

use rolecall_core::ports::{Envelope, EnvelopeHandler};
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;

/// Jobs that one process works at in this way at the same time, of all lanes together.
const AT_ONCE: usize = 8;

/// Hands due jobs to the handler of this process. Cheap to clone.
#[derive(Clone)]
pub struct ByHand {
    handler: Arc<dyn EnvelopeHandler>,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    drains: watch::Receiver<bool>,
}

impl ByHand {
    /// Its jobs are tasks of `tasks`, so that a stop waits for them. It takes none while the process `drains`.
    pub fn new(handler: Arc<dyn EnvelopeHandler>, tasks: TaskTracker, drains: watch::Receiver<bool>) -> Self {
        Self {
            handler,
            places: Arc::new(Semaphore::new(AT_ONCE)),
            tasks,
            drains,
        }
    }

    /// How many more jobs it would take now.
    pub fn room(&self) -> usize {
        if *self.drains.borrow() {
            return 0;
        }
        self.places.available_permits()
    }

    /// Begins with these, from the front; says how many were taken.
    pub fn take(&self, batch: Vec<Envelope>) -> usize {
        let mut taken = 0;
        for envelope in batch.into_iter().take(self.room()) {
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                break;
            };
            let handler = Arc::clone(&self.handler);
            self.tasks.spawn(async move {
                handler.handle(envelope).await;
                drop(place);
            });
            taken += 1;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use rolecall_core::JobId;
    use uuid::Uuid;

    use super::*;

    #[derive(Default)]
    struct Slow {
        begun: AtomicUsize,
        go_on: tokio::sync::Notify,
    }

    #[async_trait]
    impl EnvelopeHandler for Slow {
        async fn handle(&self, _: Envelope) {
            self.begun.fetch_add(1, Ordering::SeqCst);
            self.go_on.notified().await;
        }
    }

    fn batch(n: usize) -> Vec<Envelope> {
        let envelope = || Envelope {
            job_id: JobId(Uuid::now_v7()),
            kind: "add_role".into(),
        };
        (0..n).map(|_| envelope()).collect()
    }

    #[tokio::test]
    async fn a_few_jobs_at_once_and_the_next_when_one_of_them_ended() {
        let (handler, tasks) = (Arc::new(Slow::default()), TaskTracker::new());
        let drains = watch::Sender::new(false);
        let by_hand = ByHand::new(Arc::clone(&handler) as _, tasks.clone(), drains.subscribe());
        assert_eq!(by_hand.take(batch(AT_ONCE + 5)), AT_ONCE);
        assert_eq!((by_hand.room(), by_hand.take(batch(1))), (0, 0));
        handler.go_on.notify_one();
        while by_hand.room() == 0 {
            tokio::task::yield_now().await;
        }
        drains.send_replace(true);
        assert_eq!((by_hand.room(), by_hand.take(batch(1))), (0, 0));
        drains.send_replace(false);
        assert_eq!(by_hand.take(batch(2)), 1);
        tasks.close();
        while handler.begun.load(Ordering::SeqCst) < AT_ONCE + 1 || !tasks.is_empty() {
            handler.go_on.notify_waiters();
            tokio::task::yield_now().await;
        }
    }
}
