//! Keeps leases alive, from a thread of its own that a busy job cannot starve.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rolecall_core::JobId;
use rolecall_core::ports::{Ledger, Renewed};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fault::{self, Mechanism};

/// A lease lasts this long, by the store's clock.
pub const LEASE: Duration = Duration::from_secs(15);
/// It is renewed this often.
pub const RENEW_EVERY: Duration = Duration::from_secs(5);

/// What a running job knows of its lease.
#[derive(Clone)]
pub struct LeaseWatch {
    until: watch::Receiver<Instant>,
    lost: CancellationToken,
    cancelled: CancellationToken,
}

impl LeaseWatch {
    /// What is left of it, by this process's monotonic clock: counted from before the claim or renewal was sent, so
    /// it is never over-estimated.
    pub fn left(&self) -> Duration {
        self.until.borrow().saturating_duration_since(Instant::now())
    }

    /// Whether somebody asked to cancel the job; known within one renewal.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_cancelled()
    }

    /// Resolves when somebody else holds the job.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

struct Held {
    fence: i64,
    /// The job is being settled: that its lease cannot be renewed then is no loss.
    settling: bool,
    until: watch::Sender<Instant>,
    lost: CancellationToken,
    cancelled: CancellationToken,
}

/// The leases that this process holds. Cheap to clone.
#[derive(Clone, Default)]
pub struct Heartbeat {
    held: Arc<Mutex<HashMap<JobId, Held>>>,
}

/// Gives the entry back on every way out.
pub struct HeldLease {
    heartbeat: Heartbeat,
    id: JobId,
    fence: i64,
}

impl HeldLease {
    /// The job has ended, and its settlement is about to be written.
    pub fn settling(&self) {
        let mut held = self.heartbeat.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = held.get_mut(&self.id).filter(|h| h.fence == self.fence) {
            entry.settling = true;
        }
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        let mut held = self.heartbeat.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.get(&self.id).is_some_and(|h| h.fence == self.fence) {
            held.remove(&self.id);
        }
    }
}

impl Heartbeat {
    /// Takes a fresh claim under care. `claimed_before`: taken before the claim was sent.
    pub fn hold(&self, id: JobId, fence: i64, claimed_before: Instant) -> (HeldLease, LeaseWatch) {
        let (until, watched) = watch::channel(claimed_before + LEASE);
        let (lost, cancelled) = (CancellationToken::new(), CancellationToken::new());
        let watch = LeaseWatch {
            until: watched,
            lost: lost.clone(),
            cancelled: cancelled.clone(),
        };
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(
            id,
            Held {
                fence,
                settling: false,
                until,
                lost,
                cancelled,
            },
        );
        (
            HeldLease {
                heartbeat: self.clone(),
                id,
                fence,
            },
            watch,
        )
    }

    /// How many leases are held.
    pub fn len(&self) -> usize {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Renews all leases every five seconds until `stop`, in a thread with a runtime of its own.
    ///
    /// # Errors
    /// If the thread or its runtime cannot be made.
    pub fn start(
        &self,
        ledger: Arc<dyn Ledger>,
        worker: String,
        stop: CancellationToken,
    ) -> std::io::Result<std::thread::JoinHandle<()>> {
        let heartbeat = self.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("heartbeat".into())
            .spawn(move || {
                runtime.block_on(async move {
                    let mut every = tokio::time::interval(RENEW_EVERY);
                    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                    loop {
                        tokio::select! {
                            () = stop.cancelled() => return,
                            _ = every.tick() => heartbeat.renew(ledger.as_ref(), &worker).await,
                        }
                    }
                });
            })
    }

    async fn renew(&self, ledger: &dyn Ledger, worker: &str) {
        let asked: Vec<(JobId, i64)> = {
            let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.iter().map(|(id, h)| (*id, h.fence)).collect()
        };
        if asked.is_empty() || fault::without(Mechanism::Renewal) {
            return;
        }
        let before = Instant::now();
        match ledger.renew(worker, &asked, LEASE).await {
            Ok(renewed) => self.note(&asked, &renewed, before),
            Err(error) => {
                tracing::warn!(%error, leases = asked.len(), "Could not renew leases; trying again")
            }
        }
    }

    fn note(&self, asked: &[(JobId, i64)], renewed: &[Renewed], before: Instant) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, fence) in asked {
            let Some(entry) = held.get(id).filter(|h| h.fence == *fence) else {
                continue;
            };
            if entry.settling {
                continue;
            }
            if let Some(renewed) = renewed.iter().find(|r| r.id == *id) {
                entry.until.send_replace(before + LEASE);
                if renewed.cancel_asked {
                    entry.cancelled.cancel();
                }
            } else if !fault::without(Mechanism::Fence) {
                tracing::warn!(job.id = %id, "Lost the lease of job {id}; another worker has it");
                entry.lost.cancel();
            }
        }
    }
}
