//! Discord's limits: pure decisions ([`bucket`], [`queue`], [`budget`], [`state`]), the limiter of one process
//! ([`memory`]), the one of all processes that share a data folder ([`file`]), and the one of all processes that share a
//! Redis ([`redis`]), where scripts decide the same.
//!
//! The pure parts know no clock: the time comes in as Discord seconds since the limiter was made. In production those
//! are real seconds; against a simulator with a faster clock, one real second is `speed` of them.

pub mod bucket;
pub mod budget;
pub mod file;
pub mod memory;
pub mod queue;
pub mod redis;
mod state;
mod waits;
mod words;

use std::time::Duration;

pub use self::file::FileLimiter;
pub use self::memory::{LimiterSettings, MemoryLimiter};
pub use self::redis::RedisLimiter;

/// Real seconds after which a call without a report is given up: its process died. Longer than any call may take, and
/// shorter than a lease (15 s), so that a dead worker's job, once it is taken back, does not wait for its own permit.
const FLIGHT: f64 = 12.5;
/// Real seconds that what is kept outside of the process stays when nobody uses it, beyond what it still forbids.
const KEPT: u32 = 3_600;
/// Real seconds that a process counts since it last asked.
const PROCESS_SEEN: f64 = 60.0;
/// Least sleep of a waiting caller: a tick of tokio's timer.
const TICK: Duration = Duration::from_millis(1);

#[cfg(test)]
mod memory_tests;
#[cfg(test)]
mod model;
#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod throughput_tests;
