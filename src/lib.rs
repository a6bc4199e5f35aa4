//! The one binary of rolecall: configuration, wiring, the front door (HTTP and command line), and the processes.

pub mod app;
mod budget_view;
mod bulk_preview;
mod bulk_view;
mod check_view;
pub mod cli;
pub mod config;
mod cursor;
pub mod data_folder;
mod dead_letter_view;
mod delivery_view;
pub mod demo;
mod endpoint_view;
#[cfg(test)]
mod event_tests;
pub mod export;
mod fleet_view;
#[cfg(test)]
mod fuzz_tests;
pub mod healthcheck;
mod job_view;
#[cfg(test)]
mod join_tests;
#[cfg(test)]
mod kernel_tests;
mod keys;
pub mod logging;
mod member;
mod page_size;
mod pause_view;
pub mod processes;
mod queue_view;
pub mod random;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod refresh_tests;
pub mod release;
#[cfg(test)]
mod retention_tests;
mod run_view;
pub mod scheduler;
pub mod schedules;
pub mod secret_files;
pub mod simulator_process;
pub mod telemetry;
#[cfg(test)]
mod testing;
mod timetable;
pub mod trail;
#[cfg(test)]
mod upkeep_tests;
pub mod web;
pub mod wiring;
