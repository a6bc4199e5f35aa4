//! The one binary of rolecall: configuration, wiring, the front door (HTTP and command line), and the processes.

pub mod app;
pub mod config;
