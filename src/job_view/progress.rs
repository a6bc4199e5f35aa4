//! How far a long job is, as it is sent.

use std::collections::BTreeMap;

use rolecall_core::Timestamp;
use rolecall_core::job::Job;
use serde::Serialize;
use utoipa::ToSchema;

/// How far a long job is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobProgressView {
    /// How much there is to do.
    total: u64,
    /// How much of it is done, well or not.
    done: u64,
    /// How much of that came to nothing.
    failed: u64,
    /// Further numbers.
    counts: BTreeMap<String, u64>,
    /// When the work began.
    started_at: String,
    /// When this was told.
    updated_at: String,
    /// When it will be over, if it goes on as it did; null: it is over, or nothing can be said yet.
    eta: Option<String>,
}

impl JobProgressView {
    /// `None`: the job does not tell.
    pub(crate) fn of(job: &Job) -> Option<Self> {
        let progress = job.progress.as_ref()?;
        Some(Self {
            total: progress.total,
            done: progress.done,
            failed: progress.failed,
            counts: progress.counts.clone(),
            started_at: progress.started_at.to_rfc3339(),
            updated_at: progress.at.to_rfc3339(),
            eta: job.eta().map(Timestamp::to_rfc3339),
        })
    }
}
