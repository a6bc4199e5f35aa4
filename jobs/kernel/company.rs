//! The jobs at work in this process: who may run beside whom ([`rolecall_core::company`]), and waiting for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rolecall_core::JobId;
use rolecall_core::company::{Company, Door, Room};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::fault::{self, Mechanism};

/// Who may not come in waits this long with its envelope in hand; then it goes back, perhaps to another process.
const PATIENCE: Duration = Duration::from_secs(2);

/// What became of a job at the door.
pub enum Entry {
    /// It is in until this is dropped.
    In(Present),
    /// Not in time: it is to be put off.
    PutOff,
    /// It is there already.
    Twice,
}

/// See the module. Cheap to clone.
#[derive(Clone, Default)]
pub struct Gathering {
    room: Arc<Mutex<Room>>,
    somebody_left: Arc<Notify>,
    /// The process ends: who still waits goes back.
    closing: CancellationToken,
}

/// A job that is in. Leaves when dropped.
pub struct Present {
    gathering: Gathering,
    id: JobId,
}

impl Drop for Present {
    fn drop(&mut self) {
        self.gathering.with(|room| room.leave(self.id));
        self.gathering.somebody_left.notify_waiters();
    }
}

/// Waits to be alone. If it is dropped before, others may come in again.
struct Next<'a>(&'a Gathering, JobId);

impl Drop for Next<'_> {
    fn drop(&mut self) {
        self.0.with(|room| room.gives_up(self.1));
        self.0.somebody_left.notify_waiters();
    }
}

impl Gathering {
    /// An empty one, of a process that ends with `closing`.
    pub fn new(closing: CancellationToken) -> Self {
        Self {
            closing,
            ..Self::default()
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Room) -> T) -> T {
        act(&mut self.room.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets a job in that may run in this company, as soon as it may. One that is to be alone is waited for: what runs
    /// ends within its time-out, and nothing else begins.
    pub async fn enter(&self, id: JobId, company: Company) -> Entry {
        let company = if fault::without(Mechanism::Company) {
            Company::Anybody
        } else {
            company
        };
        let present = || {
            Entry::In(Present {
                gathering: self.clone(),
                id,
            })
        };
        let until = Instant::now() + PATIENCE;
        // Before it is asked, so that nobody who leaves meanwhile is missed.
        let mut left = Box::pin(self.somebody_left.notified());
        left.as_mut().enable();
        let mut door = self.with(|room| room.ask(id, company));
        let mut next = None;
        loop {
            match door {
                Door::Open => return present(),
                Door::Inside => return Entry::Twice,
                Door::Closed if next.is_none() && self.with(|room| room.is_next(id)) => {
                    next = Some(Next(self, id));
                }
                Door::Closed => {}
            }
            let waits = async {
                if next.is_some() {
                    left.as_mut().await;
                    return true;
                }
                timeout_at(until, left.as_mut()).await.is_ok()
            };
            let came = tokio::select! {
                () = self.closing.cancelled() => false,
                came = waits => came,
            };
            if !came {
                return Entry::PutOff;
            }
            left.set(self.somebody_left.notified());
            left.as_mut().enable();
            door = self.with(|room| match &next {
                Some(_) => room.is_empty_for(id),
                None => room.ask(id, company),
            });
        }
    }
}
