//! What the tests share: a handler that remembers, a worker process, waiting for conditions.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use rolecall_adapters::delivery::Slots;
use rolecall_adapters::delivery::memory::MemoryDelivery;
use rolecall_adapters::delivery::redis::{RedisDelivery, RedisSettings};
use rolecall_core::ids::JobId;
use rolecall_core::job::Lane;
use rolecall_core::ports::{Delivery, Envelope, EnvelopeHandler, Shutdown};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Longer than anything takes, so that a slow machine fails no test.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) const SLOTS: Slots = Slots {
    interactive: 4,
    normal: 4,
    bulk: 4,
};

#[derive(Clone, Copy)]
pub(crate) enum Way {
    Memory,
    Redis,
}

impl Way {
    pub(crate) async fn build(self, window: usize, grace: Duration) -> Arc<dyn Delivery> {
        match self {
            Self::Memory => Arc::new(MemoryDelivery::new(window, SLOTS, grace)),
            Self::Redis => {
                let settings = RedisSettings {
                    window,
                    grace,
                    ..settings(&shared_url())
                };
                build(&settings).await
            }
        }
    }
}

pub(crate) fn shared_url() -> String {
    std::env::var("TEST_REDIS_URL").expect(
        "TEST_REDIS_URL is not set: start a Redis and set it to its address, such as redis://127.0.0.1:6379",
    )
}

/// An installation of its own for each test.
pub(crate) fn settings(url: &str) -> RedisSettings {
    RedisSettings {
        url: url.to_owned(),
        installation: format!("test-{}", Uuid::now_v7().simple()),
        instance: "test".into(),
        window: 1_000,
        slots: SLOTS,
        grace: LONG,
    }
}

pub(crate) async fn client(url: &str) -> MultiplexedConnection {
    redis::Client::open(url)
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap()
}

/// All keys of an installation.
pub(crate) async fn keys(redis: &mut MultiplexedConnection, installation: &str) -> Vec<String> {
    redis::cmd("KEYS")
        .arg(format!("rolecall.{installation}.*"))
        .query_async(redis)
        .await
        .unwrap()
}

/// Waits until an installation has only what its workers have while they live: a name and its metadata for each lane.
pub(crate) async fn only_workers_are_left(redis: &mut MultiplexedConnection, installation: &str) {
    until("only the workers are left", async || {
        keys(redis, installation).await.len() <= 6
    })
    .await;
}

pub(crate) fn envelope() -> Envelope {
    of_kind("plain")
}

pub(crate) fn of_kind(kind: &str) -> Envelope {
    Envelope {
        job_id: JobId(Uuid::now_v7()),
        kind: kind.into(),
    }
}

pub(crate) fn envelopes(n: usize) -> Vec<Envelope> {
    (0..n).map(|_| envelope()).collect()
}

/// Remembers what it was given. Kind `panic` panics; kind `hold` waits until the gate opens.
pub(crate) struct Recorder {
    started: Mutex<Vec<JobId>>,
    finished: AtomicUsize,
    gate: Semaphore,
}

impl Recorder {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            started: Mutex::default(),
            finished: AtomicUsize::new(0),
            gate: Semaphore::new(0),
        })
    }

    pub(crate) fn started(&self) -> Vec<JobId> {
        self.started.lock().unwrap().clone()
    }

    pub(crate) fn has(&self, envelope: &Envelope) -> bool {
        self.started.lock().unwrap().contains(&envelope.job_id)
    }

    pub(crate) fn finished(&self) -> usize {
        self.finished.load(Ordering::SeqCst)
    }

    pub(crate) fn open_gate(&self) {
        self.gate.close();
    }
}

#[async_trait]
impl EnvelopeHandler for Recorder {
    async fn handle(&self, envelope: Envelope) {
        self.started.lock().unwrap().push(envelope.job_id);
        match envelope.kind.as_str() {
            "panic" => panic!("on purpose"),
            "hold" => drop(self.gate.acquire().await), // an error means: open
            _ => {}
        }
        self.finished.fetch_add(1, Ordering::SeqCst);
    }
}

/// A worker process: runs until told to stop, or dropped.
pub(crate) struct Worker {
    token: CancellationToken,
    task: JoinHandle<()>,
}

impl Worker {
    pub(crate) fn start(delivery: &Arc<dyn Delivery>, handler: &Arc<Recorder>) -> Self {
        let (token, delivery, handler) = (
            CancellationToken::new(),
            Arc::clone(delivery),
            Arc::clone(handler),
        );
        let told = token.clone();
        let shutdown = Shutdown::new(move || told.clone().cancelled_owned());
        let task = tokio::spawn(async move { delivery.run(handler, shutdown).await });
        Self { token, task }
    }

    pub(crate) fn tell_to_stop(&self) {
        self.token.cancel();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Stops when nothing waits any more, so that nothing is left on a shared server.
    pub(crate) async fn stop_when_empty(self, delivery: &Arc<dyn Delivery>) {
        for lane in Lane::ALL {
            until("the lane is empty", async || delivery.depth(lane).await == Ok(0)).await;
        }
        self.stop().await;
    }

    pub(crate) async fn stop(mut self) {
        self.token.cancel();
        tokio::time::timeout(LONG, &mut self.task)
            .await
            .expect("the worker stops")
            .unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits until the condition holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        tokio::time::timeout(LONG, wait).await.is_ok(),
        "waited in vain until {what}"
    );
}

/// Pushes again and again, as the relay does, until a handler has one that was pushed after the call.
pub(crate) async fn until_it_works_again(delivery: &Arc<dyn Delivery>, handler: &Arc<Recorder>) {
    let mut pushed = Vec::new();
    until("a new envelope arrives", async || {
        let next = envelope();
        if delivery.push(Lane::Normal, std::slice::from_ref(&next)).await == Ok(1) {
            pushed.push(next);
        }
        pushed.iter().any(|sent| handler.has(sent))
    })
    .await;
}

/// A delivery with these settings.
pub(crate) async fn build(settings: &RedisSettings) -> Arc<dyn Delivery> {
    Arc::new(RedisDelivery::connect(settings.clone()).await.unwrap())
}
