//! What handlers may use.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::auth::TokenKey;
use super::wait::MOST_WAITING;
use crate::app::App;

/// The application, and the signal that this process should stop. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Web {
    /// The application.
    pub(crate) app: Arc<App>,
    /// Places for requests that wait for the end of a run.
    pub(crate) waiting: Arc<Semaphore>,
    /// Cancelled as soon as the process should stop.
    pub(crate) stop: CancellationToken,
}

impl Web {
    pub(crate) fn new(app: Arc<App>, stop: CancellationToken) -> Self {
        Self {
            app,
            waiting: Arc::new(Semaphore::new(MOST_WAITING)),
            stop,
        }
    }
}

impl Deref for Web {
    type Target = App;
    fn deref(&self) -> &App {
        &self.app
    }
}

impl FromRef<Web> for TokenKey {
    fn from_ref(web: &Web) -> Self {
        Self(web.app.jwt_secret.clone())
    }
}
