//! The ports of [`rolecall_core::ports`] made real: where jobs are stored, how they are delivered, how Discord is
//! called and its limits are kept, where groups come from, how secrets are sealed.
#![warn(missing_docs)]

pub mod clock;
pub mod delivery;
pub mod directory;
pub mod discord;
mod http;
pub mod limiter;
pub mod metered;
pub mod otlp;
pub mod permissions;
pub mod store;
pub mod vault;
