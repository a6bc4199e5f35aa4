//! `plain-apalis`: a worker on apalis-redis as its own documentation shows it, to stand beside rolecall in the table of
//! docs/reliability.md. No part of rolecall.
//!
//! What it starts and ends it appends to a file, a line each: `start|end NUMBER UNIX_MS`.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use apalis::prelude::{BackendExt, BoxDynError, Data, RetryAfterError, TaskSink, WorkerBuilder};
use apalis_redis::{Config, RedisStorage};
use clap::{Parser, Subcommand};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

/// The documentation leaves the interval to the user; without one, an idle worker looks every 30 s only.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// Redis does nothing else meanwhile.
const PUSHED_AT_ONCE: usize = 1_000;

/// What a job does.
#[derive(Debug, Clone, Serialize, Deserialize, clap::ValueEnum, Default)]
enum Work {
    /// Takes this long.
    #[default]
    Sleep,
    /// Ends the process.
    Abort,
    /// Is told to come again after this long.
    RetryAfter,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Task {
    n: usize,
    work: Work,
    ms: u64,
}

#[derive(Parser)]
struct Arguments {
    #[arg(long, env = "REDIS_URL")]
    redis: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Works until SIGTERM
    Work {
        /// Its name; by default a new one with every start
        #[arg(long, env = "PLAIN_NAME")]
        name: Option<String>,
        /// Heartbeat in seconds; a worker is dead after three. By default, what apalis-redis says
        #[arg(long, env = "PLAIN_HEARTBEAT")]
        heartbeat: Option<u64>,
        /// The file that is told of starts and ends
        #[arg(long, env = "PLAIN_LOG")]
        log: PathBuf,
    },
    /// Stores jobs, all at once
    Push {
        #[arg(long)]
        work: Work,
        #[arg(long)]
        ms: u64,
        #[arg(long, default_value_t = 0)]
        from: usize,
        #[arg(long, default_value_t = 1)]
        count: usize,
    },
}

#[derive(Clone)]
struct Log(PathBuf);

impl Log {
    fn note(&self, what: &str, n: usize) -> std::io::Result<()> {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.0)?;
        file.write_all(format!("{what} {n} {}\n", at.as_millis()).as_bytes())
    }
}

async fn handle(task: Task, log: Data<Log>) -> Result<(), BoxDynError> {
    log.note("start", task.n)?;
    let time = Duration::from_millis(task.ms);
    match task.work {
        Work::Sleep => tokio::time::sleep(time).await,
        Work::Abort => std::process::abort(),
        Work::RetryAfter => return Err(Box::new(RetryAfterError::new("told to wait", time))),
    }
    log.note("end", task.n)?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), BoxDynError> {
    let arguments = Arguments::parse();
    let connection = apalis_redis::connect(arguments.redis).await?;
    match arguments.command {
        Command::Push {
            work,
            ms,
            from,
            count,
        } => {
            let mut storage = RedisStorage::new(connection);
            let task = |n| Task {
                n,
                work: work.clone(),
                ms,
            };
            let all: Vec<Task> = (from..from + count).map(task).collect();
            for part in all.chunks(PUSHED_AT_ONCE) {
                storage.push_bulk(part.to_vec()).await?;
            }
        }
        Command::Work { name, heartbeat, log } => {
            // As `RedisStorage::new` names it.
            let mut config = Config::default().queue(std::any::type_name::<Task>());
            if let Some(seconds) = heartbeat {
                config = config
                    .heartbeat_interval(Duration::from_secs(seconds))
                    .missed_heartbeats(3);
            }
            let storage = RedisStorage::new(connection)
                .with_config(config)
                .poll_with_interval(POLL_EVERY);
            let name = name.unwrap_or_else(|| format!("plain-{}", std::process::id()));
            let worker = WorkerBuilder::new(name)
                .backend(storage)
                .data(Log(log))
                .build(handle);
            let mut term = signal(SignalKind::terminate())?;
            worker
                .run_until(async move {
                    term.recv().await;
                    Ok::<(), std::io::Error>(())
                })
                .await?;
        }
    }
    Ok(())
}
