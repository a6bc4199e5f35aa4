//! The program as its users have it: real processes, real Redis, a real Mongo server. Only Discord is a simulator.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says why"
)]

mod accounts;
mod answers;
mod api;
mod bad_input;
mod both_doors;
mod browser_login;
mod callers;
mod canary;
mod conditions;
mod curl;
mod data_file;
mod demo;
mod deploy;
mod distributed;
mod embedded;
mod fleet;
mod frontend;
mod guilds;
mod joins;
mod one_file;
mod operators;
mod queue_rebuild;
mod removal;
mod repeats;
mod retention;
mod schemathesis;
mod shipped;
mod support;
mod telemetry;
mod terminal;
mod tour;
mod webhooks;
mod who_counts;
