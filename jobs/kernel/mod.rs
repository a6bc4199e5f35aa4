//! What runs jobs.
//!
//! [`queue`] stores and sends, [`relay`] sends what is delayed, retried or lost, [`runner`] claims, runs and settles,
//! [`heartbeat`] keeps leases alive, [`rescuer`] takes back what a dead worker held, [`engine`] starts them all.

pub mod bell;
pub mod context;
pub mod dead_letters;
mod ending;
pub mod engine;
mod fair;
pub mod fault;
pub mod find;
pub mod guilds;
pub mod heartbeat;
pub mod job;
pub mod leaving;
pub mod log;
pub mod members;
pub mod pauses;
pub mod queue;
pub mod registry;
pub mod relay;
pub mod rescuer;
pub mod runner;
pub mod services;
pub mod steering;
pub mod taking;
