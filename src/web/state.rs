//! What handlers may use.

use std::ops::Deref;
use std::sync::Arc;

use super::auth::memory::Memory;
use super::legacy::status::LastLook;
use super::wait::MOST_WAITING;
use crate::app::App;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// The application, and the signal that this process should stop. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Web {
    /// The application.
    pub(crate) app: Arc<App>,
    /// Places for requests that wait for the end of a run.
    pub(crate) waiting: Arc<Semaphore>,
    /// Cancelled as soon as the process should stop.
    pub(crate) stop: CancellationToken,
    /// What is remembered of callers.
    pub(crate) memory: Arc<Memory>,
    /// The module's state as it was seen last.
    pub(crate) last_look: Arc<LastLook>,
}

impl Web {
    pub(crate) fn new(app: Arc<App>, stop: CancellationToken, memory: Arc<Memory>) -> Self {
        Self {
            app,
            waiting: Arc::new(Semaphore::new(MOST_WAITING)),
            stop,
            memory,
            last_look: Arc::default(),
        }
    }
}

impl Deref for Web {
    type Target = App;
    fn deref(&self) -> &App {
        &self.app
    }
}
