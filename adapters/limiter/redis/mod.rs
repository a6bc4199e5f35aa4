//! The limiter of all processes that share a Redis.
//!
//! The decisions are those of [`bucket`](super::bucket), [`queue`](super::queue) and [`state`](super::state), made by
//! scripts inside Redis and on its clock, so that two processes never decide at once: one round trip for each look of
//! a caller, one for each answer. While Redis does not answer, each process goes on with its part of each limit (`share`).

mod left;
mod scripts;
mod share;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use redis::{FromRedisValue, Script};
use rolecall_core::ids::JobId;
use rolecall_core::job::Lane;
use rolecall_core::ports::{Answer, Barrier, Budget, DeliveryError, Limiter, Permission, Route};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use self::scripts::{ACQUIRE, Ask, Place, REPORT, Report, Rules};
use self::share::{Share, Shares};
use super::waits::Waits;
use super::words;
use super::{FLIGHT, LimiterSettings, MemoryLimiter, TICK};
use crate::delivery::redis::connection::Connection;
use crate::delivery::redis::settings::check_name;

/// How long a caller waits for Redis before it goes on without.
const SILENCE: Duration = Duration::from_secs(1);
/// After a failure, how long Redis is left alone, and between two tries to tell it an answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Keeps Discord's limits for all callers of all processes with the same Redis and installation.
pub struct RedisLimiter {
    inner: Arc<Inner>,
}

struct Inner {
    connection: Connection,
    rules: Rules,
    settings: LimiterSettings,
    process: String,
    next: AtomicU64,
    issued: Mutex<HashMap<u64, Issued>>,
    shares: Mutex<Shares>,
    waits: Waits,
}

/// A permit that was given and not yet reported.
enum Issued {
    Shared {
        place: Place,
        slot: String,
        ticket: String,
    },
    Alone {
        share: Share,
        place: Place,
        ticket: u64,
    },
}

enum Look {
    Go { slot: String },
    Wait { seconds: f64, barrier: Barrier },
}

impl fmt::Debug for RedisLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLimiter")
            .field("process", &self.inner.process)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here can be left half done by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RedisLimiter {
    /// Must be called inside a tokio runtime. Connects when first needed; a Redis that is away is no error.
    ///
    /// `installation` is the prefix of all keys; `process` tells this process from the others.
    ///
    /// # Errors
    /// An address that is none, or a name that cannot be part of a key.
    pub fn new(
        url: &str,
        installation: &str,
        process: &str,
        settings: LimiterSettings,
    ) -> Result<Self, DeliveryError> {
        check_name("installation", installation)?;
        let inner = Inner {
            connection: Connection::open(url)?,
            rules: Rules::new(format!("rolecall.{installation}.limiter"), &settings),
            settings,
            process: process.to_owned(),
            next: AtomicU64::new(0),
            issued: Mutex::default(),
            shares: Mutex::default(),
            waits: Waits::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }
}

impl Inner {
    async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        told: &impl serde::Serialize,
    ) -> Result<T, DeliveryError> {
        let told = serde_json::to_string(told).map_err(|e| DeliveryError(e.to_string()))?;
        let mut handle = self.connection.handle();
        let mut call = script.prepare_invoke();
        call.arg(self.rules.to_json()).arg(told);
        match timeout(SILENCE, call.invoke_async(&mut handle)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.connection.failed(error).await),
            Err(_) => Err(DeliveryError(format!(
                "Redis was silent for {} s",
                SILENCE.as_secs()
            ))),
        }
    }

    async fn look(&self, ask: &Ask) -> Result<Look, DeliveryError> {
        let (go, seconds, text, processes): (u8, f64, String, usize) = self.run(&ACQUIRE, ask).await?;
        lock(&self.shares).found(processes);
        Ok(if go == 1 {
            Look::Go { slot: text }
        } else {
            Look::Wait {
                seconds,
                barrier: Barrier::named(&text),
            }
        })
    }

    /// Asks in a task of its own: a caller that goes away meanwhile leaves no permit behind.
    async fn ask(self: &Arc<Self>, ask: Ask) -> Result<Look, DeliveryError> {
        let (tell, told) = oneshot::channel();
        let inner = Arc::clone(self);
        tokio::spawn(async move {
            let (place, ticket) = (ask.place.clone(), ask.ticket.clone());
            if let Err(Ok(Look::Go { slot })) = tell.send(inner.look(&ask).await) {
                inner.report(Report::unsent(place, slot, ticket)).await;
            }
        });
        told.await
            .unwrap_or_else(|_| Err(DeliveryError("the process is stopping".to_owned())))
    }

    /// Tells Redis, for as long as that matters: while the call would count as in flight, and while what was forbidden
    /// lasts.
    async fn report(&self, report: Report) {
        let started = Instant::now();
        let most = FLIGHT.max(report.forbids() / self.settings.speed());
        loop {
            let waited = started.elapsed().as_secs_f64();
            match self
                .run::<u8>(&REPORT, &report.aged(waited * self.settings.speed()))
                .await
            {
                Ok(1) => return words::tell_breaker(),
                Ok(_) => return,
                Err(error) => lock(&self.shares).failed(&error, &self.settings),
            }
            if waited > most {
                return;
            }
            sleep(PAUSE).await;
        }
    }

    fn spawn_report(self: &Arc<Self>, report: Report) {
        // Without a runtime the process is ending, and the permit ends by its time.
        if let Ok(runtime) = Handle::try_current() {
            let inner = Arc::clone(self);
            runtime.spawn(async move { inner.report(report).await });
        }
    }

    fn issue(&self, number: u64, issued: Issued) -> Permission {
        lock(&self.issued).insert(number, issued);
        Permission::Go { ticket: number }
    }

    async fn acquire_alone(
        &self,
        share: Share,
        route: &Route,
        lane: Lane,
        job: Option<JobId>,
        patience: Duration,
    ) -> Permission {
        match share.limiter.acquire(route, lane, job, patience).await {
            Permission::Go { ticket } => {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                let place = Place::of(route);
                self.issue(number, Issued::Alone { share, place, ticket })
            }
            wait @ Permission::Wait(_) => wait,
        }
    }
}

#[async_trait]
impl Limiter for RedisLimiter {
    async fn acquire(&self, route: &Route, lane: Lane, job: Option<JobId>, patience: Duration) -> Permission {
        let inner = &self.inner;
        let deadline = Instant::now() + patience;
        let number = inner.next.fetch_add(1, Ordering::Relaxed);
        let ticket = format!("{}.{number}", inner.process);
        let mut ask = Ask {
            place: Place::of(route),
            lane: lane.rank(),
            member: job.map_or_else(|| format!("c{ticket}"), |job| format!("j{job}")),
            ticket,
            patience: 0.0,
            process: inner.process.clone(),
            doubt: false,
        };
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let turn = lock(&inner.shares).turn(route, PAUSE + SILENCE);
            let doubt = match turn {
                Ok(doubt) => doubt,
                Err(share) => return inner.acquire_alone(share, route, lane, job, left).await,
            };
            (ask.patience, ask.doubt) = (left.as_secs_f64() * inner.settings.speed(), doubt);
            match inner.ask(ask.clone()).await {
                Ok(Look::Go { slot }) => {
                    let (place, ticket) = (ask.place, ask.ticket);
                    return inner.issue(number, Issued::Shared { place, slot, ticket });
                }
                Ok(Look::Wait { seconds, barrier }) => {
                    let wait = Duration::try_from_secs_f64(seconds / inner.settings.speed()).unwrap_or(PAUSE);
                    // A microsecond more, so that the moment is past when the wait is over.
                    let wait = wait + Duration::from_micros(1);
                    inner.waits.note(barrier, route, wait);
                    if wait > deadline.saturating_duration_since(Instant::now()) {
                        return Permission::Wait(wait);
                    }
                    sleep(wait.max(TICK)).await;
                }
                Err(error) => lock(&inner.shares).failed(&error, &inner.settings),
            }
        }
    }

    fn complete(&self, ticket: u64, answer: &Answer) {
        let Some(issued) = lock(&self.inner.issued).remove(&ticket) else {
            return;
        };
        match issued {
            Issued::Shared { place, slot, ticket } => {
                self.inner.spawn_report(Report::of(place, slot, ticket, answer));
            }
            Issued::Alone {
                share,
                place,
                ticket: own,
            } => {
                share.complete(own, answer);
                if matches!(answer, Answer::Limited { .. } | Answer::Busy { .. }) {
                    // What Discord forbade is told to the others as soon as Redis is back.
                    let slot = place.slot();
                    let ticket = format!("{}.{ticket}", self.inner.process);
                    self.inner.spawn_report(Report::of(place, slot, ticket, answer));
                }
            }
        }
    }

    async fn budget(&self) -> Budget {
        self.inner.left().await
    }

    fn waiting_for(&self) -> Option<String> {
        if let Some(share) = lock(&self.inner.shares).current() {
            return share.limiter.waiting_for();
        }
        self.inner.waits.longest()
    }
}
