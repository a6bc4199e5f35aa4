//! `rolecall`: reads the arguments and the configuration, and starts what was asked for.

use std::process::ExitCode;
use std::sync::Arc;

use rolecall::app::App;
use rolecall::cli::doctor::Patient;
use rolecall::cli::processes::Process;
use rolecall::cli::{self, CliError, Command, Exit, Operate};
use rolecall::config::{Config, LogFormat, Problem, Store};
use rolecall::processes::{self, Parts};
use rolecall::telemetry::{self, Traces};
use rolecall::wiring::{self, Purpose};
use rolecall::{demo, healthcheck, logging, release, simulator_process, web};
use rolecall_core::api_key::Standing;
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return CliError::failed(format!("no threads can be started: {error}")).report(),
    };
    // Never dropped: what is to be ended in order has ended when `run` returns. Dropping it would end tasks of MongoDB's
    // driver one by one, and those that still listen to an ended one panic (mongodb 3.9, `cmap/connection_requester.rs`).
    Box::leak(Box::new(runtime)).block_on(run())
}

async fn run() -> ExitCode {
    let command = cli::parse().command;
    let loaded = load();
    let mut traces = None;
    match &loaded {
        Ok(config) => {
            // A command answers a person; what it logs besides is a warning or nothing.
            let filter = if is_process(&command) {
                config.log_filter.as_str()
            } else {
                command_filter(config)
            };
            let wanted = config.telemetry.traces.as_ref().filter(|_| works(&command));
            match wanted.map(Traces::start).transpose() {
                Ok(started) => traces = started,
                Err(sentence) => return CliError::failed(sentence).report(),
            }
            logging::start(config.log_format, filter, traces.as_ref());
        }
        Err(_) => logging::start(LogFormat::Auto, "warn", None),
    }
    let code = obey(command, loaded).await;
    if let Some(traces) = traces {
        traces.stop().await;
    }
    code
}

async fn obey(command: Command, loaded: Result<Config, Vec<Problem>>) -> ExitCode {
    let ended = match (command, loaded) {
        (Command::Process(Process::Openapi), _) => {
            cli::print_document(serde_json::to_string_pretty(&web::openapi()))
        }
        (Command::Process(Process::EnvExample), _) => {
            cli::print_text(&rolecall::config::settings::env_example())
        }
        (Command::Process(Process::Completions(args)), _) => cli::completions::run(&args),
        (Command::Process(Process::CliReference), _) => cli::print_text(&cli::reference::reference()),
        (Command::Process(Process::Demo(args)), _) => run_demo(&args).await,
        (Command::Process(Process::Simulator(args)), _) => simulator_process::run(&args).await,
        (Command::Doctor(args), loaded) => return doctor(loaded, args).await,
        (_, Err(problems)) => Err(configuration(&problems)),
        (Command::Process(Process::Healthcheck(args)), Ok(config)) => healthcheck::run(&config, &args).await,
        (Command::Process(process), Ok(config)) => run_process(process, config).await,
        (Command::Operate(operate), Ok(config)) => return run_operate(operate, config).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

fn load() -> Result<Config, Vec<Problem>> {
    Config::from_environment(std::env::vars_os(), &|path| std::fs::read_to_string(path))
}

fn is_process(command: &Command) -> bool {
    use Process::{All, Release, Scheduler, Simulator, Web, Worker};
    matches!(
        command,
        Command::Process(All | Web | Worker | Scheduler | Release | Simulator(_))
    )
}

/// Whether it runs jobs or answers requests, so that there is something to trace and to count.
fn works(command: &Command) -> bool {
    use Process::{All, Scheduler, Web, Worker};
    matches!(command, Command::Process(All | Web | Worker | Scheduler))
}

fn command_filter(config: &Config) -> &str {
    if config.log_filter == "info" {
        "warn"
    } else {
        &config.log_filter
    }
}

/// All of what is wrong, each on a line.
fn configuration(problems: &[Problem]) -> CliError {
    let lines: Vec<String> = problems.iter().map(|p| format!("  {p}")).collect();
    CliError::bad_input(format!("the configuration is wrong:\n{}", lines.join("\n")))
        .hint("the settings are environment variables; `.env.example` and `rolecall doctor` explain them")
}

async fn connect(config: Config, purpose: Purpose) -> Result<Arc<App>, CliError> {
    wiring::connect(config, purpose)
        .await
        .map(Arc::new)
        .map_err(|e| match e.is_store {
            true => CliError::store(e.to_string()),
            false => CliError::failed(e.to_string()),
        })
}

fn stop_on_signal() -> Result<CancellationToken, CliError> {
    processes::stop_on_signal().map_err(|e| CliError::failed(format!("cannot listen to signals: {e}")))
}

async fn run_process(process: Process, config: Config) -> Result<(), CliError> {
    let (parts, purpose) = match process {
        Process::All => (Parts::ALL, Purpose::Work),
        Process::Web => (Parts::WEB, Purpose::Serve),
        Process::Worker => (Parts::WORKER, Purpose::Work),
        Process::Scheduler => (Parts::SCHEDULER, Purpose::Serve),
        Process::Release => return release::run(config).await,
        Process::Demo(_)
        | Process::Simulator(_)
        | Process::Healthcheck(_)
        | Process::Openapi
        | Process::Completions(_)
        | Process::CliReference
        | Process::EnvExample => return Ok(()),
    };
    let stop = stop_on_signal()?;
    // The port first: a second copy on the same port ends before it touches anything.
    let listener = match (parts.web, config.health_port) {
        (true, _) => Some(processes::listen(&config.host, config.port, "PORT").await),
        (false, Some(port)) => Some(processes::listen(&config.host, port, "HEALTH_PORT").await),
        (false, None) => None,
    };
    let listener = listener.transpose().map_err(CliError::failed)?;
    let metrics = match config.telemetry.metrics_addr {
        Some(at) => {
            let host = at.ip().to_string();
            Some(processes::listen(&host, at.port(), "ROLECALL_METRICS_ADDR").await)
        }
        None => None,
    };
    let metrics = metrics.transpose().map_err(CliError::failed)?;
    telemetry::count(&stop);
    // A store that does not answer is waited for; whoever wants to stop does not wait with it.
    let app = tokio::select! {
        app = connect(config, purpose) => app?,
        () = stop.cancelled() => return Ok(()),
    };
    telemetry::begin(&app);
    prepare(&app).await;
    if parts.web && app.jwt_secret.is_none() {
        only_keys(&app).await?;
    }
    warn_of_halves(&app.config, parts);
    for (name, value) in app.config.describe() {
        tracing::info!("{name} = {value}");
    }
    if let Some(address) = listener.as_ref().and_then(|l| l.local_addr().ok()) {
        tracing::info!("Listening on http://{address}");
    }
    if let Some(metrics) = metrics {
        tokio::spawn(web::serve_metrics(Arc::clone(&app), metrics, stop.clone()));
    }
    processes::run(app, parts, listener, stop)
        .await
        .map_err(CliError::failed)?;
    tracing::info!("Stopped");
    Ok(())
}

/// Without JWT_SECRET, programs with an API key are the only callers. If there is none, it was forgotten.
async fn only_keys(app: &App) -> Result<(), CliError> {
    let now = app.services.clock.now();
    match app.api_keys.list().await {
        Ok(keys) if !keys.iter().any(|key| key.standing(now) == Standing::Valid) => Err(CliError::bad_input(
            "JWT_SECRET is not set; the API checks its callers' tokens with it",
        )
        .hint("Set it to the application's secret; or make a key with `rolecall keys create`, if only programs call.")),
        _ => {
            tracing::warn!("JWT_SECRET is not set: the API is open to programs with an API key, and to nobody else");
            Ok(())
        }
    }
}

/// Says what a process alone does not do. Both halves work; they are slower or wait for another process.
fn warn_of_halves(config: &Config, parts: Parts) {
    let embedded = matches!(config.store, Store::Embedded);
    if matches!(config.store, Store::Distributed { redis: None, .. }) && parts != Parts::ALL {
        tracing::warn!(
            "REDIS_URL is not set: workers find jobs by looking into MongoDB every second. Set it to start jobs at once"
        );
    }
    if embedded && !parts.work {
        tracing::warn!(
            "MONGODB_URI is not set, so jobs are in a file in {}: they wait for `rolecall worker` or `rolecall all` on this \
             machine with the same ROLECALL_DATA_DIR",
            config.data_dir.display()
        );
    }
}

/// A process that starts without `rolecall release` before it makes what the store needs, too. A store that is away
/// now is waited for.
async fn prepare(app: &App) {
    match app.store.prepare().await {
        Ok(sentences) => sentences.iter().for_each(|s| tracing::warn!("{s}")),
        Err(error) => tracing::warn!(%error, "The store could not be prepared; going on, and waiting for it"),
    }
}

async fn run_demo(args: &cli::processes::DemoArgs) -> Result<(), CliError> {
    let stop = stop_on_signal()?;
    let options = demo::Options {
        size: demo::Size {
            members: args.members as usize,
            linked: args.linked() as usize,
            guilds: args.guilds as usize,
            changes: args.changes() as usize,
            seed: args.seed,
        },
        speed: args.speed,
        exit: args.exit,
        json: args.format.json,
        port: args.port,
    };
    match demo::run(options, stop).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(CliError::failed("the roles at the end are not the desired ones")),
        Err(sentence) => Err(CliError::failed(sentence)),
    }
}

async fn doctor(loaded: Result<Config, Vec<Problem>>, args: cli::doctor::DoctorArgs) -> ExitCode {
    let config = match loaded {
        Ok(config) => config,
        Err(problems) => return cli::doctor::run(Patient::Misconfigured(&problems), args).await,
    };
    match wiring::connect(config.clone(), Purpose::Command).await {
        Ok(app) => cli::doctor::run(Patient::Whole(&app), args).await,
        Err(error) => {
            let patient = Patient::NotBuilt {
                config: &config,
                error: &error,
            };
            cli::doctor::run(patient, args).await
        }
    }
}

/// A command that waits for jobs works itself while it runs: in embedded mode there may be no other process.
async fn run_operate(operate: Operate, config: Config) -> ExitCode {
    let works = operate.waits_for_jobs() && matches!(config.store, Store::Embedded);
    let purpose = if works { Purpose::Work } else { Purpose::Command };
    let app = match connect(config, purpose).await {
        Ok(app) => app,
        Err(error) => return error.report(),
    };
    if let Err(error) = app.store.prepare().await {
        return CliError::from(error).report();
    }
    if !works {
        return cli::run(app, operate).await;
    }
    let stop = CancellationToken::new();
    let parts = Parts {
        web: false,
        work: true,
        ticks: false,
    };
    let working = tokio::spawn(processes::run(Arc::clone(&app), parts, None, stop.clone()));
    let code = cli::run(app, operate).await;
    stop.cancel();
    match working.await {
        Ok(Ok(())) => code,
        Ok(Err(sentence)) => CliError {
            exit: Exit::Failed,
            message: sentence,
            hint: None,
        }
        .report(),
        Err(error) => CliError::failed(format!("the worker panicked: {error}")).report(),
    }
}
