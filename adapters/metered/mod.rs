//! What is counted and measured, at the edge: around a port, or where a call leaves the process. Nothing decides by a
//! number of this module.
//!
//! Every metric is a line of [`table`], so that a name is written once; `docs/metrics.md` is made of it. Without a
//! recorder (in a command) nothing is kept.

mod accounts;
mod directory;
mod guilds;
mod kinds;
mod ledger;
pub mod table;
mod timed;

pub use accounts::{MeteredAccounts, MeteredLinks};
pub use directory::MeteredDirectory;
pub use guilds::guild_label;
pub use kinds::{Counter, Gauge, Histogram, Kind, Metric};
pub use ledger::MeteredLedger;
