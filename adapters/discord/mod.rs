//! Discord's HTTP API: one call of the port each, with typed errors, every one through the limiter.
//!
//! Nothing is repeated in here: whether a call is tried again is decided by the job that made it.

mod client;
mod errors;
#[cfg(test)]
mod garbage_tests;
mod guilds;
mod headers;
mod join;
mod measured;
mod members;
mod messages;
mod model;
mod oauth;
mod person;
mod port;
mod roles;
pub mod routes;
mod settings;

pub use client::{DiscordClient, SPANS};
pub use settings::{ClientError, DiscordSettings};
