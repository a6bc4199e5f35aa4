//! Who is told what the kernel does: to count it, and to trace it. Nothing waits for an observer, and nothing depends on
//! one.

use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_core::error::JobError;
use rolecall_core::job::{Job, Lane};
use rolecall_core::ports::{Rescued, Settlement};
use rolecall_core::run::Run;
use tracing::Span;

/// What became of an envelope, by its written name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Its job is ours.
    Claimed,
    /// Another job with its concurrency key is running.
    Busy,
    /// Somebody else had it.
    Gone,
    /// The ledger did not answer.
    Failed,
}

impl Taken {
    /// The written name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Busy => "busy",
            Self::Gone => "gone",
            Self::Failed => "failed",
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// What was settled; `None`: the lease was lost, somebody else has the job.
    pub settlement: Option<&'a Settlement>,
    /// Why it failed, or has to wait.
    pub error: Option<&'a JobError>,
    /// How long it took.
    pub took: Duration,
}

/// See the module. Every method may be left out.
pub trait Observer: Send + Sync + 'static {
    /// An envelope came.
    fn taken(&self, _: Taken) {}
    /// An attempt begins. `span` is its own, and not entered yet.
    fn begun(&self, _job: &Job, _now: Timestamp, _span: &Span) {}
    /// It ended; its span is the current one.
    fn ended(&self, _job: &Job, _: Ended<'_>) {}
    /// A job was taken back from a worker that went away.
    fn rescued(&self, _: &Rescued) {}
    /// So many envelopes were sent again.
    fn sent_again(&self, _: Lane, _envelopes: usize) {}
    /// A run ended.
    fn run_ended(&self, _: &Run) {}
}

/// Nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}
