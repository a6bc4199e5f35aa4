//! What a process tells of itself every five seconds, and what it is told in return: from a thread of its own, so that a
//! busy process is not taken for a lost one.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rolecall_core::Timestamp;
use rolecall_core::quiet::Quiet;
use rolecall_core::worker::{Beat, Drain, Process, Role};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::heartbeat::{Heartbeat, RENEW_EVERY};
use super::meter::Meter;
use super::patience::{RENEWAL, within};
use super::services::Services;

/// What was counted is handed over with every so many beats.
const HAND_OVER_EVERY: u32 = 2;
/// How long the last beat may take: the process is ending.
const LAST: Duration = Duration::from_secs(2);

/// What a process knows of itself. Cheap to clone.
#[derive(Clone)]
pub struct Presence {
    inner: Arc<Inner>,
}

struct Inner {
    process: Process,
    pace: Duration,
    heartbeat: Heartbeat,
    meter: Meter,
    draining: watch::Sender<bool>,
    /// No job is taken: nobody works here, or the delivery has ended because of the order.
    quiet: AtomicBool,
}

impl Presence {
    /// Nothing is told before [`Self::start`].
    pub fn new(process: Process) -> Self {
        Self::with_pace(process, RENEW_EVERY)
    }

    /// The same with another time between two beats, for tests that wait for one.
    pub fn with_pace(process: Process, pace: Duration) -> Self {
        let quiet = !process.roles.contains(&Role::Worker);
        Self {
            inner: Arc::new(Inner {
                process,
                pace,
                heartbeat: Heartbeat::default(),
                meter: Meter::default(),
                draining: watch::Sender::new(false),
                quiet: AtomicBool::new(quiet),
            }),
        }
    }

    /// The leases of this process.
    pub fn heartbeat(&self) -> &Heartbeat {
        &self.inner.heartbeat
    }

    /// Where the ends of its jobs are counted.
    pub fn meter(&self) -> &Meter {
        &self.inner.meter
    }

    /// Whether it is ordered to take no jobs.
    pub(super) fn draining(&self) -> watch::Receiver<bool> {
        self.inner.draining.subscribe()
    }

    /// Notes whether jobs are taken.
    pub(super) fn takes_jobs(&self, takes: bool) {
        self.inner.quiet.store(!takes, Ordering::SeqCst);
    }

    /// Beats until `over`, and once more then. `exit` is cancelled when it is ordered to end, and runs nothing.
    ///
    /// # Errors
    /// If the thread or its runtime cannot be made.
    pub fn start(
        &self,
        services: Arc<Services>,
        exit: CancellationToken,
        over: CancellationToken,
    ) -> std::io::Result<std::thread::JoinHandle<()>> {
        let teller = Teller {
            me: self.clone(),
            services,
            exit,
            skew_ms: None,
            ordered: None,
            quiet: Quiet::default(),
        };
        apart("presence", teller.tell(over))
    }
}

/// Does this in a thread with a runtime of its own, which nothing else can starve.
///
/// # Errors
/// If the thread or its runtime cannot be made.
pub(super) fn apart(
    name: &str,
    work: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || runtime.block_on(work))
}

struct Teller {
    me: Presence,
    services: Arc<Services>,
    exit: CancellationToken,
    skew_ms: Option<i64>,
    ordered: Option<Drain>,
    quiet: Quiet,
}

impl Teller {
    async fn tell(mut self, over: CancellationToken) {
        let mut every = tokio::time::interval(self.me.inner.pace);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut beats = 0_u32;
        loop {
            tokio::select! {
                () = over.cancelled() => break,
                _ = every.tick() => {}
            }
            self.beat(false).await;
            beats = beats.wrapping_add(1);
            if beats.is_multiple_of(HAND_OVER_EVERY) {
                self.hand_over().await;
            }
        }
        let last = async {
            self.hand_over().await;
            self.beat(true).await;
        };
        if tokio::time::timeout(LAST, last).await.is_err() {
            tracing::debug!("The last beat was not taken in time; this process will be shown as lost");
        }
    }

    async fn hand_over(&mut self) {
        let store = Arc::clone(&self.services.job_minutes);
        if let Err(error) = self.me.meter().hand_over(store.as_ref()).await
            && let Some(held_back) = self.quiet.may_speak(Instant::now())
        {
            tracing::warn!(%error, held_back, "Could not store how many jobs ended; trying again");
        }
    }

    async fn beat(&mut self, stopped: bool) {
        let inner = &self.me.inner;
        let running = inner.heartbeat.len();
        let beat = Beat {
            running: u32::try_from(running).unwrap_or(u32::MAX),
            drains: self.ordered.is_some() && inner.quiet.load(Ordering::SeqCst),
            skew_ms: self.skew_ms,
            stopped,
        };
        let before = self.services.clock.now();
        let told = self.services.workers.beat(&inner.process, &beat);
        let heard = match within(RENEWAL, told).await {
            Ok(heard) => heard,
            Err(error) => {
                if let Some(held_back) = self.quiet.may_speak(Instant::now()) {
                    tracing::warn!(%error, held_back, "Could not tell that this process lives; trying again");
                }
                return;
            }
        };
        // The store looked at its clock somewhere between asking and being answered.
        let after = self.services.clock.now();
        let middle = Timestamp(before.0.midpoint(after.0));
        self.skew_ms = Some(middle.millis_since(heard.now));
        self.obey(heard.drain);
        if beat.drains && running == 0 && self.ordered.as_ref().is_some_and(|drain| drain.exit) {
            tracing::info!("This process runs nothing any more and ends, as it was ordered");
            self.exit.cancel();
        }
    }

    fn obey(&mut self, drain: Option<Drain>) {
        match (&self.ordered, &drain) {
            (None, Some(order)) => {
                tracing::info!(
                    by = order.by,
                    exit = order.exit,
                    "Taking no more jobs, as {} ordered",
                    order.by
                );
            }
            (Some(_), None) => tracing::info!("Taking jobs again"),
            _ => {}
        }
        self.me.inner.draining.send_if_modified(|now| {
            let changed = *now != drain.is_some();
            *now = drain.is_some();
            changed
        });
        self.ordered = drain;
    }
}
