//! The client against a stand-in that answers awkward things.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod oauth;
mod person;
mod requests;
mod stub;
