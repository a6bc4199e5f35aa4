//! What runs jobs.
//!
//! [`queue`] stores and sends, [`relay`] sends what is delayed, retried or lost ([`by_hand`]: or has it done
//! here, when nothing can be sent), [`runner`] claims, runs and settles,
//! [`heartbeat`] keeps leases alive, [`rescuer`] takes back what a dead worker held, [`engine`] starts them all,
//! [`presence`] tells of the process and hears orders about it.

pub mod audit;
pub mod bell;
pub mod by_hand;
mod canary;
pub mod company;
pub mod context;
pub mod dead_letters;
mod ending;
pub mod endpoint_notes;
pub mod endpoints;
pub mod engine;
pub mod event_watch;
pub mod events;
mod fair;
pub mod fault;
pub mod find;
pub mod fleet;
pub mod guilds;
pub mod heartbeat;
pub mod job;
pub mod lanes;
pub mod leaving;
pub mod log;
pub mod members;
pub mod meter;
pub mod observer;
pub mod patience;
pub mod pauses;
pub mod presence;
pub mod queue;
pub mod rebuild;
pub mod recheck;
pub mod registry;
pub mod relay;
pub mod rescuer;
pub mod runner;
pub mod services;
mod settling;
pub mod steering;
pub mod taking;
pub mod waiting;
