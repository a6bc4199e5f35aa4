//! Discord's limits: pure decisions ([`bucket`], [`queue`], [`budget`], [`state`]), the limiter of one process
//! ([`memory`]), and the one of all processes that share a Redis ([`redis`]), where scripts decide the same.
//!
//! The pure parts know no clock: the time comes in as Discord seconds since the limiter was made. In production those
//! are real seconds; against a simulator with a faster clock, one real second is `speed` of them.

pub mod bucket;
pub mod budget;
pub mod memory;
pub mod queue;
pub mod redis;
mod state;
mod words;

pub use memory::{LimiterSettings, MemoryLimiter};
pub use redis::RedisLimiter;

#[cfg(test)]
mod memory_tests;
#[cfg(test)]
mod model;
#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod throughput_tests;
