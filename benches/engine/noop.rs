//! The job that does nothing but note when it began. It lives here, so that no binary that is shipped knows it.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rolecall_core::error::JobError;
use rolecall_core::job::Lane;
use rolecall_core::outcome::Outcome;
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::job::Job;
use serde::{Deserialize, Serialize};

/// Microseconds from the call that accepted a job to its first line, of all jobs that this process ran.
static WAITS: Mutex<Vec<u64>> = Mutex::new(Vec::new());

/// Unix microseconds. Accepting and starting are on one machine, so both read the same clock.
pub(crate) fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// What was noted until now.
pub(crate) fn waits() -> Vec<u64> {
    WAITS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// How many jobs were noted.
pub(crate) fn started() -> usize {
    WAITS.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// See the module.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Noop {
    /// When the accepting call began; 0 for one that warms up and is not noted.
    pub(crate) accepted_us: u64,
}

impl Noop {
    /// Accepted from this moment on.
    pub(crate) fn now() -> Self {
        Self {
            accepted_us: now_us(),
        }
    }

    /// Not noted.
    pub(crate) const fn warming_up() -> Self {
        Self { accepted_us: 0 }
    }
}

impl Job for Noop {
    const KIND: &'static str = "noop";
    const LANE: Lane = Lane::Bulk;

    async fn run(&self, _: &Context) -> Result<Outcome, JobError> {
        if self.accepted_us > 0 {
            let wait = now_us().saturating_sub(self.accepted_us);
            WAITS.lock().unwrap_or_else(PoisonError::into_inner).push(wait);
        }
        Ok(Outcome::unchanged())
    }
}
