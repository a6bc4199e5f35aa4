//! The whole run: which loads, in which order.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::meter::Spread;
use crate::noop::now_us;
use crate::results::{Results, Row};
use crate::rolecall_runs::{Ask, Tools, distributed, embedded, idle};
use crate::servers::Servers;
use crate::{IDLE, contrast, print, report};

#[derive(clap::Args)]
pub(crate) struct RunArguments {
    /// The program that ships
    #[arg(long)]
    rolecall: PathBuf,
    /// Write all as JSON into this file
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write the tables into this page, between its two marks
    #[arg(long)]
    report: Option<PathBuf>,
    /// Only loads whose engine contains this, such as embedded; "idle": the processes with nothing to do; "metrics": what
    /// counting costs
    #[arg(long)]
    only: Option<String>,
}

const fn ask(load: &'static str, jobs: usize, callers: usize, batch: usize) -> Ask {
    Ask {
        load,
        jobs,
        callers,
        batch,
        rate: None,
        uncounted: false,
    }
}

const ONE_A_CALL: &str = "one a call, 256 callers";
const MANY_A_CALL: &str = "500 a call, 4 callers";
const HALF: &str = "one a call, half of that speed";

fn now_and_then(jobs: usize, rate: f64) -> Ask {
    Ask {
        rate: Some(rate),
        ..ask(IDLE, jobs, 1, 1)
    }
}

/// As many a second as half of the fastest, for some seconds.
fn half_of(fastest: &Row, callers: usize, seconds: f64) -> Ask {
    let rate = fastest.jobs_per_second.unwrap_or(2.0) / 2.0;
    Ask {
        rate: Some(rate),
        ..ask(HALF, ((rate * seconds) as usize).max(20), callers, 1)
    }
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Collects rows, and what came of those that could not be had.
struct Collector {
    results: Results,
    only: Option<String>,
    began: Instant,
}

impl Collector {
    fn wants(&self, engine: &str) -> bool {
        self.only.as_deref().is_none_or(|only| engine.contains(only))
    }

    /// Notes a row, and gives it back for those that follow from it.
    fn note(&mut self, engine: &str, row: Result<Row, String>) -> Option<Row> {
        let seconds = self.began.elapsed().as_secs();
        match row {
            Ok(row) => {
                let speed = row
                    .jobs_per_second
                    .map_or(String::new(), |n| format!(": {n:.0} jobs/s"));
                say(&format!("{seconds:>4} s  {}, {}{speed}", row.engine, row.load));
                let kept = Row {
                    jobs_per_second: row.jobs_per_second,
                    ..Row::default()
                };
                self.results.loads.push(row);
                Some(kept)
            }
            Err(error) => {
                say(&format!("{seconds:>4} s  {engine}: {error}"));
                let sentence = format!("{engine}: {error}.");
                if !self.results.missing.contains(&sentence) {
                    self.results.missing.push(sentence);
                }
                None
            }
        }
    }
}

/// Measures, prints, writes.
pub(crate) async fn run(arguments: RunArguments) -> Result<(), String> {
    let servers = Servers::named()?;
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let tools = Tools {
        this: std::env::current_exe().map_err(|e| e.to_string())?,
        rolecall: std::path::absolute(&arguments.rolecall).map_err(|e| e.to_string())?,
        folder: folder.path().to_owned(),
    };
    let mut all = Collector {
        results: circumstances(folder.path())?,
        only: arguments.only,
        began: Instant::now(),
    };
    measure_embedded(&mut all, &tools).await;
    measure_counting(&mut all, &tools).await;
    measure_distributed(&mut all, &tools, &servers).await;
    measure_others(&mut all, &servers).await;
    if all.wants("idle") {
        match idle(&tools, &servers).await {
            Ok(idle) => all.results.idle = idle,
            Err(error) => all
                .results
                .missing
                .push(format!("processes with nothing to do: {error}.")),
        }
    }
    let results = all.results;
    let page = report::markdown(&results, &report::when(results.at));
    print(&page);
    if let Some(file) = &arguments.json {
        let json = serde_json::to_string_pretty(&results).map_err(|e| e.to_string())?;
        std::fs::write(file, json + "\n").map_err(|e| format!("{}: {e}", file.display()))?;
    }
    if let Some(file) = &arguments.report {
        report::write(file, &page)?;
    }
    let ours = results.missing.iter().find(|m| m.starts_with("rolecall"));
    ours.map_or(Ok(()), |missing| Err(missing.clone()))
}

async fn measure_embedded(all: &mut Collector, tools: &Tools) {
    const ENGINE: &str = "rolecall, embedded";
    if !all.wants(ENGINE) {
        return;
    }
    all.note(ENGINE, embedded(tools, &now_and_then(250, 50.0)).await);
    let fastest = all.note(ENGINE, embedded(tools, &ask(ONE_A_CALL, 50_000, 256, 1)).await);
    all.note(ENGINE, embedded(tools, &ask(MANY_A_CALL, 50_000, 4, 500)).await);
    if let Some(fastest) = fastest {
        all.note(ENGINE, embedded(tools, &half_of(&fastest, 256, 5.0)).await);
    }
}

/// The same load with metrics and without, in turn, so that what else the machine does meets both.
async fn measure_counting(all: &mut Collector, tools: &Tools) {
    const PAIRS: usize = 5;
    if !all.wants("metrics") {
        return;
    }
    let counted = ask(ONE_A_CALL, 20_000, 256, 1);
    let uncounted = Ask {
        uncounted: true,
        ..counted.clone()
    };
    for _ in 0..PAIRS {
        for (ask, speeds) in [
            (&counted, &mut all.results.counting.with),
            (&uncounted, &mut all.results.counting.without),
        ] {
            match embedded(tools, ask).await {
                Ok(row) => speeds.extend(row.jobs_per_second),
                Err(error) => return all.results.missing.push(format!("rolecall, metrics: {error}.")),
            }
        }
    }
}

async fn measure_distributed(all: &mut Collector, tools: &Tools, servers: &Servers) {
    const ENGINE: &str = "rolecall, distributed";
    if !all.wants(ENGINE) {
        return;
    }
    all.note(ENGINE, distributed(tools, servers, &now_and_then(60, 5.0)).await);
    let one = ask("one a call, 16 callers", 480, 16, 1);
    let fastest = all.note(ENGINE, distributed(tools, servers, &one).await);
    let many = ask("100 a call, 1 caller", 500, 1, 100);
    all.note(ENGINE, distributed(tools, servers, &many).await);
    if let Some(fastest) = fastest {
        all.note(
            ENGINE,
            distributed(tools, servers, &half_of(&fastest, 16, 10.0)).await,
        );
    }
}

async fn measure_others(all: &mut Collector, servers: &Servers) {
    for ask in [now_and_then(250, 50.0), ask(ONE_A_CALL, 20_000, 256, 1)] {
        if all.wants("BullMQ") {
            all.note("BullMQ", contrast::bullmq(servers, &ask).await);
        }
    }
    for ask in [now_and_then(250, 50.0), ask("one a call, 1 caller", 5_000, 1, 1)] {
        if all.wants("Celery") {
            all.note("Celery", contrast::celery(servers, &ask).await);
        }
    }
}

fn circumstances(folder: &Path) -> Result<Results, String> {
    let output = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    let memory = std::fs::read_to_string("/proc/meminfo").ok();
    let kib = memory.and_then(|text| {
        text.lines()
            .next()?
            .split_whitespace()
            .nth(1)?
            .parse::<u64>()
            .ok()
    });
    Ok(Results {
        at: now_us() / 1_000_000,
        commit: output(&["rev-parse", "--short=12", "HEAD"]),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_gib: kib.map(|kib| kib / 1_048_576),
        fsync_ms: fsync(folder)?,
        mongo_is_test_server: std::env::var_os("TEST_MONGOD").is_some(),
        ..Results::default()
    })
}

/// What one write and its way to the disk take.
fn fsync(folder: &Path) -> Result<Spread, String> {
    let wrong = |e: std::io::Error| e.to_string();
    let mut file = std::fs::File::create(folder.join("fsync")).map_err(wrong)?;
    let mut took = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        file.write_all(&[7; 4_096])
            .and_then(|()| file.sync_data())
            .map_err(wrong)?;
        took.push(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    Ok(Spread::of(took))
}
