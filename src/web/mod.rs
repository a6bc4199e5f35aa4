//! The front door over HTTP: the `/discord` paths that go-falcon's callers know, `/v1` for everybody else, and health.
//!
//! One route is one file, with its document beside it: [`legacy`] has the old ones, [`v1`] the new ones. What all of
//! them share (errors, bodies, cursors, layers) is in [`http`], who is asking in [`auth`].
#![allow(
    rustdoc::private_intra_doc_links,
    reason = "readers of the source follow them"
)]

#[cfg(test)]
mod access_tests;
#[cfg(test)]
mod answers_tests;
#[cfg(test)]
mod audit_tests;
mod auth;
#[cfg(test)]
mod bulk_tests;
#[cfg(test)]
mod callers_tests;
mod change;
#[cfg(test)]
mod dead_letters_tests;
#[cfg(test)]
mod documents_tests;
#[cfg(test)]
mod fleet_tests;
#[cfg(test)]
mod guilds_tests;
mod health;
mod http;
#[cfg(test)]
mod keys_tests;
mod legacy;
mod look;
#[cfg(test)]
mod member_tests;
mod metrics;
mod openapi;
#[cfg(test)]
mod operators_tests;
#[cfg(test)]
mod removal_jobs_tests;
#[cfg(test)]
mod removal_tests;
#[cfg(test)]
mod repeats_tests;
mod routes;
#[cfg(test)]
mod schedules_tests;
mod server;
#[cfg(test)]
mod shown_tests;
mod state;
#[cfg(test)]
mod sync_tests;
#[cfg(test)]
mod trail_tests;
mod v1;
mod wait;
#[cfg(test)]
mod walk_tests;
#[cfg(test)]
mod webhooks_tests;

pub use auth::issue_token;
pub use auth::memory::hash as hash_of_key;
pub(crate) use legacy::auth::begin_logins;
pub use openapi::openapi;
pub use routes::{health_router, router};
pub use server::{serve, serve_health, serve_metrics};
