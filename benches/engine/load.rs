//! Accepting jobs, as the API and the planners do: through the queue, which answers when they are durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rolecall_core::cause::Cause;
use rolecall_core::job::JobState;
use rolecall_core::ports::{JobFilter, Ledger};
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::queue::{Enqueue, Queue};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::meter::Spread;
use crate::noop::{Noop, now_us};

/// How jobs are accepted.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Load {
    /// Jobs in all
    #[arg(long)]
    pub(crate) jobs: usize,
    /// Callers at the same time
    #[arg(long, default_value_t = 1)]
    pub(crate) callers: usize,
    /// Jobs a call
    #[arg(long, default_value_t = 1)]
    pub(crate) batch: usize,
    /// Calls a second of all callers together; not given: each caller goes on as soon as it is answered
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Count nothing for /metrics, which no process that ships does
    #[arg(long)]
    pub(crate) uncounted: bool,
}

/// How that went.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Accepted {
    /// From the first call to the last answer.
    pub(crate) seconds: f64,
    /// From a call to its answer, milliseconds.
    pub(crate) answer_ms: Spread,
}

fn job(noop: &Noop) -> Enqueue {
    Enqueue::new(noop, Cause::new("bench", "make bench-engine"))
}

/// Stores them all.
pub(crate) async fn accept(queue: &Queue, load: Load) -> Result<Accepted, String> {
    let (began, left) = (Instant::now(), Arc::new(AtomicUsize::new(load.jobs)));
    let mut callers = JoinSet::new();
    let pause = load
        .rate
        .map(|rate| Duration::from_secs_f64(load.callers as f64 / rate));
    for n in 0..load.callers {
        let (queue, left) = (queue.clone(), Arc::clone(&left));
        callers.spawn(async move {
            if let Some(pause) = pause {
                tokio::time::sleep(pause.mul_f64(n as f64 / load.callers as f64)).await;
            }
            call(&queue, &left, load.batch, pause).await
        });
    }
    let mut answers = Vec::with_capacity(load.jobs / load.batch.max(1));
    while let Some(ended) = callers.join_next().await {
        answers.extend(ended.map_err(|e| e.to_string())??);
    }
    Ok(Accepted {
        seconds: began.elapsed().as_secs_f64(),
        answer_ms: Spread::of(answers),
    })
}

/// One caller's life; says how long each of its calls took.
async fn call(
    queue: &Queue,
    left: &AtomicUsize,
    batch: usize,
    pause: Option<Duration>,
) -> Result<Vec<u64>, String> {
    let mut took = Vec::new();
    let mut ticks = pause.map(tokio::time::interval);
    if let Some(ticks) = &mut ticks {
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    loop {
        let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
            (n > 0).then(|| n.saturating_sub(batch))
        });
        let Ok(before) = taken else { return Ok(took) };
        if let Some(ticks) = &mut ticks {
            ticks.tick().await;
        }
        let began = now_us();
        let jobs = (0..batch.min(before)).map(|_| job(&Noop::now())).collect();
        queue.insert(jobs).await.map_err(|e| e.to_string())?;
        took.push(now_us().saturating_sub(began));
    }
}

/// Runs a few jobs to their end, so that connections and scripts are there.
pub(crate) async fn warm_up(queue: &Queue, ledger: &dyn Ledger) -> Result<usize, String> {
    const JOBS: usize = 8;
    for _ in 0..JOBS {
        let stored = queue.insert(vec![job(&Noop::warming_up())]).await;
        stored.map_err(|e| e.to_string())?;
    }
    completed(ledger, JOBS, Duration::from_millis(50)).await?;
    Ok(JOBS)
}

/// Waits until so many jobs have ended well.
pub(crate) async fn completed(ledger: &dyn Ledger, jobs: usize, look_every: Duration) -> Result<(), String> {
    const PATIENCE: Duration = Duration::from_secs(120);
    let (began, filter) = (
        Instant::now(),
        JobFilter {
            states: vec![JobState::Completed],
            kind: Some(Noop::KIND.to_owned()),
            ..JobFilter::default()
        },
    );
    loop {
        let counts = ledger.counts(&filter).await.map_err(|e| e.to_string())?;
        let done: u64 = counts.iter().map(|(_, n)| n).sum();
        if done >= jobs as u64 {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(format!(
                "{done} of {jobs} jobs ended within {} s",
                PATIENCE.as_secs()
            ));
        }
        tokio::time::sleep(look_every).await;
    }
}
