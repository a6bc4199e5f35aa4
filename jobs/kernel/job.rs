//! The trait of a job kind.

use std::future::Future;
use std::time::Duration;

use rolecall_core::backoff::ExponentialBackoff;
use rolecall_core::cost::Calls;
use rolecall_core::error::JobError;
use rolecall_core::job::{Lane, Subject};
use rolecall_core::outcome::Outcome;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::Context;

/// A kind of job: the struct is the payload.
///
/// A job never sleeps, retries or reads a clock of its own; the runner owns the span, the time-out, the lease, the
/// panic guard, the history and the verdict. A payload holds ids, never a secret; a field that comes later has a
/// `#[serde(default)]`, so that what is already stored still reads.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Written name of the kind. Stored with every job: never change it.
    const KIND: &'static str;
    /// Version of the payload's shape. A worker that sees a newer one leaves the job to a newer worker.
    const VERSION: u16 = 1;
    /// How urgent it is, unless whoever enqueues it says otherwise.
    const LANE: Lane = Lane::Normal;
    /// Tries in all, the first included.
    const MAX_ATTEMPTS: u32 = 12;
    /// Longest time that one attempt may take.
    const TIMEOUT: Duration = Duration::from_secs(60);

    /// What it calls at Discord, for predictions: while what it is for is still wanted.
    const CALLS: Calls = Calls::NONE;

    /// When it is tried again.
    fn backoff() -> ExponentialBackoff {
        ExponentialBackoff::default()
    }

    /// Jobs with the same key are one job until the first has ended. `None`: never the same.
    fn unique_key(&self) -> Option<String> {
        None
    }

    /// Jobs with the same key never run at the same time. `None`: they may.
    fn concurrency_key(&self) -> Option<String> {
        None
    }

    /// What it is about, for people who search.
    fn subject(&self) -> Subject {
        Subject::default()
    }

    /// Does the work once. Must be harmless when repeated.
    fn run(&self, context: &Context) -> impl Future<Output = Result<Outcome, JobError>> + Send;
}
