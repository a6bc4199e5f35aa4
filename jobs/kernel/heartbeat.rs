//! Keeps leases alive, from a thread of its own that a busy job cannot starve.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rolecall_core::JobId;
use rolecall_core::ports::{Ledger, Renewed};
use rolecall_core::quiet::Quiet;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fault::{self, Mechanism};
use super::patience::{RENEWAL, within};
use super::presence::apart;

/// A lease lasts this long, by the store's clock.
pub const LEASE: Duration = Duration::from_secs(15);
/// A claim that was given back is remembered for so long: far longer than its lease, by which the ledger may still call it
/// running.
const REMEMBERED: Duration = LEASE.saturating_mul(4);
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

/// The last claims that were given back.
#[derive(Default)]
struct Past {
    /// The fence, and when.
    claims: HashMap<JobId, (i64, Instant)>,
    /// Oldest first, so that forgetting costs no look at those that stay.
    order: VecDeque<(Instant, JobId)>,
}

impl Past {
    fn remember(&mut self, id: JobId, fence: i64, now: Instant) {
        while let Some((at, old)) = self.order.front().copied()
            && now.saturating_duration_since(at) >= REMEMBERED
        {
            self.order.pop_front();
            // A later claim of the same job has an entry of its own.
            if self.claims.get(&old).is_some_and(|(_, last)| *last == at) {
                self.claims.remove(&old);
            }
        }
        self.claims.insert(id, (fence, now));
        self.order.push_back((now, id));
    }

    fn has(&self, id: JobId, fence: i64) -> bool {
        self.claims.get(&id).is_some_and(|(last, _)| *last == fence)
    }
}

/// The leases that this process holds. Cheap to clone.
#[derive(Clone, Default)]
pub struct Heartbeat {
    held: Arc<Mutex<HashMap<JobId, Held>>>,
    past: Arc<Mutex<Past>>,
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
        self.heartbeat
            .past()
            .remember(self.id, self.fence, Instant::now());
    }
}

impl Heartbeat {
    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a fresh claim under care. `claimed_before`: taken before the claim was sent. `None` if this very claim is,
    /// or was a moment ago, in somebody's care: no claim is run twice.
    pub fn hold(&self, id: JobId, fence: i64, claimed_before: Instant) -> Option<(HeldLease, LeaseWatch)> {
        let (until, watched) = watch::channel(claimed_before + LEASE);
        let (lost, cancelled) = (CancellationToken::new(), CancellationToken::new());
        let watch = LeaseWatch {
            until: watched,
            lost: lost.clone(),
            cancelled: cancelled.clone(),
        };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let is_held = held.get(&id).is_some_and(|h| h.fence == fence);
        if is_held || self.past().has(id, fence) {
            return None;
        }
        let entry = Held {
            fence,
            settling: false,
            until,
            lost,
            cancelled,
        };
        held.insert(id, entry);
        drop(held);
        let lease = HeldLease {
            heartbeat: self.clone(),
            id,
            fence,
        };
        Some((lease, watch))
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
        apart("heartbeat", async move {
            let mut every = tokio::time::interval(RENEW_EVERY);
            every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut quiet = Quiet::default();
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = every.tick() => heartbeat.renew(ledger.as_ref(), &worker, &mut quiet).await,
                }
            }
        })
    }

    async fn renew(&self, ledger: &dyn Ledger, worker: &str, quiet: &mut Quiet) {
        let asked: Vec<(JobId, i64)> = {
            let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.iter().map(|(id, h)| (*id, h.fence)).collect()
        };
        if asked.is_empty() || fault::without(Mechanism::Renewal) {
            return;
        }
        let before = Instant::now();
        match within(RENEWAL, ledger.renew(worker, &asked, LEASE)).await {
            Ok(renewed) => self.note(&asked, &renewed, before),
            Err(error) => {
                if let Some(held_back) = quiet.may_speak(std::time::Instant::now()) {
                    tracing::warn!(%error, leases = asked.len(), held_back, "Could not renew leases; trying again");
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_run_once_and_the_next_claim_of_the_same_job_again() {
        let (heartbeat, id) = (Heartbeat::default(), JobId(uuid::Uuid::now_v7()));
        let (first, _watch) = heartbeat.hold(id, 1, Instant::now()).unwrap();
        assert!(heartbeat.hold(id, 1, Instant::now()).is_none());
        drop(first);
        assert!(heartbeat.hold(id, 1, Instant::now()).is_none());
        assert!(heartbeat.hold(id, 2, Instant::now()).is_some());
        assert!(heartbeat.is_empty());
    }

    #[test]
    fn only_what_is_old_is_forgotten_and_a_later_claim_of_the_same_job_is_not() {
        let (mut past, start) = (Past::default(), Instant::now());
        let [again, once, new] = [1, 2, 3].map(|n| JobId(uuid::Uuid::from_u128(n)));
        past.remember(again, 1, start);
        past.remember(once, 1, start);
        past.remember(again, 2, start + REMEMBERED / 2);
        past.remember(new, 1, start + REMEMBERED);
        assert!(past.has(again, 2) && past.has(new, 1) && !past.has(once, 1));
        assert_eq!((past.claims.len(), past.order.len()), (2, 2));
    }
}
