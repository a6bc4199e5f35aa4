//! The end of a process: told once, known everywhere, with one deadline for all.

use std::fmt::Debug;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use apalis::prelude::WorkerContext;
use rolecall_core::ports::Shutdown;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::envelope::Desk;

/// Whether to stop, and until when at the latest.
#[derive(Clone)]
pub(super) struct Stop {
    token: CancellationToken,
    grace: Duration,
    end: Arc<OnceLock<Instant>>,
}

impl Stop {
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            token: CancellationToken::new(),
            grace,
            end: Arc::default(),
        }
    }

    /// Waits for the process' signal and passes it on.
    pub(super) async fn follow(&self, shutdown: Shutdown) {
        shutdown.wait().await;
        self.end();
        self.token.cancel();
    }

    pub(super) fn is_called(&self) -> bool {
        self.token.is_cancelled()
    }

    pub(super) async fn called(&self) {
        self.token.cancelled().await;
    }

    /// Pauses; says whether the stop came meanwhile.
    pub(super) async fn within(&self, pause: Duration) -> bool {
        timeout(pause, self.token.cancelled()).await.is_ok()
    }

    /// When the grace is over. It starts with the first question, which [`Stop::follow`] asks.
    fn end(&self) -> Instant {
        *self.end.get_or_init(|| Instant::now() + self.grace)
    }

    /// Drives a worker until it ends or has to. `Some` with the reason if it ended by itself.
    ///
    /// The worker is a task of its own, so that a panic inside it ends here.
    pub(super) async fn attend<T>(
        &self,
        context: &WorkerContext,
        run: impl Future<Output = T> + Send + 'static,
    ) -> Option<String>
    where
        T: Debug + Send + 'static,
    {
        let mut run = AbortOnDropHandle::new(tokio::spawn(run));
        tokio::select! {
            end = &mut run => return Some(format!("{end:?}")),
            () = self.called() => {}
        }
        // A worker that has not started yet refuses to stop.
        if context.stop().is_err() || timeout_at(self.end(), &mut run).await.is_err() {
            run.abort();
            // Not before the worker is really gone may its traces be removed.
            let _ = run.await;
        }
        None
    }

    /// Waits for jobs that outlived their workers, as long as the grace lasts.
    pub(super) async fn last_jobs(&self, desk: &Desk) {
        if timeout_at(self.end(), desk.idle()).await.is_err() {
            tracing::warn!(
                jobs = desk.in_hand(),
                "the grace is over and jobs are still at work; their leases run out"
            );
        }
    }
}
