//! A plain model of the ledger, and what plays the same commands on it and on a store.
//!
//! The model shares the types of `core` with the stores, and no code: it is a map of jobs and what the port's
//! documentation says, in the fewest words.

mod adopt;
mod commands;
mod ledger;
mod play;

pub(crate) use commands::commands;
pub(crate) use play::play;
