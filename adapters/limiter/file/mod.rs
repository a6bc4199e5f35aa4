//! The limiter of all processes that share a data folder.
//!
//! The decisions are those of [`state`](super::state), made in a transaction on a small file of its own beside the
//! database, so that two processes never decide at once, and a process that starts knows what the one before it was told.
//! As with Redis, a caller that waits in its process and a job that was sent away are the same: both come back at their
//! time. While the file cannot be used, the process goes on by itself.

mod clock;
mod pages;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rolecall_core::ids::JobId;
use rolecall_core::job::Lane;
use rolecall_core::ports::{Answer, Barrier, Budget, Keeper, Limiter, Permission, Route};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use self::pages::{Cover, Pages, PagesError};
use super::state::State;
use super::state::kept::Home;
use super::waits::Waits;
use super::words;
use super::{FLIGHT, LimiterSettings, MemoryLimiter, TICK};

/// After a failure, how long the file is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// Keeps Discord's limits for all callers of all processes with the same file.
pub struct FileLimiter {
    cover: Cover,
    book: Mutex<Book>,
    next: AtomicU64,
    issued: Mutex<HashMap<u64, Issued>>,
    waits: Waits,
    /// While the file cannot be used.
    alone: MemoryLimiter,
}

/// The file, and what it has to be told.
#[derive(Default)]
struct Book {
    pages: Option<Pages>,
    /// After a failure: when the file is tried again.
    again: Option<Instant>,
    untold: Vec<Untold>,
}

/// A permit that was given and has no answer yet. `ticket`: its number in the file, or with the limiter of this process.
#[derive(Debug)]
struct Issued {
    route: Route,
    ticket: u64,
    is_alone: bool,
}

/// An answer that the file has to be told.
struct Untold {
    route: Route,
    /// The permit's number in the file, if it was given there.
    ticket: Option<u64>,
    answer: Answer,
    came: Instant,
}

enum Look {
    Go(u64),
    Wait { wait: Duration, barrier: Barrier },
}

/// One caller, for as long as it asks.
struct Caller<'a> {
    limiter: &'a FileLimiter,
    route: &'a Route,
    lane: Lane,
    /// Who asks: the job, or a name of its own that is forgotten when it goes.
    member: JobId,
    is_job: bool,
    /// It waits here, and has a place that means nothing when it goes away.
    waits: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here can be left half done by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for FileLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileLimiter")
            .field("path", &self.cover.path)
            .finish_non_exhaustive()
    }
}

impl Untold {
    fn tell(&self, state: &mut State, now: f64, speed: f64) {
        // Decided as of when it came.
        let at = now - self.came.elapsed().as_secs_f64() * speed;
        let opens = match self.ticket.filter(|ticket| state.is_out(*ticket)) {
            Some(ticket) => state.complete(at, ticket, &self.answer),
            None if forbids(&self.answer) => state.told(at, &self.route, &self.answer),
            None => false,
        };
        if opens {
            words::tell_breaker();
        }
    }

    /// Whether it still matters: its permit is not given up yet, or what it forbids lasts.
    fn matters(&self, speed: f64) -> bool {
        let forbidden = match &self.answer {
            Answer::Limited { retry_after, .. } | Answer::Busy { retry_after, .. } => retry_after / speed,
            _ => 0.0,
        };
        self.came.elapsed().as_secs_f64() < FLIGHT.max(forbidden)
    }
}

/// Whether others have to know of it, whoever gave the permit.
const fn forbids(answer: &Answer) -> bool {
    matches!(answer, Answer::Limited { .. } | Answer::Busy { .. }) || answer.is_invalid()
}

impl FileLimiter {
    /// Keeps the limits in this file, whose folder has to exist by the first call. Nothing is opened before that.
    ///
    /// `process` tells this process from the others.
    pub fn new(path: PathBuf, process: &str, settings: LimiterSettings) -> Self {
        Self::with_wall(path, process, settings, clock::wall)
    }

    fn with_wall(path: PathBuf, process: &str, settings: LimiterSettings, wall: fn() -> f64) -> Self {
        Self {
            alone: MemoryLimiter::new(settings.clone()),
            cover: Cover {
                path,
                process: process.to_owned(),
                settings,
                wall,
            },
            book: Mutex::default(),
            next: AtomicU64::new(0),
            issued: Mutex::default(),
            waits: Waits::default(),
        }
    }

    /// Decides something about these homes, after the file was told what it has to be. `None`: it cannot be used now.
    fn decide<T>(&self, homes: &[Home], work: impl FnOnce(&mut State, f64) -> T) -> Option<T> {
        let speed = self.cover.settings.speed();
        let mut book = lock(&self.book);
        book.untold.retain(|untold| untold.matters(speed));
        let mut all = homes.to_vec();
        all.extend(book.untold.iter().map(|untold| Home::of(&untold.route)));
        let untold = std::mem::take(&mut book.untold);
        let done = self.with(&mut book, |pages| {
            pages.decide(&all, |state, now| {
                for answer in &untold {
                    answer.tell(state, now, speed);
                }
                work(state, now)
            })
        });
        if done.is_none() {
            book.untold = untold;
        }
        done
    }

    fn with<T>(&self, book: &mut Book, work: impl FnOnce(&mut Pages) -> Result<T, PagesError>) -> Option<T> {
        if book.again.is_some_and(|at| Instant::now() < at) {
            return None;
        }
        match self.opened(book).and_then(work) {
            Ok(done) => {
                if book.again.take().is_some() {
                    tracing::info!(
                        "The file of Discord's limits can be used again: all processes keep them together"
                    );
                }
                Some(done)
            }
            Err(error) => {
                self.failed(book, &error);
                None
            }
        }
    }

    fn opened<'a>(&self, book: &'a mut Book) -> Result<&'a mut Pages, PagesError> {
        let pages = match book.pages.take().filter(Pages::is_there) {
            Some(pages) => pages,
            None => Pages::open(&self.cover)?,
        };
        Ok(book.pages.insert(pages))
    }

    fn failed(&self, book: &mut Book, error: &PagesError) {
        if book.again.replace(Instant::now() + PAUSE).is_none() {
            tracing::warn!(
                %error,
                "The file {} cannot be used: until it can, this process keeps Discord's limits by itself. {}; nothing is \
                 lost if the file is removed",
                self.cover.path.display(),
                error.advice()
            );
        }
        if let Some(pages) = book.pages.take()
            && let Err(error) = pages.give_up(error)
        {
            tracing::debug!(%error, "The damaged file of Discord's limits cannot be removed");
        }
    }

    fn issue(&self, route: &Route, ticket: u64, is_alone: bool) -> Permission {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let issued = Issued {
            route: route.clone(),
            ticket,
            is_alone,
        };
        lock(&self.issued).insert(number, issued);
        Permission::Go { ticket: number }
    }
}

impl Caller<'_> {
    /// One look: a permit, or a time that nobody else has. `None`: the file cannot be used.
    fn look(&mut self, patience: Duration) -> Option<Look> {
        let (route, lane, member, is_job) = (self.route, self.lane, self.member, self.is_job);
        let speed = self.limiter.cover.settings.speed();
        let look = self.limiter.decide(&[Home::of(route)], |state, now| {
            let rank = state.arrive(route, lane, Some(member));
            state.dispatch(now);
            if let Some(ticket) = state.take(rank) {
                return Look::Go(ticket);
            }
            let at = state.send_away(now, rank);
            // A microsecond more, so that the moment is past when the wait is over.
            let wait = words::real(at - now, speed).saturating_add(Duration::from_micros(1));
            if wait > patience && !is_job {
                state.forget(route, member);
            }
            let barrier = state.barrier(now, route.principal, lane);
            Look::Wait { wait, barrier }
        })?;
        self.waits = matches!(look, Look::Wait { wait, .. } if wait <= patience);
        Some(look)
    }
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        if self.waits {
            let (route, member) = (self.route, self.member);
            let homes = [Home::of(route)];
            // If the file cannot be used, its place is forgotten by its time.
            let _ = self
                .limiter
                .decide(&homes, |state, _| state.forget(route, member));
        }
    }
}

#[async_trait]
impl Limiter for FileLimiter {
    async fn acquire(&self, route: &Route, lane: Lane, job: Option<JobId>, patience: Duration) -> Permission {
        let deadline = Instant::now() + patience;
        let mut caller = Caller {
            limiter: self,
            route,
            lane,
            member: job.unwrap_or_else(|| JobId(Uuid::new_v4())),
            is_job: job.is_some(),
            waits: false,
        };
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match caller.look(left) {
                Some(Look::Go(ticket)) => return self.issue(route, ticket, false),
                Some(Look::Wait { wait, barrier }) => {
                    self.waits.note(barrier, route, wait);
                    if wait > left {
                        return Permission::Wait(wait);
                    }
                    sleep(wait.max(TICK)).await;
                }
                None => {
                    return match self.alone.acquire(route, lane, job, left).await {
                        Permission::Go { ticket } => self.issue(route, ticket, true),
                        wait @ Permission::Wait(_) => wait,
                    };
                }
            }
        }
    }

    fn complete(&self, ticket: u64, answer: &Answer) {
        let Some(issued) = lock(&self.issued).remove(&ticket) else {
            return;
        };
        let Issued {
            route,
            ticket,
            is_alone,
        } = issued;
        if is_alone {
            self.alone.complete(ticket, answer);
            if !forbids(answer) {
                return;
            }
        }
        lock(&self.book).untold.push(Untold {
            route,
            ticket: (!is_alone).then_some(ticket),
            answer: answer.clone(),
            came: Instant::now(),
        });
        // If it cannot be told now, it is with the next decision.
        let _ = self.decide(&[], |_, _| ());
    }

    fn waiting_for(&self) -> Option<String> {
        let is_alone = lock(&self.book).again.is_some();
        if is_alone {
            self.alone.waiting_for()
        } else {
            self.waits.longest()
        }
    }

    async fn budget(&self) -> Budget {
        let speed = self.cover.settings.speed();
        let told = self.with(&mut lock(&self.book), |pages| {
            pages.look(|state, now, processes| Budget {
                keeper: Keeper::File,
                processes: processes as u64,
                ..state.budget(now, speed)
            })
        });
        told.unwrap_or_else(|| self.alone.left())
    }
}
