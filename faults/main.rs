//! `rolecall-faults`: breaks real processes of rolecall, and checks that nothing was lost.
//!
//! `run` plays scenarios (catalogue.rs, scenarios.rs) with a `rolecall` that can be killed at chosen points; after each one, `check`
//! runs as a process of its own over what is left (evidence.rs, check.rs). It shares no code with the engine.

mod audit;
mod case;
mod catalogue;
mod check;
mod client;
mod contrast;
mod discord_faults;
mod duplicates;
mod engine_faults;
mod environment;
mod evidence;
mod flight;
mod http;
mod lanes;
mod leaks;
mod ledger;
mod links;
mod logins;
mod mechanisms;
mod obeys;
mod outside;
mod page;
mod planted;
mod plays;
mod poison;
mod processes;
mod proxy;
mod pulse;
mod races;
mod redis_faults;
mod removals;
mod report;
mod runner;
mod runs;
mod scenarios;
mod servers;
mod soak;
mod stage;
mod stale;
mod tokens;
mod told;
mod world;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};

use crate::case::Case;
use crate::catalogue::all;
use crate::mechanisms::mechanisms;
use crate::page::Section;
use crate::runner::{Play, Played};
use crate::stage::{Mode, Tools};

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
    /// Takes each mechanism away, and plays the scenario that has to notice; ends with 1 if one does not
    Prove(PlayArguments),
    /// Works and breaks at random for some minutes, then checks; ends with 1 if something is broken
    Soak(SoakArguments),
    /// Breaks a worker on plain apalis-redis and rolecall in the same ways; ends with 1 if rolecall does not hold
    Contrast {
        #[command(flatten)]
        play: PlayArguments,
        /// The program `plain-apalis` of this crate
        #[arg(long)]
        plain: PathBuf,
    },
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
    #[command(flatten)]
    play: PlayArguments,
    /// Only the short part, which `make test` plays; with it, a few mechanisms are taken away
    #[arg(long)]
    short: bool,
}

#[derive(clap::Args)]
struct SoakArguments {
    /// A `rolecall` with the feature `faults`
    #[arg(long)]
    rolecall: PathBuf,
    /// How long
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Decides what is done, and when; by default a new one, which is printed
    #[arg(long)]
    seed: Option<u64>,
    /// How it is installed; by default in both ways, one after the other, half of the time each
    #[arg(long)]
    mode: Option<Mode>,
    /// Take this mechanism away (of the table that `prove` writes): such a run has to find something broken
    #[arg(long)]
    without: Option<String>,
    /// Print what would be done, and do nothing
    #[arg(long)]
    plan: bool,
    /// Copy what a run left that is broken into this folder
    #[arg(long)]
    keep: Option<PathBuf>,
}

#[derive(clap::Args)]
struct PlayArguments {
    /// A `rolecall` with the feature `faults` (`scripts/faulty-rolecall` builds it)
    #[arg(long)]
    rolecall: PathBuf,
    /// Only scenarios whose names contain this, or what is without a mechanism of this name
    #[arg(long)]
    only: Option<String>,
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

impl PlayArguments {
    fn tools(&self) -> Result<Tools, String> {
        Ok(Tools {
            rolecall: binary(&self.rolecall)?,
            seed: self.seed,
            keep: self.keep.clone(),
        })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match Arguments::parse().command {
        Job::Run(arguments) => run(arguments).await,
        Job::Prove(arguments) => {
            let proofs = mechanisms().into_iter().map(Play::without).collect();
            play(arguments, proofs, Section::Proof).await
        }
        Job::Soak(arguments) => soak(arguments).await,
        Job::Contrast { play, plain } => compare(play, &plain).await,
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
    for proof in mechanisms() {
        print(&format!(
            "{} without {}: breaks {}",
            proof.scenario.name(),
            proof.gone,
            proof.noticed_by
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
    let green = all().into_iter().map(Play::with_all);
    let red = mechanisms().into_iter().map(Play::without);
    let meant = if arguments.short {
        green.chain(red).filter(|p| p.scenario.short).collect()
    } else {
        green.collect()
    };
    play(arguments.play, meant, Section::Run).await
}

async fn play(arguments: PlayArguments, plays: Vec<Play>, section: Section) -> Result<bool, String> {
    let tools = arguments.tools()?;
    let only = arguments.only.unwrap_or_default();
    let meant = plays.into_iter().filter(|p| p.is_called(&only)).collect();
    let began = Instant::now();
    let played = until_interrupted(runner::play(meant, &tools, arguments.at_once)).await?;
    let text = report::markdown(&played, arguments.seed, began.elapsed().as_secs_f64());
    section.tell(arguments.report.as_deref(), &text)?;
    Ok(!played.is_empty() && played.iter().all(Played::is_right))
}

async fn soak(arguments: SoakArguments) -> Result<bool, String> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let modes = arguments
        .mode
        .map_or(vec![Mode::Embedded, Mode::Distributed], |mode| vec![mode]);
    let all = Duration::from_secs_f64(arguments.minutes.clamp(0.0, 10_000.0) * 60.0);
    let each = all / u32::try_from(modes.len()).unwrap_or(1);
    let tools = Tools {
        rolecall: binary(&arguments.rolecall)?,
        seed,
        keep: arguments.keep,
    };
    let without = arguments.without.as_deref().map(mechanism).transpose()?;
    let mut holds = true;
    for mode in modes {
        let again = format!(
            "--seed {seed} --mode {mode} --minutes {}{}",
            each.as_secs_f64() / 60.0,
            without.map_or(String::new(), |name| format!(" --without {name}"))
        );
        print(&format!(
            "soak {mode}, seed {seed}; the same again: make soak ARGS=\"{again}\""
        ));
        if arguments.plan {
            let length = u64::try_from(each.as_millis()).unwrap_or(u64::MAX);
            soak::plan(seed, length, mode)
                .iter()
                .for_each(|planned| print(&planned.to_string()));
            continue;
        }
        let soaked = until_interrupted(soak::soak(mode, each, without, &tools)).await??;
        print(&soaked.table);
        print(&format!(
            "soak {mode}, seed {seed}: {}",
            if soaked.played.is_right() {
                "holds"
            } else {
                "BROKEN"
            }
        ));
        holds &= soaked.played.is_right();
    }
    Ok(holds)
}

async fn compare(arguments: PlayArguments, plain: &Path) -> Result<bool, String> {
    let tools = arguments.tools()?;
    let plain = binary(plain)?;
    let began = Instant::now();
    let pairs = contrast::play(&plain, &tools, arguments.at_once);
    let (table, holds) = until_interrupted(pairs).await??;
    let mut text = report::about("", arguments.seed, began.elapsed().as_secs_f64());
    text.push_str(&table);
    Section::Contrast.tell(arguments.report.as_deref(), &text)?;
    Ok(holds)
}

/// A mechanism by its name.
fn mechanism(name: &str) -> Result<&'static str, String> {
    let known = mechanisms();
    let found = known.iter().find(|proof| proof.gone == name);
    found.map(|proof| proof.gone).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|proof| proof.gone).collect();
        format!("there is no mechanism {name}: it is one of {}", names.join(", "))
    })
}

fn binary(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize()
        .map_err(|e| format!("{}: {e}", path.display()))
}

/// Whoever ends the suite ends what it started: processes end when what holds them is dropped.
async fn until_interrupted<T>(work: impl Future<Output = T>) -> Result<T, String> {
    tokio::select! {
        done = work => Ok(done),
        error = interrupted() => Err(error?),
    }
}

async fn interrupted() -> Result<String, String> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    let mut int = signal(SignalKind::interrupt()).map_err(|e| e.to_string())?;
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    Ok("interrupted".into())
}
