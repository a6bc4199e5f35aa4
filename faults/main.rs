//! `rolecall-faults`: breaks real processes of rolecall, and checks that nothing was lost.
//!
//! `run` plays scenarios (catalogue.rs, scenarios.rs) with a `rolecall` that can be killed at chosen points; after each one, `check`
//! runs as a process of its own over what is left (evidence.rs, check.rs). It shares no code with the engine.

mod audit;
mod case;
mod catalogue;
mod check;
mod evidence;
mod http;
mod ledger;
mod outside;
mod poison;
mod processes;
mod report;
mod runner;
mod scenarios;
mod servers;
mod stage;
mod tokens;
mod world;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};

use crate::case::Case;
use crate::catalogue::{all, mechanisms};
use crate::runner::Played;
use crate::stage::Tools;

/// Between these lines of docs/reliability.md stands the run.
const BEGIN: &str = "<!-- the run -->";
const END: &str = "<!-- the end of the run -->";

#[derive(Parser)]
#[command(
    name = "rolecall-faults",
    about = "Breaks real processes of rolecall, and checks that nothing was lost"
)]
struct Arguments {
    #[command(subcommand)]
    command: Job,
}

#[derive(Subcommand)]
enum Job {
    /// Plays scenarios; ends with 1 if one of them is not as it should be
    Run(RunArguments),
    /// Checks what one scenario left; ends with 1 if an invariant is broken
    Check {
        /// What to look at (JSON)
        #[arg(long)]
        case: PathBuf,
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Names all scenarios
    List,
}

#[derive(clap::Args)]
struct RunArguments {
    /// A `rolecall` with the feature `faults` (`scripts/faulty-rolecall` builds it)
    #[arg(long)]
    rolecall: PathBuf,
    /// Only the short part, which `make test` plays
    #[arg(long)]
    short: bool,
    /// Only scenarios whose names contain this
    #[arg(long)]
    only: Option<String>,
    /// Leave out what shows that the suite notices
    #[arg(long)]
    only_green: bool,
    /// So many scenarios at once
    #[arg(long, default_value_t = 8)]
    at_once: usize,
    /// Decides who is in which group
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the run into this file, between its two marks
    #[arg(long)]
    report: Option<PathBuf>,
    /// Copy what failed scenarios left into this folder
    #[arg(long)]
    keep: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match Arguments::parse().command {
        Job::Run(arguments) => run(arguments).await,
        Job::Check { case, json } => check(&case, json).await,
        Job::List => list(),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn list() -> Result<bool, String> {
    for scenario in all() {
        print(&format!(
            "{}{}",
            scenario.name(),
            if scenario.short { " (short)" } else { "" }
        ));
    }
    for (gone, scenario, noticed_by) in mechanisms() {
        print(&format!(
            "{} without {gone}: breaks {noticed_by}",
            scenario.name()
        ));
    }
    Ok(true)
}

async fn check(path: &Path, json: bool) -> Result<bool, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let case: Case = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    let found = check::check(&case, &evidence::collect(&case).await?);
    if json {
        print(&serde_json::to_string(&found).map_err(|e| e.to_string())?);
    } else {
        print(&report::table(&found));
    }
    Ok(found.broken().is_empty())
}

async fn run(arguments: RunArguments) -> Result<bool, String> {
    let rolecall = arguments.rolecall.canonicalize();
    let tools = Tools {
        rolecall: rolecall.map_err(|e| format!("{}: {e}", arguments.rolecall.display()))?,
        seed: arguments.seed,
        keep: arguments.keep,
    };
    let green = all()
        .into_iter()
        .filter(|s| s.short || !arguments.short)
        .map(|s| (s, None));
    let red = mechanisms()
        .into_iter()
        .map(|(gone, scenario, by)| (scenario, Some((gone, by))));
    let red = red.filter(|_| !arguments.short && !arguments.only_green);
    let meant = green.chain(red).filter(|(scenario, _)| {
        arguments
            .only
            .as_ref()
            .is_none_or(|part| scenario.name().contains(part.as_str()))
    });
    let began = Instant::now();
    let plays = runner::play(meant.collect(), &tools, arguments.at_once);
    // Whoever ends the suite ends what it started: processes end when what holds them is dropped.
    let played = tokio::select! {
        played = plays => played,
        interrupted = interrupted() => return interrupted,
    };
    let text = report::markdown(&played, arguments.seed, began.elapsed().as_secs_f64());
    match &arguments.report {
        Some(path) => write_into(path, &text)?,
        None => print(&text),
    }
    Ok(!played.is_empty() && played.iter().all(Played::is_right))
}

async fn interrupted() -> Result<bool, String> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    let mut int = signal(SignalKind::interrupt()).map_err(|e| e.to_string())?;
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    Err("interrupted".into())
}

fn write_into(path: &Path, run: &str) -> Result<(), String> {
    let fail = |e: std::io::Error| format!("{}: {e}", path.display());
    let old = std::fs::read_to_string(path).map_err(fail)?;
    let marks = old
        .split_once(BEGIN)
        .and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = marks.ok_or_else(|| format!("{} has no lines {BEGIN} and {END}", path.display()))?;
    std::fs::write(path, format!("{head}{BEGIN}\n\n{run}\n{END}{tail}")).map_err(fail)
}
