//! What runs in a process of its own, so that its CPU and memory are nobody else's: everything in one (embedded), or the
//! accepting side, or a worker. Each prints one JSON object at its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rolecall::app::App;
use rolecall::config::Config;
use rolecall::processes::{self, Parts};
use rolecall::telemetry;
use rolecall::wiring::{self, Purpose};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::load::{Accepted, Load, accept, completed, warm_up};
use crate::meter::{Spread, cpu_ms, peak_rss_mib};
use crate::noop::{Noop, started, waits};
use crate::print;

/// What the part that accepts knows at its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// From the first call to the last settlement.
    pub(crate) seconds: f64,
    pub(crate) accepted: Accepted,
    /// Of this process, in that time.
    pub(crate) cpu_ms: Option<f64>,
    pub(crate) peak_rss_mib: Option<f64>,
    /// Transactions and calls of the embedded store's writer.
    pub(crate) commits: u64,
    pub(crate) writes: u64,
}

/// What the part that works knows at its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Worked {
    /// From the accepting call to the job's first line, milliseconds.
    pub(crate) start_ms: Spread,
    /// Of this process, from its first job that counts to its end. Embedded, one process does all, and [`Sent`] has it.
    pub(crate) cpu_ms: Option<f64>,
    /// The same.
    pub(crate) peak_rss_mib: Option<f64>,
}

async fn build(purpose: Purpose) -> Result<App, String> {
    let vars: BTreeMap<String, String> = std::env::vars().collect();
    let config = Config::load(&vars, &|path| std::fs::read_to_string(path)).map_err(|problems| {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        all.join("; ")
    })?;
    let mut app = wiring::connect(config, purpose)
        .await
        .map_err(|e| e.to_string())?;
    let mut registry = rolecall_workflows::registry();
    registry.add::<Noop>();
    app.registry = Arc::new(registry);
    app.store.prepare().await.map_err(|e| e.to_string())?;
    Ok(app)
}

/// Only what the work needs: neither an API nor the clock.
const WORK: Parts = Parts {
    web: false,
    work: true,
    ticks: false,
};

/// Accepts, and works, too, if `works`.
pub(crate) async fn send(load: Load, works: bool) -> Result<(), String> {
    let commits = crate::commits::count();
    let app = Arc::new(build(if works { Purpose::Work } else { Purpose::Serve }).await?);
    let stop = CancellationToken::new();
    if !load.uncounted {
        telemetry::count(&stop);
    }
    let working = works.then(|| tokio::spawn(processes::run(Arc::clone(&app), WORK, None, stop.clone())));
    let ledger = Arc::clone(&app.services.ledger);
    let warmed = warm_up(&app.queue, ledger.as_ref()).await?;
    if !works {
        print("ready");
    }

    let pid = std::process::id();
    let (began, cpu, before) = (Instant::now(), cpu_ms(pid), commits.so_far());
    let accepted = accept(&app.queue, load).await?;
    while works && started() < load.jobs {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let look_every = Duration::from_millis(if works { 5 } else { 250 });
    completed(ledger.as_ref(), warmed + load.jobs, look_every).await?;
    let after = commits.so_far();
    let sent = Sent {
        seconds: began.elapsed().as_secs_f64(),
        accepted,
        cpu_ms: cpu_ms(pid).zip(cpu).map(|(now, then)| now - then),
        peak_rss_mib: peak_rss_mib(pid),
        commits: after.commits - before.commits,
        writes: after.writes - before.writes,
    };
    stop.cancel();
    if let Some(working) = working {
        working.await.map_err(|e| e.to_string())??;
    }
    let worked = Worked {
        start_ms: Spread::of(waits()),
        cpu_ms: None,
        peak_rss_mib: None,
    };
    let told = if works {
        serde_json::to_string(&(sent, worked))
    } else {
        serde_json::to_string(&sent)
    };
    print(&told.map_err(|e| e.to_string())?);
    Ok(())
}

/// Works until SIGTERM.
pub(crate) async fn work() -> Result<(), String> {
    let stop = processes::stop_on_signal().map_err(|e| e.to_string())?;
    let app = Arc::new(build(Purpose::Work).await?);
    telemetry::count(&stop);
    let ended = stop.clone();
    let watch = tokio::spawn(async move {
        while started() == 0 && !ended.is_cancelled() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let first = cpu_ms(std::process::id());
        ended.cancelled().await;
        cpu_ms(std::process::id())
            .zip(first)
            .map(|(now, then)| now - then)
    });
    processes::run(app, WORK, None, stop).await?;
    let worked = Worked {
        start_ms: Spread::of(waits()),
        cpu_ms: watch.await.map_err(|e| e.to_string())?,
        peak_rss_mib: peak_rss_mib(std::process::id()),
    };
    print(&serde_json::to_string(&worked).map_err(|e| e.to_string())?);
    Ok(())
}
