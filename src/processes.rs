//! The processes: web, worker, scheduler, and all of them in one.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::worker::{Process, Role};
use rolecall_jobs::kernel::engine::Engine;
use rolecall_jobs::kernel::presence::Presence;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::cli::version;
use crate::wiring::host;
use crate::{scheduler, web};

/// Which parts a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// The API.
    pub web: bool,
    /// Jobs.
    pub work: bool,
    /// The clock.
    pub ticks: bool,
}

impl Parts {
    /// `rolecall web`.
    pub const WEB: Self = Self {
        web: true,
        work: false,
        ticks: false,
    };
    /// `rolecall worker`: a worker ticks, too.
    pub const WORKER: Self = Self {
        web: false,
        work: true,
        ticks: true,
    };
    /// `rolecall scheduler`.
    pub const SCHEDULER: Self = Self {
        web: false,
        work: false,
        ticks: true,
    };
    /// `rolecall all`.
    pub const ALL: Self = Self {
        web: true,
        work: true,
        ticks: true,
    };
}

/// Listens, or says in a sentence why it cannot.
///
/// # Errors
/// The sentence.
pub async fn listen(host: &str, port: u16, variable: &str) -> Result<TcpListener, String> {
    TcpListener::bind((host, port)).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => {
            format!("port {port} is in use on {host}: stop the other process, or set {variable} to another port")
        }
        ErrorKind::PermissionDenied => format!(
            "port {port} may not be used: ports below 1024 need privileges; set {variable} to a higher one"
        ),
        _ => format!("cannot listen on {host}:{port}: {error}; check HOST and {variable}"),
    })
}

/// Cancelled on SIGTERM, SIGINT, or SIGHUP, with which a terminal goes away. A second signal within a second is taken for
/// the same one (platforms repeat them); a later one ends the process at once.
///
/// # Errors
/// If signals cannot be listened to.
pub fn stop_on_signal() -> std::io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // To listen would undo what `nohup` has set.
    let mut hup = match hangups_are_ignored() {
        true => None,
        false => Some(signal(SignalKind::hangup())?),
    };
    let token = stop.clone();
    tokio::spawn(async move {
        let mut wait = async || {
            let hung_up = async {
                match &mut hup {
                    Some(hup) => hup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! { _ = term.recv() => "SIGTERM", _ = int.recv() => "SIGINT", _ = hung_up => "SIGHUP" }
        };
        let name = wait().await;
        tracing::info!(
            signal = name,
            "Stopping: no new work is taken, running work may end"
        );
        token.cancel();
        let first = tokio::time::Instant::now();
        loop {
            let name = wait().await;
            if first.elapsed() > Duration::from_secs(1) {
                tracing::warn!(
                    signal = name,
                    "Second signal: ending now; what runs is taken up again elsewhere"
                );
                std::process::exit(130);
            }
        }
    });
    Ok(stop)
}

/// Whether whoever started this process wants SIGHUP to be passed over. Where the system does not tell, it is left as it
/// is.
fn hangups_are_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").map_or(true, |status| ignores_hangups(&status))
}

/// Source: proc_pid_status(5): `SigIgn` is a mask in hex, and signal 1, SIGHUP, its lowest bit.
fn ignores_hangups(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask & 1 == 1)
}

/// Runs parts until `stop`, in order: the API turns unready and closes, work ends or is handed back.
///
/// # Errors
/// A sentence, if a part cannot start or ends by itself.
pub async fn run(
    app: Arc<App>,
    parts: Parts,
    listener: Option<TcpListener>,
    stop: CancellationToken,
) -> Result<(), String> {
    if parts.web && app.services.oauth.is_some() {
        for warning in app.config.accounts.warnings() {
            tracing::warn!("discord_oauth: {warning}");
        }
    }
    let presence = Presence::new(described(&app, parts));
    let over = CancellationToken::new();
    let telling = presence
        .start(Arc::clone(&app.services), stop.clone(), over.clone())
        .map_err(|e| format!("no thread can be started: {e}"))?;
    let ended = run_parts(app, parts, listener, presence, stop).await;
    over.cancel();
    // The thread waits on the token, and for the store for two seconds at most.
    let _ = tokio::task::spawn_blocking(move || telling.join()).await;
    ended
}

/// What a process tells of itself.
pub(crate) fn described(app: &App, parts: Parts) -> Process {
    let roles = [
        (parts.web, Role::Web),
        (parts.work, Role::Worker),
        (parts.ticks, Role::Scheduler),
    ];
    Process {
        id: app.instance.clone(),
        release: version().to_owned(),
        host: host(),
        pid: std::process::id(),
        roles: roles
            .into_iter()
            .filter_map(|(on, role)| on.then_some(role))
            .collect(),
        slots: if parts.work {
            u32::try_from(app.config.slots).unwrap_or(u32::MAX)
        } else {
            0
        },
        started_at: app.services.clock.now(),
    }
}

async fn run_parts(
    app: Arc<App>,
    parts: Parts,
    listener: Option<TcpListener>,
    presence: Presence,
    stop: CancellationToken,
) -> Result<(), String> {
    let mut tasks: JoinSet<Result<(), String>> = JoinSet::new();
    if let Some(listener) = listener {
        let (app, stop) = (Arc::clone(&app), stop.clone());
        tasks.spawn(async move {
            let served = if parts.web {
                web::serve(app, listener, stop).await
            } else {
                web::serve_health(app, listener, stop).await
            };
            served.map_err(|e| format!("the HTTP server ended: {e}"))
        });
    }
    if parts.work {
        let delivery = app
            .delivery
            .clone()
            .ok_or("this process has no delivery to work for")?;
        let engine = Engine {
            services: Arc::clone(&app.services),
            queue: app.queue.clone(),
            delivery,
            registry: Arc::clone(&app.registry),
            worker: app.instance.clone(),
            presence,
            grace: app.config.shutdown_grace,
        };
        let stop = stop.clone();
        tasks.spawn(async move {
            engine
                .run(stop)
                .await
                .map_err(|e| format!("the worker cannot run: {e}"))
        });
    }
    if parts.ticks {
        let schedules = crate::schedules::of(&app.config).map_err(|e| e.to_string())?;
        let (app, stop) = (Arc::clone(&app), stop.clone());
        tasks.spawn(async move {
            scheduler::run(app, schedules, stop).await;
            Ok(())
        });
    }
    let mut first_error = None;
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.unwrap_or_else(|e| Err(format!("a part of the process panicked: {e}")));
        if let Err(error) = ended {
            first_error.get_or_insert(error);
        }
        // Parts only end when they are told to; one that ended by itself takes the others with it.
        stop.cancel();
    }
    first_error.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::ignores_hangups;

    #[test]
    fn what_nohup_has_set_is_seen() {
        let status = |mask: &str| format!("Name:\trolecall\nSigBlk:\t0000000000000000\nSigIgn:\t{mask}\n");
        assert!(ignores_hangups(&status("0000000000001001")));
        assert!(!ignores_hangups(&status("0000000000001000")));
        assert!(ignores_hangups("Name:\trolecall\n"));
    }
}
