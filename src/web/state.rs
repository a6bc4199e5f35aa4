//! What handlers may use.

use std::ops::Deref;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::auth::memory::Memory;
use crate::app::App;

/// The application, and the signal that this process should stop. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Web {
    /// The application.
    pub(crate) app: Arc<App>,
    /// Cancelled as soon as the process should stop.
    pub(crate) stop: CancellationToken,
    /// What is remembered of callers.
    pub(crate) memory: Arc<Memory>,
}

impl Deref for Web {
    type Target = App;
    fn deref(&self) -> &App {
        &self.app
    }
}
