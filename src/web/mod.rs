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
mod auth;
mod change;
#[cfg(test)]
mod documents_tests;
#[cfg(test)]
mod guilds_tests;
mod health;
mod http;
mod legacy;
mod look;
mod openapi;
mod removal;
mod routes;
mod server;
mod state;
mod v1;

pub use auth::issue_token;
pub use openapi::openapi;
pub use routes::{health_router, router};
pub use server::{serve, serve_health};
