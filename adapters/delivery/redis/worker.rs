//! The worker of one lane, started again whenever Redis ends it.

use std::time::{Duration, Instant};

use apalis::layers::WorkerBuilderExt;
use apalis::prelude::{BackendExt, Data, WorkerBuilder, WorkerContext};
use apalis_redis::RedisStorage;
use futures::FutureExt;
use rolecall_core::job::Lane;
use rolecall_core::quiet::Quiet;
use tokio::time::timeout;
use uuid::Uuid;

use super::bell::{Bell, Wake};
use super::codec::Raw;
use super::connection::Connection;
use super::delayed::Delayed;
use super::fetch::Fetching;
use super::settings::RedisSettings;
use super::sweep::bury;
use crate::delivery::envelope::{Desk, decode};
use crate::delivery::stop::Stop;
use crate::metered::table::DELIVERY_RESTARTS;

/// A worker that lived this long was well; the next pause is short again.
const WELL: Duration = Duration::from_secs(10);
/// How long the burial of a worker may take.
const BURIAL: Duration = Duration::from_secs(1);

/// Keeps one worker alive until the stop.
pub(super) async fn supervise(
    connection: &Connection,
    settings: &RedisSettings,
    lane: Lane,
    wake: &Wake,
    desk: Desk,
    stop: &Stop,
) {
    let (queue, mut failures, mut quiet) = (settings.queue(lane), 0, Quiet::default());
    while !stop.is_called() {
        // A name of its own for each start: apalis does not forget a name when its worker ends.
        let context = WorkerContext::new(&format!("{}-{}", settings.instance, Uuid::now_v7().simple()));
        let delayed = Delayed::default();
        let fetching = Fetching::new(connection.handle(), queue.clone(), wake.clone(), delayed.clone());
        let backend = RedisStorage::<Vec<u8>, _>::new(fetching)
            .with_config(queue.clone())
            .with_codec(Raw)
            .poll_with_strategy(Bell::new(wake.clone()));
        let worker = WorkerBuilder::new(context.clone())
            .backend(backend)
            .data(desk.clone())
            .concurrency(settings.slots.of(lane))
            .build(handle);
        let began = Instant::now();
        let end = stop.attend(&context, worker.run().boxed()).await;
        let burial = async {
            delayed.send(&mut connection.handle()).await;
            if let Err(error) = bury(&mut connection.handle(), &queue, &context).await {
                connection.failed(error).await;
            }
        };
        if timeout(BURIAL, burial).await.is_err() {
            tracing::debug!(
                queue = lane.as_str(),
                "a worker could not be buried; its name is forgotten later"
            );
        }
        let Some(end) = end else { return };
        DELIVERY_RESTARTS.inc(&[lane.as_str()]);
        failures = if began.elapsed() > WELL { 0 } else { failures + 1 };
        let pause = pause(failures, fastrand::f64());
        if let Some(held_back) = quiet.may_speak(Instant::now()) {
            tracing::warn!(
                queue = lane.as_str(),
                end,
                ?pause,
                held_back,
                "a worker ended, starting another"
            );
        }
        stop.within(pause).await;
    }
}

/// Before the next start: 50 ms, doubling up to 2 s, of which half is left to chance.
fn pause(failures: u32, chance: f64) -> Duration {
    let longest = Duration::from_millis(50 << failures.min(6)).min(Duration::from_secs(2));
    longest.mul_f64(0.5 + chance / 2.0)
}

/// Cannot fail, so that apalis never tries again: what does not decode is acknowledged too.
async fn handle(bytes: Vec<u8>, desk: Data<Desk>) {
    match decode(&bytes) {
        Ok(envelope) => desk.hand_over(envelope).await,
        Err(error) => tracing::error!(%error, size = bytes.len(), "dropped an envelope that cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_two_seconds_and_keep_half_of_their_length() {
        assert_eq!(pause(0, 0.0), Duration::from_millis(25));
        assert_eq!(pause(1, 1.0), Duration::from_millis(100));
        assert_eq!(pause(40, 1.0), Duration::from_secs(2));
    }
}
