//! Does on purpose what no job should: for the fault suite (`make faults`). Only with the feature `faults`, which nothing
//! that is shipped has.

use std::time::Duration;

use rolecall_core::error::JobError;
use rolecall_core::job::Lane;
use rolecall_core::outcome::Outcome;
use serde::{Deserialize, Serialize};

use crate::kernel::context::Context;
use crate::kernel::job::Job;

/// What it does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Nothing.
    Well,
    /// Works for this many milliseconds, as a job does that waits for an answer.
    Slowly(u64),
    /// Panics.
    Panic,
    /// Ends the process, by `abort`, after this many milliseconds.
    Abort(u64),
    /// Calls itself until the stack is used up, which ends the process.
    Overflow,
    /// Holds the runtime's thread for this many milliseconds.
    Block(u64),
}

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Misbehave {
    /// What it does.
    pub how: How,
}

impl Job for Misbehave {
    const KIND: &'static str = "misbehave";
    const LANE: Lane = Lane::Bulk;
    const MAX_ATTEMPTS: u32 = 2;
    const TIMEOUT: Duration = Duration::from_secs(90);

    #[allow(clippy::panic, reason = "that is what it is for")]
    async fn run(&self, _: &Context) -> Result<Outcome, JobError> {
        match self.how {
            How::Well => {}
            How::Slowly(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            How::Panic => panic!("on purpose"),
            How::Abort(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                std::process::abort()
            }
            How::Overflow => drop(deeper(&[0; 64])),
            How::Block(ms) => std::thread::sleep(Duration::from_millis(ms)),
        }
        Ok(Outcome::unchanged())
    }
}

/// Each level has its own page, and needs what the deeper one says.
#[allow(unconditional_recursion, reason = "that is what it is for")]
fn deeper(above: &[u64; 64]) -> u64 {
    let mut here = *above;
    here[0] = here[63].wrapping_add(1);
    here[1] = deeper(&here);
    here.iter().sum()
}
