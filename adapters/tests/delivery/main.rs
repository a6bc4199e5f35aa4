//! What every delivery must do, and what the one through Redis must survive.
//!
//! The shared server is named by `TEST_REDIS_URL`; tests that break a server start their own (`TEST_REDIS_SERVER`,
//! by default `redis-server` on the path).

#![expect(clippy::unwrap_used, reason = "the helpers are tests too")]

mod calls;
mod conformance;
mod contents;
mod facts;
mod faults;
mod measure;
mod scene;
mod server;
mod support;
