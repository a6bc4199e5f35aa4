//! The limiter of one process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rolecall_core::ids::JobId;
use rolecall_core::job::Lane;
use rolecall_core::ports::{Answer, Budget, Limiter, Permission, Route};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::bucket::Tuning;
use super::queue::{Patience, Rank};
use super::state::{Rules, State};
use super::words;

/// Real seconds that a permit is held for a job that was given a time and is not back.
const HOLD: f64 = 5.0;
/// Real seconds that its place is remembered.
const MEMORY: f64 = 60.0;
/// Real seconds that are waited beyond a reset, at least.
const LEAST_MARGIN: f64 = 0.02;
/// Real seconds between two jobs that are called back for one burst.
const GAP: f64 = 0.01;

/// How a [`MemoryLimiter`] works.
#[derive(Debug, Clone, PartialEq)]
pub struct LimiterSettings {
    /// Discord seconds in a real second. 1 for Discord; more only with a simulator whose clock runs faster.
    pub speed: f64,
    /// Calls that a bot may make in a Discord second. Interactive callers may use all, the others nine tenths.
    pub global_per_second: u32,
    /// Least time between two calls of one bucket, in Discord's seconds.
    pub min_spacing: Duration,
}

impl Default for LimiterSettings {
    /// Discord's documented 50 a second, no spacing.
    fn default() -> Self {
        Self {
            speed: 1.0,
            global_per_second: 50,
            min_spacing: Duration::ZERO,
        }
    }
}

impl LimiterSettings {
    pub(super) fn speed(&self) -> f64 {
        if self.speed.is_finite() && self.speed > 0.0 {
            self.speed
        } else {
            1.0
        }
    }

    pub(super) fn rules(&self) -> Rules {
        let speed = self.speed();
        let all = self.global_per_second.max(1) as usize;
        Rules {
            tuning: Tuning {
                least_margin: LEAST_MARGIN * speed,
                min_spacing: self.min_spacing.as_secs_f64(),
                gap: GAP * speed,
            },
            patience: Patience {
                hold: HOLD * speed,
                memory: MEMORY * speed,
            },
            caps: (all, (all * 9 / 10).max(1)),
        }
    }
}

/// Keeps Discord's limits for all callers of one process.
///
/// Times are measured from the receipt of answers, on a clock that only goes forward.
#[derive(Debug)]
pub struct MemoryLimiter {
    shared: Mutex<Shared>,
    speed: f64,
    started: Instant,
}

#[derive(Debug)]
struct Shared {
    state: State,
    wake: HashMap<Rank, Arc<Notify>>,
}

impl MemoryLimiter {
    /// A limiter that knows nothing yet. Needs no runtime to be made.
    pub fn new(settings: LimiterSettings) -> Self {
        let shared = Shared {
            state: State::new(settings.rules()),
            wake: HashMap::new(),
        };
        Self {
            shared: Mutex::new(shared),
            speed: settings.speed(),
            started: Instant::now(),
        }
    }

    /// What is left.
    pub(super) fn left(&self) -> Budget {
        let mut shared = self.lock();
        let now = self.now();
        shared.state.budget(now, self.speed)
    }

    #[cfg(test)]
    pub(super) fn in_flight(&self) -> usize {
        self.lock().state.in_flight()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panic while the lock was held leaves counts that are at worst too careful.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Discord seconds since the limiter was made.
    fn now(&self) -> f64 {
        self.started.elapsed().as_secs_f64() * self.speed
    }

    /// Real time until a moment. A microsecond more, so that the moment is past when the wait is over.
    fn until(&self, at: f64, now: f64) -> Duration {
        let seconds = ((at - now) / self.speed).clamp(0.0, 10.0 * 365.0 * 86_400.0);
        Duration::from_secs_f64(seconds) + Duration::from_micros(1)
    }

    fn dispatch(shared: &mut Shared, now: f64) {
        for rank in shared.state.dispatch(now) {
            if let Some(notify) = shared.wake.get(&rank) {
                notify.notify_one();
            }
        }
    }

    /// One look at a waiting caller: what it is told, or until when it may sleep.
    fn look(&self, rank: Rank, deadline: f64) -> Result<Permission, Duration> {
        let mut shared = self.lock();
        let now = self.now();
        Self::dispatch(&mut shared, now);
        if let Some(ticket) = shared.state.take(rank) {
            shared.wake.remove(&rank);
            return Ok(Permission::Go { ticket });
        }
        let at = shared.state.estimate(now, rank);
        if at > deadline || now >= deadline {
            let planned = shared.state.send_away(now, rank);
            shared.wake.remove(&rank);
            return Ok(Permission::Wait(self.until(planned, now)));
        }
        // At least a tick of tokio's timer: less would spin.
        Err(self.until(at.min(deadline), now).max(Duration::from_millis(1)))
    }
}

#[async_trait]
impl Limiter for MemoryLimiter {
    async fn acquire(&self, route: &Route, lane: Lane, job: Option<JobId>, patience: Duration) -> Permission {
        let notify = Arc::new(Notify::new());
        let (rank, deadline) = {
            let mut shared = self.lock();
            let rank = shared.state.arrive(route, lane, job);
            shared.wake.insert(rank, Arc::clone(&notify));
            (rank, self.now() + patience.as_secs_f64() * self.speed)
        };
        let _waiting = Waiting { limiter: self, rank };
        loop {
            match self.look(rank, deadline) {
                Ok(permission) => return permission,
                Err(sleep) => {
                    // Being woken early is as good as the time being up: look again.
                    let _ = tokio::time::timeout(sleep, notify.notified()).await;
                }
            }
        }
    }

    fn complete(&self, ticket: u64, answer: &Answer) {
        let mut shared = self.lock();
        let now = self.now();
        let opened = shared.state.complete(now, ticket, answer);
        Self::dispatch(&mut shared, now);
        drop(shared);
        if opened {
            words::tell_breaker();
        }
    }

    fn waiting_for(&self) -> Option<String> {
        let mut shared = self.lock();
        let now = self.now();
        shared.state.longest_wait(now, self.speed)
    }

    async fn budget(&self) -> Budget {
        self.left()
    }
}

/// Takes a caller out of the queue when its future is dropped before it was told anything.
struct Waiting<'a> {
    limiter: &'a MemoryLimiter,
    rank: Rank,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut shared = self.limiter.lock();
        // Nothing is left to give back if the caller was told: its wake-up went away with that.
        if shared.wake.remove(&self.rank).is_some() {
            shared.state.abandon(self.rank);
            let now = self.limiter.now();
            MemoryLimiter::dispatch(&mut shared, now);
        }
    }
}
