//! Processes as they are shown: the same over HTTP and at the terminal.

use rolecall_core::Timestamp;
use rolecall_core::job::{Job, Lane};
use rolecall_core::worker::{Drain, Role};
use rolecall_jobs::kernel::fleet::{Fleet, Member};
use serde::Serialize;
use utoipa::ToSchema;

/// A process.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkerView {
    /// Its name, new with every start.
    pub(crate) id: String,
    /// Version and commit.
    pub(crate) release: String,
    /// The machine, the container or the dyno.
    pub(crate) host: String,
    /// Its number there.
    pub(crate) pid: u32,
    /// What it does.
    pub(crate) roles: Vec<String>,
    /// Queues whose jobs it runs.
    pub(crate) queues: Vec<String>,
    /// Jobs at once in all queues; 0 if it runs none.
    pub(crate) slots: u32,
    /// How it is. `lost`: not heard of for 30 s, without a word why.
    pub(crate) status: String,
    /// When it started.
    pub(crate) started_at: String,
    /// When it was heard of last, by the store's clock.
    pub(crate) seen_at: String,
    /// Its clock less the store's; null: not measured yet.
    pub(crate) clock_skew_ms: Option<i64>,
    /// The order to take no more jobs; null: there is none.
    pub(crate) drain: Option<DrainView>,
    /// What it runs, the oldest claim first.
    pub(crate) jobs: Vec<HeldJob>,
}

/// An order to take no more jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DrainView {
    /// Who ordered it.
    pub(crate) by: String,
    /// Why; may be empty.
    pub(crate) reason: String,
    /// When.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// Whether the process ends once it runs nothing.
    pub(crate) exit: bool,
}

/// A running job, as its worker holds it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeldJob {
    /// The job.
    pub(crate) id: String,
    /// What it does.
    pub(crate) kind: String,
    /// Its queue.
    pub(crate) queue: String,
    /// The guild that it is about.
    pub(crate) guild_id: Option<String>,
    /// Which try this is.
    pub(crate) attempt: u32,
    /// Since when it runs, by the store's clock; null: not known.
    pub(crate) claimed_at: Option<String>,
    /// For how long it has run.
    pub(crate) running_ms: Option<i64>,
    /// What is left of its lease; less than 0: others take it up in a moment.
    pub(crate) lease_left_ms: i64,
}

impl HeldJob {
    fn of(job: &Job, now: Timestamp) -> Option<Self> {
        let lease = job.lease.as_ref()?;
        Some(Self {
            id: job.id.to_string(),
            kind: job.kind.clone(),
            queue: job.lane.to_string(),
            guild_id: job.subject.guild_id.map(|id| id.to_string()),
            attempt: job.attempt,
            claimed_at: lease.since.map(Timestamp::to_rfc3339),
            running_ms: lease.since.map(|since| now.millis_since(since).max(0)),
            lease_left_ms: lease.until.millis_since(now),
        })
    }
}

impl From<&Drain> for DrainView {
    fn from(drain: &Drain) -> Self {
        Self {
            by: drain.by.clone(),
            reason: drain.reason.clone(),
            at: drain.at.to_rfc3339(),
            exit: drain.exit,
        }
    }
}

impl WorkerView {
    /// A process at this time of the store's clock.
    pub(crate) fn of(member: &Member, now: Timestamp) -> Self {
        let process = &member.worker.process;
        let works = process.roles.contains(&Role::Worker);
        let lanes = Lane::ALL.into_iter().filter(|_| works);
        let mut jobs: Vec<HeldJob> = member.jobs.iter().filter_map(|j| HeldJob::of(j, now)).collect();
        jobs.sort_by(|a, b| a.claimed_at.cmp(&b.claimed_at));
        Self {
            id: process.id.clone(),
            release: process.release.clone(),
            host: process.host.clone(),
            pid: process.pid,
            roles: process.roles.iter().map(Role::to_string).collect(),
            queues: lanes.map(|lane| lane.to_string()).collect(),
            slots: process.slots,
            status: member.status.to_string(),
            started_at: process.started_at.to_rfc3339(),
            seen_at: member.worker.seen_at.to_rfc3339(),
            clock_skew_ms: member.worker.beat.skew_ms,
            drain: member.worker.drain.as_ref().map(DrainView::from),
            jobs,
        }
    }

    /// All processes.
    pub(crate) fn all(fleet: &Fleet) -> Vec<Self> {
        fleet.members.iter().map(|m| Self::of(m, fleet.now)).collect()
    }
}
