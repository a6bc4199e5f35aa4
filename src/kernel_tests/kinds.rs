//! Kinds that do what real ones should not.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rolecall_core::error::JobError;
use rolecall_core::outcome::Outcome;
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::job::Job;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

/// Ends well, at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Plain {
    pub(super) number: u32,
}

impl Job for Plain {
    const KIND: &'static str = "plain";
    const VERSION: u16 = 2;

    async fn run(&self, _: &Context) -> Result<Outcome, JobError> {
        Ok(Outcome::unchanged())
    }
}

/// Fails until it is healed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sick {
    pub(super) number: u32,
}

pub(super) static HEALED: AtomicBool = AtomicBool::new(false);

impl Job for Sick {
    const KIND: &'static str = "sick";

    async fn run(&self, _: &Context) -> Result<Outcome, JobError> {
        match HEALED.load(Ordering::SeqCst) {
            true => Ok(Outcome::applied(0, 0)),
            false => Err(JobError::transient("still_sick", "it is still sick")),
        }
    }
}

/// Panics.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Panics {}

impl Job for Panics {
    const KIND: &'static str = "panics";
    const MAX_ATTEMPTS: u32 = 1;

    async fn run(&self, _: &Context) -> Result<Outcome, JobError> {
        panic!("a fault of the program")
    }
}

/// Never ends, and has little time.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Endless {}

impl Job for Endless {
    const KIND: &'static str = "endless";
    const MAX_ATTEMPTS: u32 = 1;
    const TIMEOUT: Duration = Duration::from_millis(200);

    async fn run(&self, _: &Context) -> Result<Outcome, JobError> {
        std::future::pending().await
    }
}

/// Holds the thread that it runs on, until its lease was renewed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Blocks {}

impl Job for Blocks {
    const KIND: &'static str = "blocks";
    const MAX_ATTEMPTS: u32 = 1;

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let (began, mut left) = (Instant::now(), context.lease.left());
        while began.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(100));
            let now = context.lease.left();
            if now > left {
                let mut outcome = Outcome::unchanged();
                outcome.count("renewed", 1);
                return Ok(outcome);
            }
            left = now;
        }
        Err(JobError::permanent("not_renewed", "nobody renewed the lease"))
    }
}

/// Asks again and again whether it may call Discord, until it may not.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Calls {}

impl Job for Calls {
    const KIND: &'static str = "calls";

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        loop {
            context.call(None)?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Waits at [`GATE`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Waits {
    pub(super) number: u32,
}

/// Closed until somebody adds permits. Tests that run in one process must not share it.
pub(super) static GATE: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(0));

impl Job for Waits {
    const KIND: &'static str = "waits";

    async fn run(&self, _: &Context) -> Result<Outcome, JobError> {
        let _pass = GATE.acquire().await;
        Ok(Outcome::unchanged())
    }
}
