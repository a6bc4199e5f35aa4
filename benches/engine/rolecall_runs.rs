//! rolecall under load, embedded and distributed, and with nothing to do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::children::{Running, start};
use crate::meter::{cpu_ms, rss_mib};
use crate::part::{Sent, Worked};
use crate::proxy::{Asked, Proxy};
use crate::results::{Idle, Row};
use crate::servers::Servers;
use crate::wire::Wire;

/// Jobs that do nothing need more slots than jobs that wait for Discord: each waits for the disk twice.
pub(crate) const SLOTS: &str = "512";
/// How long processes with nothing to do are watched.
const WATCHED: Duration = Duration::from_secs(15);
/// How long they may take to settle before.
const SETTLED: Duration = Duration::from_secs(6);

/// What is asked of a part.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) load: &'static str,
    pub(crate) jobs: usize,
    pub(crate) callers: usize,
    pub(crate) batch: usize,
    pub(crate) rate: Option<f64>,
    pub(crate) uncounted: bool,
}

impl Ask {
    pub(crate) fn args(&self, part: &str) -> Vec<String> {
        let mut args = vec![
            part.to_owned(),
            format!("--jobs={}", self.jobs),
            format!("--callers={}", self.callers),
            format!("--batch={}", self.batch),
        ];
        args.extend(self.rate.map(|rate| format!("--rate={rate}")));
        args.extend(self.uncounted.then(|| "--uncounted".to_owned()));
        args
    }

    fn row(&self, engine: &str, sent: &Sent, worked: &Worked) -> Row {
        Row {
            engine: engine.to_owned(),
            load: self.load.to_owned(),
            jobs: self.jobs,
            jobs_per_second: self.rate.is_none().then(|| self.jobs as f64 / sent.seconds),
            answer_ms: Some(sent.accepted.answer_ms),
            start_ms: Some(worked.start_ms),
            ..Row::default()
        }
    }
}

/// Where programs are, and where they may write.
pub(crate) struct Tools {
    pub(crate) this: PathBuf,
    pub(crate) rolecall: PathBuf,
    pub(crate) folder: PathBuf,
}

fn embedded_env(folder: &Path) -> Vec<(&'static str, String)> {
    vec![
        ("ROLECALL_DATA_DIR", folder.display().to_string()),
        ("ROLECALL_WORKER_SLOTS", SLOTS.to_owned()),
    ]
}

/// One process with the embedded store, on a new file.
pub(crate) async fn embedded(tools: &Tools, ask: &Ask) -> Result<Row, String> {
    let data = tempfile::tempdir_in(&tools.folder).map_err(|e| e.to_string())?;
    let args = ask.args("embedded");
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let child = start(&tools.this, &args, data.path(), &embedded_env(data.path()))?;
    let (sent, worked): (Sent, Worked) = child.result().await?;
    let a_job = |n: f64| n / ask.jobs as f64;
    let mut row = ask.row("rolecall, embedded", &sent, &worked);
    row.commits_per_job = Some(a_job(sent.commits as f64));
    row.writes_per_job = Some(a_job(sent.writes as f64));
    row.cpu_ms_per_job
        .extend(sent.cpu_ms.map(|ms| ("all".to_owned(), a_job(ms))));
    row.peak_rss_mib
        .extend(sent.peak_rss_mib.map(|mib| ("all".to_owned(), mib)));
    Ok(row)
}

fn distributed_env(mongo: String, redis: String, name: &str) -> Vec<(&'static str, String)> {
    vec![
        ("MONGODB_URI", mongo),
        ("MONGODB_DATABASE", name.to_owned()),
        ("REDIS_URL", redis),
        (
            "JWT_SECRET",
            "a secret of the benchmark, which guards nothing".to_owned(),
        ),
        ("ROLECALL_WORKER_SLOTS", SLOTS.to_owned()),
    ]
}

/// An accepting process and a worker, on a database and queues of their own. What they ask the servers for is counted on
/// the way.
pub(crate) async fn distributed(tools: &Tools, servers: &Servers, ask: &Ask) -> Result<Row, String> {
    let mongo = Proxy::start(servers.mongo_address()?, Wire::Mongo).await?;
    let redis = Proxy::start(servers.redis_address()?, Wire::Redis).await?;
    let name = new_name();
    let env = distributed_env(
        servers.mongo_through(mongo.port)?,
        format!("redis://127.0.0.1:{}/0", redis.port),
        &name,
    );
    let worker = start(&tools.this, &["work"], &tools.folder, &env)?;
    let args = ask.args("accept");
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut sender = start(&tools.this, &args, &tools.folder, &env)?;
    sender.first_line().await?;
    let before = (mongo.asked(), redis.asked());
    let sent: Sent = sender.result().await?;
    let asked = (mongo.asked().since(&before.0), redis.asked().since(&before.1));
    worker.stop();
    let worked: Worked = worker.result().await?;
    Ok(counted(ask, &sent, &worked, &asked))
}

fn counted(ask: &Ask, sent: &Sent, worked: &Worked, (mongo, redis): &(Asked, Asked)) -> Row {
    /// How the accepting part sees that all has ended (it counts jobs by state); nobody else asks for that here.
    const OF_THE_BENCHMARK: &str = "aggregate";
    let a_job = |n: f64| n / ask.jobs as f64;
    let shares = |asked: &Asked| -> std::collections::BTreeMap<String, f64> {
        let ours = asked
            .commands
            .iter()
            .filter(|(name, _)| *name != OF_THE_BENCHMARK);
        ours.map(|(name, n)| (name.clone(), a_job(*n as f64))).collect()
    };
    let mut row = ask.row("rolecall, distributed", sent, worked);
    row.store_ops = shares(mongo);
    row.store_ops_per_job = Some(row.store_ops.values().sum());
    row.redis_commands = shares(redis);
    row.redis_calls_per_job = Some(a_job(redis.packets as f64));
    for (process, cpu, rss) in [
        ("accepting", sent.cpu_ms, sent.peak_rss_mib),
        ("worker", worked.cpu_ms, worked.peak_rss_mib),
    ] {
        row.cpu_ms_per_job
            .extend(cpu.map(|ms| (process.to_owned(), a_job(ms))));
        row.peak_rss_mib.extend(rss.map(|mib| (process.to_owned(), mib)));
    }
    row
}

/// A name that no other run has.
fn new_name() -> String {
    format!("bench{:x}{:x}", std::process::id(), crate::noop::now_us())
}

/// Real processes with nothing to do, all at the same time.
pub(crate) async fn idle(tools: &Tools, servers: &Servers) -> Result<Vec<Idle>, String> {
    let data = tempfile::tempdir_in(&tools.folder).map_err(|e| e.to_string())?;
    let free = || -> Result<String, String> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
        Ok(listener
            .local_addr()
            .map_err(|e| e.to_string())?
            .port()
            .to_string())
    };
    let common = |mut env: Vec<(&'static str, String)>| -> Result<_, String> {
        env.retain(|(name, _)| *name != "ROLECALL_WORKER_SLOTS");
        env.extend([("PORT", free()?), ("HOST", "127.0.0.1".to_owned())]);
        env.push(("RUST_LOG", "error".to_owned()));
        Ok(env)
    };
    let name = new_name();
    let servers = distributed_env(servers.mongo.clone(), servers.redis.clone(), &name);
    let release = start(
        &tools.rolecall,
        &["release"],
        &tools.folder,
        &common(servers.clone())?,
    )?;
    release.end().await;
    let mut running: Vec<(&str, Running)> = Vec::new();
    for (process, args, env) in [
        ("rolecall all, embedded", "all", embedded_env(data.path())),
        ("rolecall web, distributed", "web", servers.clone()),
        ("rolecall worker, distributed", "worker", servers.clone()),
        ("rolecall scheduler, distributed", "scheduler", servers),
    ] {
        let child = start(&tools.rolecall, &[args], data.path(), &common(env)?)?;
        running.push((process, child));
    }
    tokio::time::sleep(SETTLED).await;
    let before: Vec<Option<f64>> = running.iter().map(|(_, child)| cpu_ms(child.pid())).collect();
    tokio::time::sleep(WATCHED).await;
    let mut all = Vec::new();
    for ((process, child), before) in running.into_iter().zip(before) {
        let used = cpu_ms(child.pid()).zip(before).map(|(now, then)| now - then);
        all.push(Idle {
            process: process.to_owned(),
            cpu_percent: used.map(|ms| ms / WATCHED.as_secs_f64() / 10.0),
            rss_mib: rss_mib(child.pid()),
        });
        child.stop();
        child.end().await;
    }
    Ok(all)
}
