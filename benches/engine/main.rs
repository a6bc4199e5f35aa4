//! `rolecall-bench-engine`: measures the engine with jobs that do nothing, on their whole way: accepted, stored, sent,
//! claimed, run, settled.
//!
//! `run` starts processes of its own (`part`), counts what they ask the servers for (`proxy`), puts BullMQ and Celery beside
//! them (`contrast`), and writes what came of it (`report`).

mod children;
mod commits;
mod contrast;
mod load;
mod meter;
mod noop;
mod part;
mod proxy;
mod report;
mod results;
mod rolecall_runs;
mod run;
mod servers;
mod wire;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::load::Load;
use crate::run::RunArguments;

/// The load by whose name the page finds how soon a job starts when nothing else is there.
const IDLE: &str = "one now and then";

#[derive(Parser)]
#[command(
    name = "rolecall-bench-engine",
    about = "Measures the engine with jobs that do nothing"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures all, and prints it; ends with 1 if something could not be measured that should have been
    Run(RunArguments),
    /// One process that does everything, on the embedded store; settings from the environment, as for rolecall
    Embedded(Load),
    /// The accepting process
    Accept(Load),
    /// A working process, until SIGTERM
    Work,
}

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match Arguments::parse().command {
        Command::Run(arguments) => run::run(arguments).await,
        Command::Embedded(load) => part::send(load, true).await,
        Command::Accept(load) => part::send(load, false).await,
        Command::Work => part::work().await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
