//! The program as its users have it: real processes, real Redis, a real Mongo server. Only Discord is a simulator.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says why"
)]

mod accounts;
mod api;
mod bad_input;
mod conditions;
mod demo;
mod deploy;
mod distributed;
mod embedded;
mod schemathesis;
mod support;
