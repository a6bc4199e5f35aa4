//! Discord's limits: pure decisions ([`bucket`], [`queue`], [`budget`], [`state`]) and the limiter of one process
//! ([`memory`]).
//!
//! The pure parts know no clock: the time comes in as Discord seconds since the limiter was made. In production those
//! are real seconds; against a simulator with a faster clock, one real second is `speed` of them.

pub mod bucket;
pub mod budget;
pub mod memory;
pub mod queue;
mod state;

pub use memory::{LimiterSettings, MemoryLimiter};

#[cfg(test)]
mod memory_tests;
#[cfg(test)]
mod model;
#[cfg(test)]
mod throughput_tests;
