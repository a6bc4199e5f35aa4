//! Each event from the act that it tells of to the message that is received: with the real kernel, a real store, a little
//! Discord and a real receiver. Whoever looks, and however often, each is told once.

mod causes;
mod channels;
mod endpoints;
mod lanes;
mod processes;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_core::cause::Cause;
use rolecall_core::job::Job as Record;
use rolecall_core::ports::{Clock, JobFilter};
use rolecall_core::webhook::{Endpoint, Sink};
use rolecall_jobs::deliver_webhook::DeliverWebhook;
use rolecall_jobs::kernel::event_watch::EventWatch;
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::registry::Registry;
use rolecall_jobs::kernel::services::Services;
use rolecall_simulator::SimulatorConfig;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::kernel_tests::Workshop;
use crate::receiver::{OPEN, Receiver};
use crate::testing::{World, world_of, world_with};

/// A world in which an endpoint may be on this machine.
async fn open_world(more: &[(&str, &str)]) -> World {
    let all: Vec<(&str, &str)> = OPEN.iter().chain(more).copied().collect();
    world_with(&all).await
}

/// The same with a Discord whose clock runs so much faster.
async fn fast_world(speed: u32) -> World {
    let config = SimulatorConfig {
        speed: f64::from(speed),
        ..SimulatorConfig::default()
    };
    let speed = speed.to_string();
    let all: Vec<(&str, &str)> = OPEN
        .iter()
        .copied()
        .chain([("ROLECALL_SIMULATOR_SPEED", speed.as_str())])
        .collect();
    world_of(config, &all).await
}

/// A clock that tests move on.
#[derive(Clone)]
struct Moved {
    real: Arc<dyn Clock>,
    by_ms: Arc<AtomicU64>,
}

impl Moved {
    fn pass(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap();
        self.by_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        self.real.now() + Duration::from_millis(self.by_ms.load(Ordering::SeqCst))
    }
}

impl World {
    /// The same ports on a clock that can be moved on.
    fn on_a_moved_clock(&self) -> (Moved, Services) {
        let clock = Moved {
            real: Arc::clone(&self.app.services.clock),
            by_ms: Arc::default(),
        };
        let services = Services {
            clock: Arc::new(clock.clone()),
            ..Services::clone(&self.app.services)
        };
        (clock, services)
    }

    /// A receiver that hears of everything, and the secret of its messages.
    async fn receiver(&self, answers: &[u16]) -> (Receiver, Endpoint, String) {
        let (receiver, url) = Receiver::start(answers).await;
        let by = Cause::new("user:ada", "a test").into();
        let made = self
            .app
            .steering
            .add_endpoint(Sink::Webhook { url }, [].into(), String::new(), &by);
        let (endpoint, secret) = made.await.unwrap();
        let secret = secret.unwrap().expose_secret().to_owned();
        (receiver, endpoint, secret)
    }

    /// Two workers look, one of them again after a restart. Each looks by these ports.
    async fn looked_at(&self, services: &Services) {
        for worker in ["worker-1", "worker-2", "worker-1"] {
            let watch = EventWatch {
                services: Arc::new(services.clone()),
                queue: self.app.queue.clone(),
                worker: worker.to_owned(),
            };
            watch.look().await.unwrap();
        }
    }

    /// The events of all stored deliveries, the oldest first.
    async fn told(&self) -> Vec<String> {
        let jobs = self.stored(DeliverWebhook::KIND).await;
        let event = |job: &Record| job.payload["event"].as_str().unwrap().to_owned();
        jobs.iter().map(event).collect()
    }

    /// All jobs of a kind, the oldest first.
    async fn stored(&self, kind: &str) -> Vec<Record> {
        let filter = JobFilter {
            kind: Some(kind.to_owned()),
            ..JobFilter::default()
        };
        let listed = self.app.services.ledger.list(&filter, None, 99).await;
        let mut jobs = listed.unwrap();
        jobs.reverse();
        jobs
    }
}

/// An engine that runs what is delivered, and these kinds besides.
fn at_work(world: World, more: impl FnOnce(&mut Registry)) -> Workshop {
    Workshop::open_in(world, |registry| {
        rolecall_jobs::register(registry);
        more(registry);
    })
}

/// The kinds of received events, in their order.
fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect()
}
