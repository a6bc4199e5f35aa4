//! Pauses, as they are shown over HTTP and at the command line.

use rolecall_core::Timestamp;
use rolecall_core::canary::Canary;
use rolecall_core::pause::Pause;
use serde::Serialize;
use utoipa::ToSchema;

/// A pause.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PauseView {
    id: String,
    /// What it holds back, as a query.
    holds: String,
    /// Why.
    reason: String,
    /// Who made it.
    author: String,
    created_at: String,
    /// When it ends; null: when somebody ends it.
    until: Option<String>,
    /// Whether it holds anything back now.
    is_on: bool,
    /// What is let through to find out whether it is still needed; null: nothing is.
    canary: Option<CanaryView>,
}

/// A job that is let through from time to time: the first that succeeds ends the pause.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CanaryView {
    /// So long after one that failed, the next one is let through.
    every_seconds: u64,
    /// When the next one is.
    next_at: String,
    /// The job that is let through now.
    job_id: Option<String>,
    /// How many failed.
    failed: u32,
    /// The last one that ended.
    last: Option<SangView>,
}

/// How a job that was let through ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SangView {
    /// The job.
    job_id: String,
    /// When that was seen.
    at: String,
    /// Whether it succeeded.
    well: bool,
    /// What happened.
    message: String,
}

impl From<&Canary> for CanaryView {
    fn from(canary: &Canary) -> Self {
        Self {
            every_seconds: canary.every.as_secs(),
            next_at: canary.next_at.to_rfc3339(),
            job_id: canary.out.map(|out| out.job.to_string()),
            failed: canary.failed,
            last: canary.last.as_ref().map(|sang| SangView {
                job_id: sang.job.to_string(),
                at: sang.at.to_rfc3339(),
                well: sang.well,
                message: sang.what.clone(),
            }),
        }
    }
}

/// All pauses.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PauseList {
    /// The oldest first.
    pauses: Vec<PauseView>,
}

impl PauseView {
    /// At this time.
    pub(crate) fn of(pause: &Pause, now: Timestamp) -> Self {
        Self {
            id: pause.id.to_string(),
            holds: pause.held.to_string(),
            reason: pause.reason.clone(),
            author: pause.author.clone(),
            created_at: pause.created_at.to_rfc3339(),
            until: pause.until.map(Timestamp::to_rfc3339),
            is_on: pause.is_on(now),
            canary: pause.canary.as_ref().map(CanaryView::from),
        }
    }
}

impl PauseList {
    /// At this time.
    pub(crate) fn of(pauses: &[Pause], now: Timestamp) -> Self {
        Self {
            pauses: pauses.iter().map(|pause| PauseView::of(pause, now)).collect(),
        }
    }
}
