//! What is not counted but looked up: the state of the ledger, of guilds and of syncs. All processes read the same.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use rolecall_adapters::metered::guild_label;
use rolecall_adapters::metered::table::{
    BUILD, DELIVERY_DEPTH, DELIVERY_UP, DISCORD_INVALID_LEFT, DISCORD_STOP, GUILD_HEALTH, GUILD_LINKED,
    GUILD_MEMBERS, JOBS, LAST_SUCCESS_AGE, LIMITER_WAITING, LINKED_ACCOUNTS, OLDEST_DUE, PAUSES, STORE_UP,
};
use rolecall_core::Timestamp;
use rolecall_core::error::StoreError;
use rolecall_core::guild::HealthStatus;
use rolecall_core::job::{JobState, Lane};
use rolecall_core::ports::{Barrier, JobFilter, Limiter, RunFilter};
use rolecall_core::run::{counts, last_success};
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::lanes::oldest_due;
use rolecall_jobs::kernel::pauses::PauseBoard;
use rolecall_jobs::kernel::services::Services;
use rolecall_workflows::sync_guild::SyncGuild;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::app::App;

/// How old what was read may become, however many ask.
const FRESH: Duration = Duration::from_secs(10);
/// The same of what reads more, and changes with a sync only.
const FRESH_FOR_LONG: Duration = Duration::from_secs(60);
/// A scrape is not kept waiting longer: Prometheus gives up after ten seconds.
const PATIENCE: Duration = Duration::from_secs(3);
/// Runs looked through for one that went well.
const RUNS: usize = 50;
/// Syncs of guilds looked through for the numbers of members.
const SYNCS: usize = 200;
/// Jobs in these states are counted. Of the others there are very many, and retention says how many.
const COUNTED: [JobState; 5] = [
    JobState::Scheduled,
    JobState::Available,
    JobState::Running,
    JobState::Retryable,
    JobState::Discarded,
];

/// When it was last looked, so that many scrapes cost no more than one.
#[derive(Debug, Default)]
pub struct Gauges {
    looked: Mutex<Looked>,
}

#[derive(Debug, Default)]
struct Looked {
    at: Option<Instant>,
    long_ago: Option<Instant>,
}

impl Gauges {
    /// The next scrape looks again.
    #[cfg(test)]
    pub(crate) async fn forget(&self) {
        *self.looked.lock().await = Looked::default();
    }
}

fn is_old(at: Option<Instant>, fresh: Duration) -> bool {
    at.is_none_or(|at| at.elapsed() >= fresh)
}

/// Looks, unless that was done a moment ago.
pub(super) async fn refresh(app: &App) {
    let mut looked = app.gauges.looked.lock().await;
    BUILD.set(&[env!("CARGO_PKG_VERSION")], 1.0);
    if !is_old(looked.at, FRESH) {
        return;
    }
    looked.at = Some(Instant::now());
    let services = &app.services;
    delivery(app).await;
    limits(app.limiter.as_ref()).await;
    let mut read = attempt(ledger(services)).await;
    if read && is_old(looked.long_ago, FRESH_FOR_LONG) {
        looked.long_ago = Some(Instant::now());
        read = attempt(guilds(services)).await;
    }
    STORE_UP.set(&[], if read { 1.0 } else { 0.0 });
}

/// Whether the store answered.
async fn attempt(reading: impl Future<Output = Result<(), StoreError>>) -> bool {
    match timeout(PATIENCE, reading).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::debug!(%error, "The store could not be read for metrics");
            false
        }
        Err(_) => false,
    }
}

async fn delivery(app: &App) {
    let Some(delivery) = &app.delivery else { return };
    let depths = async {
        for lane in Lane::ALL {
            let depth = delivery.depth(lane).await?;
            DELIVERY_DEPTH.set(&[lane.as_str()], number(depth));
        }
        delivery.ping().await
    };
    let up = matches!(timeout(PATIENCE, depths).await, Ok(Ok(())));
    DELIVERY_UP.set(&[], if up { 1.0 } else { 0.0 });
}

/// What Discord's limits leave.
async fn limits(limiter: &dyn Limiter) {
    let Ok(budget) = timeout(PATIENCE, limiter.budget()).await else {
        return;
    };
    DISCORD_INVALID_LEFT.set(&[], number(budget.invalid_left()));
    for barrier in Barrier::STOPS {
        let stop = budget.stops.iter().find(|(b, _)| *b == barrier);
        let left = stop.map_or(0.0, |(_, left)| left.as_secs_f64());
        DISCORD_STOP.set(&[barrier.as_str()], left);
    }
    LIMITER_WAITING.set(
        &[],
        number(budget.waiting.iter().map(|bucket| bucket.places).sum()),
    );
}

async fn ledger(services: &Services) -> Result<(), StoreError> {
    let now = services.clock.now();
    let filter = JobFilter {
        states: COUNTED.to_vec(),
        ..JobFilter::default()
    };
    let found = services.ledger.counts(&filter).await?;
    for state in COUNTED {
        let jobs = found.iter().filter(|(s, _)| *s == state).map(|(_, n)| n).sum();
        JOBS.set(&[state.as_str()], number(jobs));
    }
    let pauses = PauseBoard::new(services.pauses.clone());
    pauses.refresh(now).await?;
    let held = pauses.held(now);
    PAUSES.set(&[], number(held.len() as u64));
    for lane in Lane::ALL {
        let due = oldest_due(services, lane, &held, now).await?;
        OLDEST_DUE.set(&[lane.as_str()], due.map_or(0.0, |due| age(due, now)));
    }
    let runs = services.runs.list(RunFilter::default(), None, RUNS).await?;
    if let Some(at) = last_success(&runs) {
        LAST_SUCCESS_AGE.set(&[], age(at, now));
    }
    Ok(())
}

/// How the guilds are, and how many members their newest syncs saw. Guilds beyond the bound of the label are told as one:
/// the worst of their health, the sum of their members.
async fn guilds(services: &Services) -> Result<(), StoreError> {
    LINKED_ACCOUNTS.set(&[], number(services.links.count_active().await?));
    let mut worst: BTreeMap<String, HealthStatus> = BTreeMap::new();
    for guild in services.guilds.list().await?.iter().filter(|g| g.is_enabled) {
        if let Some(health) = &guild.health {
            let known = worst
                .entry(guild_label(Some(guild.guild_id)))
                .or_insert(health.status);
            *known = health.status.max(*known);
        }
    }
    for (guild, health) in worst {
        GUILD_HEALTH.set(&[&guild], health_number(health));
    }
    for (guild, (members, linked)) in members(services).await? {
        GUILD_MEMBERS.set(&[&guild], number(members));
        GUILD_LINKED.set(&[&guild], number(linked));
    }
    Ok(())
}

/// Members of each guild, and those of them that are linked.
async fn members(services: &Services) -> Result<BTreeMap<String, (u64, u64)>, StoreError> {
    let filter = JobFilter {
        kind: Some(SyncGuild::KIND.to_owned()),
        states: vec![JobState::Completed],
        ..JobFilter::default()
    };
    let (mut found, mut seen): (BTreeMap<String, (u64, u64)>, _) = (BTreeMap::new(), BTreeSet::new());
    for job in services.ledger.list(&filter, None, SYNCS).await? {
        let (Some(guild), Some(outcome)) = (job.subject.guild_id, &job.outcome) else {
            continue;
        };
        // The newest comes first.
        if let Some(members) = outcome.counts.get(counts::MEMBERS)
            && seen.insert(guild)
        {
            let sums = found.entry(guild_label(Some(guild))).or_default();
            sums.0 += members;
            sums.1 += outcome.counts.get(counts::LINKED).copied().unwrap_or(0);
        }
    }
    Ok(found)
}

const fn health_number(status: HealthStatus) -> f64 {
    match status {
        HealthStatus::Healthy => 2.0,
        HealthStatus::Degraded => 1.0,
        HealthStatus::Unhealthy => 0.0,
    }
}

fn age(at: Timestamp, now: Timestamp) -> f64 {
    Duration::from_millis(u64::try_from(now.millis_since(at)).unwrap_or(0)).as_secs_f64()
}

/// Prometheus has no other numbers; beyond 2^53 they lose their last digits.
#[allow(clippy::cast_precision_loss, reason = "no count here comes near 2^53")]
const fn number(n: u64) -> f64 {
    n as f64
}
