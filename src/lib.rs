//! The one binary of rolecall: configuration, wiring, the front door (HTTP and command line), and the processes.

pub mod app;
pub mod cli;
pub mod config;
pub mod demo;
pub mod healthcheck;
pub mod logging;
pub mod processes;
pub mod random;
pub mod release;
pub mod scheduler;
pub mod secret_files;
pub mod simulator_process;
pub mod web;
pub mod wiring;
