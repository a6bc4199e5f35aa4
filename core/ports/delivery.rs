//! The way from the relay to a worker.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::ids::JobId;
use crate::job::Lane;

/// A hint that a job is due. It names the job and nothing else; the ledger is the truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The job.
    pub job_id: JobId,
    /// Its kind, for people who look into the delivery.
    pub kind: String,
}

/// Takes envelopes from the delivery.
#[async_trait]
pub trait EnvelopeHandler: Send + Sync + 'static {
    /// Claims in the ledger, runs, settles. Never fails towards the delivery; an envelope is always acknowledged.
    async fn handle(&self, envelope: Envelope);
}

/// Resolves when the process should stop. Cloned freely.
pub type Shutdown = futures_shutdown::Shutdown;

/// A shutdown signal without a runtime: a future that resolves once.
mod futures_shutdown {
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Arc;

    /// See [`super::Shutdown`].
    #[derive(Clone)]
    pub struct Shutdown(Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>);

    impl Shutdown {
        /// From a function that gives a fresh waiting future (tokio-util: `token.cancelled_owned()`).
        pub fn new<F>(wait: impl Fn() -> F + Send + Sync + 'static) -> Self
        where
            F: Future<Output = ()> + Send + 'static,
        {
            Self(Arc::new(move || Box::pin(wait())))
        }

        /// Waits until the process should stop.
        pub fn wait(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            (self.0)()
        }
    }

    impl std::fmt::Debug for Shutdown {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Shutdown")
        }
    }
}

/// Why an envelope could not be handed over. The relay sends it later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the delivery did not answer: {0}")]
pub struct DeliveryError(pub String);

/// Hands envelopes to workers. Losing, doubling or reordering them harms nobody.
#[async_trait]
pub trait Delivery: Send + Sync + 'static {
    /// Hands over from the front, as many as the window of the lane has room for; says how many were taken.
    async fn push(&self, lane: Lane, batch: &[Envelope]) -> Result<usize, DeliveryError>;

    /// Handed over, and not yet in a handler's hands.
    async fn depth(&self, lane: Lane) -> Result<u64, DeliveryError>;

    /// How many may be handed over now, as far as is known; others may be quicker.
    async fn room(&self, lane: Lane) -> Result<usize, DeliveryError> {
        let depth = usize::try_from(self.depth(lane).await?).unwrap_or(usize::MAX);
        Ok(self.window().saturating_sub(depth))
    }

    /// How many may wait in a lane.
    fn window(&self) -> usize;

    /// Whether the delivery answers.
    async fn ping(&self) -> Result<(), DeliveryError>;

    /// What makes it unfit although it answers: sentences that say what is wrong and what to do. They name no host and no
    /// secret, for anybody may ask. Empty if all is well, or if it does not tell.
    async fn unfit(&self) -> Result<Vec<String>, DeliveryError> {
        Ok(Vec::new())
    }

    /// Works for all lanes until `shutdown`, whatever breaks meanwhile; returns when what is in hand is over, or the
    /// grace is.
    async fn run(self: Arc<Self>, handler: Arc<dyn EnvelopeHandler>, shutdown: Shutdown);
}
