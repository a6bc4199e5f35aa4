//! A little Discord.
//!
//! It answers the part of Discord's HTTP API that role keeping needs, with the same errors, permissions and rate
//! limits, on a clock that can run faster than real time. It is used in process by demonstrations, tests and
//! benchmarks, and stands alone as `rolecall simulator`.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use rolecall_simulator::{Simulator, SimulatorConfig};
//!
//! let simulator = Simulator::new(SimulatorConfig { speed: 10.0, ..SimulatorConfig::default() });
//! let world = simulator.seed_small_world();
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:4000").await?;
//! simulator.serve(listener, std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Where to look: what a call does, `api/`; in which order a call is judged, `pipeline.rs`; how large the limits
//! are, `limits.rs`; what can go wrong, `faults.rs`; what is a guess, `config.rs`.

mod api;
mod buckets;
mod building;
mod clock;
mod config;
mod consent;
mod control;
mod errors;
mod faults;
mod guild;
mod ids;
mod json;
pub mod limits;
mod page;
mod people;
pub mod permissions;
mod pipeline;
pub mod ports;
mod routes;
mod seed;
mod serve;
mod simulator;
#[cfg(test)]
mod testing;
mod time;
mod tokens;
mod traffic;
mod world;

pub use building::{BotIn, NewGuild, NewRole};
pub use clock::SimClock;
pub use config::{GlobalWindow, LimitOverride, NotInGuild, SimulatorConfig};
pub use faults::{Fault, FaultKind, FaultsHandle};
pub use seed::SmallWorld;
pub use simulator::Simulator;
pub use tokens::TokenPair;
pub use traffic::{Call, Counters, RateLimited, Refusal};
pub use world::JoinTrouble;
