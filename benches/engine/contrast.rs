//! BullMQ and Celery on the same Redis, with the same jobs. `scripts/bench-engine` installs them where it can, and names their
//! folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::children::start;
use crate::meter::Spread;
use crate::proxy::Proxy;
use crate::results::Row;
use crate::rolecall_runs::Ask;
use crate::servers::Servers;
use crate::wire::Wire;

/// Folder with `node_modules/bullmq`.
pub(crate) const BULLMQ: &str = "BENCH_BULLMQ";
/// Folder of a virtual environment with Celery.
pub(crate) const CELERY: &str = "BENCH_CELERY";
/// A database of the test's Redis that nobody else uses: Celery has no name for its keys.
const CELERY_DATABASE: u8 = 9;

#[derive(Deserialize)]
struct Sent {
    seconds: f64,
    cpu_ms: Option<f64>,
    /// Celery's results carry it; BullMQ's worker tells it.
    #[serde(default)]
    start_ms: Vec<f64>,
}

#[derive(Deserialize)]
struct Worked {
    start_ms: Vec<f64>,
    cpu_ms: f64,
}

fn spread(millis: &[f64]) -> Spread {
    Spread::of(millis.iter().map(|ms| (ms * 1_000.0) as u64).collect())
}

/// The folder that the variable names, or why there is none.
fn folder(variable: &str, what: &str) -> Result<PathBuf, String> {
    let named = std::env::var_os(variable).filter(|folder| !folder.is_empty());
    named
        .map(PathBuf::from)
        .ok_or_else(|| format!("{what} is not compared: it could not be installed here"))
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contrast")
}

fn row(engine: &str, ask: &Ask, sent: &Sent, start_ms: &[f64], redis: &Proxy) -> Row {
    let asked = redis.asked();
    let a_job = |n: f64| n / ask.jobs as f64;
    Row {
        engine: engine.to_owned(),
        load: ask.load.to_owned(),
        jobs: ask.jobs,
        jobs_per_second: ask.rate.is_none().then(|| ask.jobs as f64 / sent.seconds),
        start_ms: Some(spread(start_ms)),
        redis_calls_per_job: Some(a_job(asked.packets as f64)),
        redis_commands: asked
            .commands
            .iter()
            .map(|(name, n)| (name.clone(), a_job(*n as f64)))
            .collect::<BTreeMap<_, _>>(),
        ..Row::default()
    }
}

/// A producer and a worker of 64 at a time, each a Node process.
pub(crate) async fn bullmq(servers: &Servers, ask: &Ask) -> Result<Row, String> {
    let installed = folder(BULLMQ, "BullMQ")?;
    let redis = Proxy::start(servers.redis_address()?, Wire::Redis).await?;
    let env = [
        ("REDIS_URL", format!("redis://127.0.0.1:{}/0", redis.port)),
        ("QUEUE", format!("bench{:x}", crate::noop::now_us())),
    ];
    let script = sources().join("bullmq.mjs").display().to_string();
    let place = installed.display().to_string();
    let node = Path::new("node");
    let mut worker = start(node, &[&script, &place, "work"], &installed, &env)?;
    worker.first_line().await?;
    let numbers = [
        ask.jobs.to_string(),
        ask.callers.to_string(),
        ask.rate.unwrap_or(0.0).to_string(),
    ];
    let args = [&script, &place, "send", &numbers[0], &numbers[1], &numbers[2]];
    let sent: Sent = start(node, &args, &installed, &env)?.result().await?;
    worker.stop();
    let worked: Worked = worker.result().await?;
    let mut row = row("BullMQ", ask, &sent, &worked.start_ms, &redis);
    let a_job = |ms: f64| ms / ask.jobs as f64;
    row.cpu_ms_per_job
        .extend(sent.cpu_ms.map(|ms| ("accepting".to_owned(), a_job(ms))));
    row.cpu_ms_per_job
        .insert("worker".to_owned(), a_job(worked.cpu_ms));
    Ok(row)
}

/// A producer, which Celery has one call at a time, and a worker of two processes.
pub(crate) async fn celery(servers: &Servers, ask: &Ask) -> Result<Row, String> {
    let installed = folder(CELERY, "Celery")?;
    let redis = Proxy::start(servers.redis_address()?, Wire::Redis).await?;
    let env = [
        (
            "REDIS_URL",
            format!("redis://127.0.0.1:{}/{CELERY_DATABASE}", redis.port),
        ),
        // It warns of the rights of whoever runs the benchmark.
        ("PYTHONWARNINGS", "ignore".to_owned()),
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
    ];
    let python = installed.join("bin/python");
    let worker = start(
        &python,
        &[
            "-m",
            "celery",
            "-q",
            "-A",
            "noop_celery",
            "worker",
            "--concurrency=2",
            "--loglevel=error",
            "--without-gossip",
            "--without-mingle",
        ],
        &sources(),
        &env,
    )?;
    let numbers = [ask.jobs.to_string(), ask.rate.unwrap_or(0.0).to_string()];
    let sender = start(
        &python,
        &["noop_celery.py", &numbers[0], &numbers[1]],
        &sources(),
        &env,
    )?;
    let sent: Sent = sender.result().await?;
    worker.stop();
    worker.end().await;
    Ok(row("Celery", ask, &sent, &sent.start_ms, &redis))
}
