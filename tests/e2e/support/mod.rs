//! What the tests have in common.

pub(crate) mod browser;
pub(crate) mod chromium;
pub(crate) mod collector;
pub(crate) mod disk;
pub(crate) mod frontend;
pub(crate) mod http;
pub(crate) mod metrics;
pub(crate) mod process;
pub(crate) mod seeded;
pub(crate) mod servers;
pub(crate) mod setup;
pub(crate) mod world;

use std::future::Future;
use std::time::{Duration, Instant};

/// Waits until `look` finds something. Fails with `what` after `patience`, which is far more than a slow machine needs.
pub(crate) async fn wait_for<T, F>(what: &str, patience: Duration, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < patience, "waited {patience:?} for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A port for a server of the test.
pub(crate) fn free_port() -> u16 {
    rolecall_simulator::ports::free_port().unwrap()
}
