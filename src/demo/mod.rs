//! `rolecall demo`: the main job in one process, against the simulator, with its own counts as the verdict.

mod bound;
mod report;
mod world;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rolecall_core::RunId;
use rolecall_core::cause::Cause;
use rolecall_core::run::{Run, RunResults};
use rolecall_jobs::finish_run;
use rolecall_simulator::{Simulator, SimulatorConfig};
use rolecall_workflows::request::{SyncRequest, request_sync};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::cli::sync::follow;
use crate::config::Config;
use crate::processes::{self, Parts};
use crate::wiring;

pub use report::{Report, RunReport};
pub use world::Size;

/// The demo's knobs.
#[derive(Debug, Clone)]
pub struct Options {
    /// How big the world is.
    pub size: Size,
    /// How much faster the simulator's clock runs.
    pub speed: f64,
    /// End after the report.
    pub exit: bool,
    /// One JSON object on standard output.
    pub json: bool,
    /// Port of the API; a free one is taken if it is in use.
    pub port: u16,
}

/// How often a sync is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Runs it. The exit code says whether the roles are right at the end.
///
/// # Errors
/// A sentence.
pub async fn run(options: Options, stop: CancellationToken) -> Result<bool, String> {
    options.size.check()?;
    let folder = tempfile::Builder::new()
        .prefix("rolecall-demo-")
        .tempdir()
        .map_err(|e| format!("cannot make a temporary folder: {e}"))?;
    let discord = LittleDiscord::start(&options).await?;
    let config = config(folder.path(), discord.address, options.speed)?;
    let app = wiring::connect(config, wiring::Purpose::Work)
        .await
        .map(Arc::new)
        .map_err(|e| e.to_string())?;
    let listener = listen(options.port).await?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;

    let working = CancellationToken::new();
    let parts = Parts {
        ticks: false,
        ..Parts::ALL
    };
    let process = tokio::spawn(processes::run(
        Arc::clone(&app),
        parts,
        Some(listener),
        working.clone(),
    ));
    let outcome = tokio::select! {
        outcome = story(&app, &discord.simulator, &options) => outcome,
        () = stop.cancelled() => Err("interrupted".to_owned()),
    };
    let result = match outcome {
        Ok(report) => {
            report.print(&options, address, discord.address);
            if !options.exit {
                go_on(&app, &stop).await;
            }
            Ok(report.is_right())
        }
        Err(error) => Err(error),
    };
    working.cancel();
    let ended = process.await.unwrap_or_else(|e| Err(e.to_string()));
    discord.stop().await;
    ended.and(result)
}

/// The simulator, served on a free port.
struct LittleDiscord {
    simulator: Simulator,
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

impl LittleDiscord {
    async fn start(options: &Options) -> Result<Self, String> {
        let simulator = Simulator::new(SimulatorConfig {
            speed: options.speed,
            seed: options.size.seed,
            // Long enough for two writes to one member to overlap, if there ever were two.
            write_latency_ms: 1,
            ..SimulatorConfig::default()
        });
        let listener = processes::listen("127.0.0.1", 0, "--port").await?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let stop = CancellationToken::new();
        let (served, stopped) = (simulator.clone(), stop.clone());
        let serving = tokio::spawn(async move { served.serve(listener, stopped.cancelled_owned()).await });
        Ok(Self {
            simulator,
            address,
            stop,
            serving,
        })
    }

    async fn stop(self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(2), self.serving).await;
    }
}

fn config(folder: &Path, discord: SocketAddr, speed: f64) -> Result<Config, String> {
    let vars = [
        ("ROLECALL_DATA_DIR", folder.display().to_string()),
        ("DISCORD_API_BASE_URL", format!("http://{discord}/api/v10")),
        ("ROLECALL_SIMULATOR_SPEED", speed.to_string()),
        ("HOST", "127.0.0.1".to_owned()),
        ("SHUTDOWN_GRACE_SECS", "5".to_owned()),
        // The demo wants its own removals, however many.
        ("ROLECALL_MAX_REMOVAL_SHARE", "1".to_owned()),
    ];
    let vars = vars.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    Config::load(&vars, &|_| Ok(String::new()))
        .map_err(|p| p.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// The API goes on answering, and the clock ticks.
async fn go_on(app: &Arc<App>, stop: &CancellationToken) {
    if let Ok(schedules) = crate::schedules::of(&app.config) {
        crate::scheduler::run(Arc::clone(app), schedules, stop.clone()).await;
    }
    stop.cancelled().await;
}

async fn listen(port: u16) -> Result<tokio::net::TcpListener, String> {
    match processes::listen("127.0.0.1", port, "--port").await {
        Ok(listener) => Ok(listener),
        Err(_) => processes::listen("127.0.0.1", 0, "--port").await,
    }
}

async fn story(app: &Arc<App>, simulator: &Simulator, options: &Options) -> Result<Report, String> {
    let began = Instant::now();
    let mut world = world::World::build(app, simulator, options.size).await?;
    report::say(format_args!(
        "A little Discord with {} guild(s) of {} members, {} of them linked; its clock runs {} times faster.",
        options.size.guilds, options.size.members, options.size.linked, options.speed
    ));
    let first = sync(app, simulator, &world, "first sync").await?;
    world.change(app, options.size.changes).await?;
    report::say(format_args!("\n{} memberships changed.", options.size.changes));
    let second = sync(app, simulator, &world, "second sync").await?;
    let comparison = world.compare(simulator);
    Ok(Report::new(
        comparison,
        vec![first, second],
        options.speed,
        began.elapsed(),
    ))
}

async fn sync(
    app: &Arc<App>,
    simulator: &Simulator,
    world: &world::World,
    title: &str,
) -> Result<RunReport, String> {
    let bound = world.bound_seconds(simulator);
    let lost_before = simulator.counters().lost_updates;
    simulator.reset_counters();
    let (began, began_ms) = (Instant::now(), simulator.now_ms());
    let cause = Cause::new("demo", title);
    let run = request_sync(&app.services, &app.queue, SyncRequest::default(), cause)
        .await
        .map_err(|e| e.to_string())?;
    // A second of ours is a minute there, so it is looked at often.
    follow::to_the_end(app, run.id, LOOK)
        .await
        .map_err(|e| e.to_string())?
        .ok_or("interrupted")?;
    let seconds = simulated_seconds(simulator.now_ms().saturating_sub(began_ms));
    let (run, results) = finished(app, run.id).await?;
    let report = RunReport::new(
        &run,
        results,
        simulator.counters(),
        seconds,
        bound,
        began.elapsed(),
        lost_before,
    );
    report.say(title);
    Ok(report)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of a demo are far below 2^52"
)]
fn simulated_seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

async fn finished(app: &App, id: RunId) -> Result<(Run, RunResults), String> {
    let run = app
        .services
        .runs
        .get(id)
        .await
        .map_err(|e| e.to_string())?
        .ok_or("the run is gone")?;
    let results = finish_run::results(&app.services, id)
        .await
        .map_err(|e| e.to_string())?;
    Ok((run, results))
}
