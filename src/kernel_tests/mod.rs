//! The kernel at work in this process: an engine with kinds made for tests, over the embedded store and channels.

mod bulk;
mod canaries;
mod contained;
mod costs;
mod drains;
mod ends;
mod kinds;
mod lanes;
mod versions;

use std::sync::Arc;
use std::time::Duration;

use rolecall_adapters::delivery::Slots;
use rolecall_adapters::delivery::memory::MemoryDelivery;
use rolecall_core::JobId;
use rolecall_core::cause::Cause;
use rolecall_core::job::{Job as Record, JobState, NewJob};
use rolecall_core::ports::{Delivery, JobFilter};
use rolecall_core::worker::{Process, Role};
use rolecall_jobs::kernel::engine::Engine;
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::presence::Presence;
use rolecall_jobs::kernel::queue::{Enqueue, Queue};
use rolecall_jobs::kernel::registry::Registry;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cli::version;
use crate::testing::{World, world};

/// Few, so that they are soon taken.
const SLOTS: Slots = Slots {
    interactive: 2,
    normal: 4,
    bulk: 4,
};

/// Between two beats.
const PACE: Duration = Duration::from_millis(50);
/// The engine's name.
pub(crate) const WORKER: &str = "worker-of-this-test";

/// A store, and an engine that works on it.
pub(crate) struct Workshop {
    pub(crate) world: World,
    pub(crate) queue: Queue,
    stop: CancellationToken,
    /// Cancelled when the process is ordered to end.
    pub(crate) asked_to_end: CancellationToken,
    engine: Option<JoinHandle<()>>,
}

impl Workshop {
    /// An empty store at which nobody works yet.
    pub(crate) async fn closed() -> Self {
        Self::closed_in(world().await)
    }

    /// The same in a world that is there.
    pub(crate) fn closed_in(world: World) -> Self {
        let services = &world.app.services;
        let queue = Queue::new(Arc::clone(&services.ledger), None, Arc::clone(&services.clock));
        Self {
            world,
            queue,
            stop: CancellationToken::new(),
            asked_to_end: CancellationToken::new(),
            engine: None,
        }
    }

    /// The same, with an engine that knows these kinds.
    pub(crate) async fn open(kinds: impl FnOnce(&mut Registry)) -> Self {
        Self::open_in(world().await, kinds)
    }

    /// The same in a world that is there.
    pub(crate) fn open_in(world: World, kinds: impl FnOnce(&mut Registry)) -> Self {
        let mut workshop = Self::closed_in(world);
        let mut registry = Registry::default();
        kinds(&mut registry);
        let services = Arc::clone(&workshop.world.app.services);
        let grace = Duration::from_secs(5);
        let delivery: Arc<dyn Delivery> = Arc::new(MemoryDelivery::new(16, SLOTS, grace));
        workshop.queue = Queue::new(
            Arc::clone(&services.ledger),
            Some(Arc::clone(&delivery)),
            Arc::clone(&services.clock),
        );
        let process = Process {
            id: WORKER.to_owned(),
            release: version().to_owned(),
            host: "here".to_owned(),
            pid: std::process::id(),
            roles: vec![Role::Worker],
            slots: 10,
            started_at: services.clock.now(),
        };
        let presence = Presence::with_pace(process, PACE);
        let over = workshop.stop.clone();
        presence
            .start(Arc::clone(&services), workshop.asked_to_end.clone(), over)
            .unwrap();
        let engine = Engine {
            services,
            queue: workshop.queue.clone(),
            delivery,
            registry: Arc::new(registry),
            worker: WORKER.to_owned(),
            presence,
            grace,
        };
        let stop = workshop.stop.clone();
        workshop.engine = Some(tokio::spawn(async move { engine.run(stop).await.unwrap() }));
        workshop
    }

    /// Stores a job as it is.
    pub(crate) async fn store(&self, job: Enqueue) -> JobId {
        let id = job.0.id;
        self.queue.insert(vec![job]).await.unwrap();
        id
    }

    /// Stores a job of this kind.
    pub(crate) async fn begin<J: Job>(&self, job: &J) -> JobId {
        self.store(new(job)).await
    }

    pub(crate) async fn job(&self, id: JobId) -> Record {
        let job = self.world.app.services.ledger.get(id).await.unwrap();
        job.expect("a stored job")
    }

    /// Waits until a job is so.
    pub(crate) async fn until(&self, id: JobId, what: &str, is_so: impl Fn(&Record) -> bool) -> Record {
        let waited = tokio::time::timeout(Duration::from_secs(60), async {
            loop {
                let job = self.job(id).await;
                if is_so(&job) {
                    return job;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        match waited.await {
            Ok(job) => job,
            Err(_) => panic!("waited in vain for {what}: {:?}", self.job(id).await),
        }
    }

    pub(crate) async fn ended(&self, id: JobId) -> Record {
        self.until(id, "its end", |job| job.state.is_final()).await
    }

    /// How many jobs of a kind are in this state.
    pub(crate) async fn count(&self, kind: &str, state: JobState) -> u64 {
        let filter = JobFilter {
            kind: Some(kind.to_owned()),
            ..JobFilter::default()
        };
        let counts = self.world.app.services.ledger.counts(&filter).await.unwrap();
        counts.iter().find(|(s, _)| *s == state).map_or(0, |(_, n)| *n)
    }

    /// Stops the engine, and waits until it has.
    pub(crate) async fn close(mut self) {
        self.stop.cancel();
        if let Some(engine) = self.engine.take() {
            engine.await.unwrap();
        }
    }
}

/// A job of this kind, due now.
pub(crate) fn new<J: Job>(job: &J) -> Enqueue {
    Enqueue::new(job, Cause::new("demo", "a test"))
}

/// With another name, version or payload than its own.
pub(crate) fn forged(job: Enqueue, change: impl FnOnce(&mut NewJob)) -> Enqueue {
    let mut job = job;
    change(&mut job.0);
    job
}
