//! Breaks a worker on plain apalis-redis, and says what came of it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::processes::{Program, Supervised, wait_for};
use crate::servers::Server;

/// How long anything is waited for. Longer is told as such.
const BOUND: Duration = Duration::from_secs(60);
/// How long a worker may do nothing before it is taken for stuck: with heartbeats every 30 s no earlier.
const STUCK: Duration = Duration::from_secs(40);
/// What a job is told to wait: longer than a heartbeat, at which a worker looks anew, and shorter than the bound.
const WAIT_MS: u64 = 50_000;
/// Where apalis-redis keeps the jobs of the worker's type.
const QUEUE: &str = "plain_apalis::Task";

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// SIGKILL while a job runs. With this heartbeat in seconds, or the default one.
    Killed(Option<u64>),
    Forgotten,
    /// So many jobs are due at once.
    Many(usize),
    Poison,
    ThrownOut,
    Aborts,
    /// SIGTERM, and a new start under the same name.
    SameName,
    ToldToWait,
}

struct Plain {
    redis: Server,
    program: Program,
    folder: TempDir,
}

/// A line of what the worker noted.
struct Noted {
    is_start: bool,
    n: usize,
    at_ms: i64,
}

impl Plain {
    async fn new(binary: &Path) -> Result<Self, String> {
        let redis = Server::redis().await?;
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let log = folder.path().join("jobs.log").display().to_string();
        Ok(Self {
            program: Program {
                binary: binary.to_owned(),
                folder: folder.path().to_owned(),
                env: vec![("REDIS_URL".into(), redis.url.clone()), ("PLAIN_LOG".into(), log)],
            },
            redis,
            folder,
        })
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.program.env.push((name.to_owned(), value.to_owned()));
        self
    }

    fn start(&self) -> Supervised {
        Supervised::start(self.program.clone(), "plain", &["work"], Vec::new())
    }

    async fn push(&self, work: &str, ms: u64, from: usize, count: usize) -> Result<(), String> {
        let [ms, from, count] = [ms.to_string(), from.to_string(), count.to_string()];
        let args = [
            "push", "--work", work, "--ms", &ms, "--from", &from, "--count", &count,
        ];
        self.program.run(&args).await.map(drop)
    }

    fn noted(&self) -> Vec<Noted> {
        let text = std::fs::read_to_string(self.folder.path().join("jobs.log")).unwrap_or_default();
        let line = |line: &str| {
            let mut words = line.split(' ');
            Some(Noted {
                is_start: words.next()? == "start",
                n: words.next()?.parse().ok()?,
                at_ms: words.next()?.parse().ok()?,
            })
        };
        text.lines().filter_map(line).collect()
    }

    fn starts(&self) -> usize {
        self.noted().iter().filter(|l| l.is_start).count()
    }

    /// Jobs that ended, each counted once.
    fn ended(&self) -> usize {
        let ends: std::collections::BTreeSet<usize> =
            self.noted().iter().filter(|l| !l.is_start).map(|l| l.n).collect();
        ends.len()
    }

    async fn started(&self, at_least: usize) -> Result<(), String> {
        wait_for("plain jobs to start", BOUND, async || {
            (self.starts() >= at_least).then_some(())
        })
        .await
        .map_err(|e| {
            let log = std::fs::read_to_string(self.folder.path().join("plain.log")).unwrap_or_default();
            format!("{e}; it said: {}", log.lines().last().unwrap_or("nothing"))
        })
    }

    /// Waits until so many ended, or nothing has for long.
    async fn settled(&self, count: usize) -> Result<(), String> {
        let (mut seen, mut since) = (0, Instant::now());
        wait_for("plain jobs to end or to stand still", BOUND * 2, async || {
            let now = self.noted().len();
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
            (self.ended() >= count || since.elapsed() > STUCK).then_some(())
        })
        .await
    }

    /// How many of so many ran, and how often the worker's process ended by itself.
    fn told(&self, count: usize, worker: &Supervised) -> String {
        let ends = worker.deaths().len();
        format!(
            "{} of {count} jobs ended; the worker's process ended {}",
            self.ended(),
            times(ends)
        )
    }
}

fn times(n: usize) -> String {
    match n {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        n => format!("{n} times"),
    }
}

/// Breaks it. Gives a sentence.
pub(crate) async fn probe(probe: Probe, binary: PathBuf) -> Result<String, String> {
    let plain = Plain::new(&binary).await?;
    match probe {
        Probe::Killed(heartbeat) => killed(plain, heartbeat).await,
        Probe::Forgotten => forgotten(plain).await,
        Probe::Many(count) => many(plain, count).await,
        Probe::Poison => poison(plain).await,
        Probe::ThrownOut => thrown_out(plain).await,
        Probe::Aborts => aborts(plain).await,
        Probe::SameName => same_name(plain).await,
        Probe::ToldToWait => told_to_wait(plain).await,
    }
}

async fn killed(plain: Plain, heartbeat: Option<u64>) -> Result<String, String> {
    let with = heartbeat.map(|s| s.to_string());
    let plain = match &with {
        Some(seconds) => plain.with("PLAIN_HEARTBEAT", seconds),
        None => plain,
    };
    let worker = plain.start();
    plain.push("sleep", 3_000, 0, 1).await?;
    plain.started(1).await?;
    worker.signal(Signal::KILL)?;
    let began = Instant::now();
    let again = plain.started(2).await;
    let took = began.elapsed().as_secs_f64();
    worker.finish();
    Ok(match again {
        Ok(()) => format!("the job runs again after {took:.0} s"),
        Err(_) => format!("the job does not run again within {} s", BOUND.as_secs()),
    })
}

async fn forgotten(plain: Plain) -> Result<String, String> {
    let worker = plain.start();
    plain.push("sleep", 20, 0, 300).await?;
    plain.started(20).await?;
    plain.redis.ask(&["FLUSHALL"]).await?;
    plain.settled(300).await?;
    worker.finish();
    Ok(plain.told(300, &worker))
}

async fn many(plain: Plain, count: usize) -> Result<String, String> {
    plain.push("sleep", 0, 0, count).await?;
    let worker = plain.start();
    plain.settled(count).await?;
    worker.finish();
    Ok(plain.told(count, &worker))
}

async fn poison(plain: Plain) -> Result<String, String> {
    plain
        .redis
        .ask(&["HSET", &format!("{QUEUE}:data"), "poison", "{{{"])
        .await?;
    plain
        .redis
        .ask(&["RPUSH", &format!("{QUEUE}:active"), "poison"])
        .await?;
    plain.push("sleep", 10, 0, 20).await?;
    let worker = plain.start();
    plain.settled(20).await?;
    worker.finish();
    Ok(plain.told(20, &worker))
}

async fn thrown_out(plain: Plain) -> Result<String, String> {
    let worker = plain.start();
    plain.push("sleep", 2_000, 0, 10).await?;
    plain.started(10).await?;
    plain.redis.ask(&["CLIENT", "KILL", "TYPE", "normal"]).await?;
    plain.settled(10).await?;
    worker.finish();
    let cut = plain.starts().saturating_sub(plain.ended());
    Ok(format!(
        "{}; {cut} jobs were cut off in the middle",
        plain.told(10, &worker)
    ))
}

async fn aborts(plain: Plain) -> Result<String, String> {
    // An hour would show the same with the default heartbeat.
    let plain = plain.with("PLAIN_HEARTBEAT", "1");
    let worker = plain.start();
    plain.push("abort", 0, 0, 1).await?;
    plain.started(1).await?;
    let more = wait_for("the fifth death", BOUND, async || {
        (worker.deaths().len() >= 5).then_some(())
    })
    .await;
    worker.finish();
    let deaths = worker.deaths().len();
    Ok(match more {
        Ok(()) => format!("one job killed its worker {deaths} times, and was taken again (heartbeat 1 s)"),
        Err(_) => format!(
            "one job killed its worker {deaths} times in {} s (heartbeat 1 s)",
            BOUND.as_secs()
        ),
    })
}

async fn same_name(plain: Plain) -> Result<String, String> {
    let plain = plain.with("PLAIN_NAME", "worker.1");
    let worker = plain.start();
    plain.push("sleep", 10, 0, 1).await?;
    plain.started(1).await?;
    wait_for("the job to end", BOUND, async || {
        (plain.ended() == 1).then_some(())
    })
    .await?;
    worker.stop_once().await?;
    let (began, before) = (Instant::now(), worker.deaths().len());
    plain.push("sleep", 10, 1, 1).await?;
    let again = plain.started(2).await;
    let took = began.elapsed().as_secs_f64();
    worker.finish();
    let refused = times(worker.deaths().len() - before);
    Ok(match again {
        Ok(()) => format!("works again after {took:.0} s; was refused {refused} before"),
        Err(_) => format!(
            "does not work again within {} s; was refused {refused}",
            BOUND.as_secs()
        ),
    })
}

async fn told_to_wait(plain: Plain) -> Result<String, String> {
    let worker = plain.start();
    plain.push("retry-after", WAIT_MS, 0, 1).await?;
    let again = plain.started(2).await;
    worker.finish();
    let at: Vec<i64> = plain
        .noted()
        .iter()
        .filter(|l| l.is_start)
        .map(|l| l.at_ms)
        .collect();
    Ok(match (again, at.as_slice()) {
        (Ok(()), [first, second, ..]) => {
            format!(
                "told to wait {} s, tried again after {:.1} s",
                WAIT_MS / 1_000,
                (second - first) as f64 / 1_000.0
            )
        }
        _ => format!(
            "told to wait {} s, did not try again within {} s",
            WAIT_MS / 1_000,
            BOUND.as_secs()
        ),
    })
}
