//! The vocabulary and the decisions of rolecall: types, pure functions, and ports (traits that adapters make real).
//!
//! Nothing here does I/O, reads a clock or rolls dice: time, randomness and settings come in as arguments, and the
//! answer is a value. What a reader looks for is in the file of that name: when a job is tried again is
//! [`verdict`], which roles a member should have is [`desired`], which calls that takes is [`plan`], when a plan is
//! held back is [`guard`].
#![warn(missing_docs)]

pub mod account;
pub mod api_key;
pub mod audit;
pub mod audit_chain;
pub mod backoff;
pub mod canary;
pub mod canonical;
pub mod cap;
pub mod cause;
pub mod company;
pub mod conditions;
#[cfg(test)]
mod conditions_tests;
pub mod cost;
pub mod dead_letter;
pub mod desired;
pub mod error;
pub mod event;
pub mod explain;
pub mod fairness;
pub mod guard;
pub mod guild;
pub mod health;
pub mod hierarchy;
pub mod ids;
pub mod job;
pub mod link;
pub mod mapping;
pub mod order;
pub mod outcome;
pub mod pause;
pub mod plan;
pub mod ports;
pub mod progress;
pub mod query;
#[cfg(test)]
mod query_tests;
pub mod quiet;
pub mod recheck;
pub mod replies;
pub mod retention;
pub mod retire;
pub mod run;
pub mod schedule;
pub mod secrets;
pub mod shares;
pub mod spread;
pub mod throughput;
pub mod time;
pub mod timeline;
pub mod turnover;
pub mod verdict;
pub mod waiting;
pub mod webhook;
pub mod worker;

pub use ids::{ChannelId, DiscordId, GroupId, GuildId, JobId, MappingId, RoleId, RunId, UserId};
pub use time::Timestamp;
