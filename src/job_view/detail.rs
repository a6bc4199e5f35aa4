//! What is told of a single job: why it waits, its life, its parent and its children.

use std::collections::BTreeMap;

use rolecall_core::error::StoreError;
use rolecall_core::job::{Job, JobState};
use rolecall_core::ports::JobFilter;
use rolecall_core::timeline::{Event, timeline};
use rolecall_core::waiting::Wait;
use rolecall_core::{JobId, Timestamp};
use rolecall_jobs::kernel::services::Services;
use rolecall_jobs::kernel::waiting::why_it_waits;
use serde::Serialize;
use utoipa::ToSchema;

use super::{JobView, Pausing};

/// Children that are shown.
const CHILDREN: usize = 50;

/// Something that stands in a job's way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WaitView {
    /// `paused`, `backoff`, `snoozed`, `delayed`, `busy`, `company`, `behind`, `not_sent` or `sent`.
    cause: String,
    /// In a sentence.
    message: String,
    /// Stable name of why a job was told to wait, as the code of an error.
    code: Option<String>,
    /// When it is over by itself, if that is known.
    until: Option<String>,
    /// The pause.
    pause_id: Option<String>,
    /// The running job.
    job_id: Option<String>,
    /// How many jobs are due before it.
    jobs: Option<u64>,
}

/// Something that happened to a job, or will.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventView {
    /// When.
    at: String,
    /// `stored`, `attempt_began`, `attempt_ended`, `told_to_wait`, `redriven`, `sent`, `due` or `ended`.
    event: String,
    /// More about it.
    detail: String,
}

/// A job beside another.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChildView {
    id: String,
    /// Its kind.
    kind: String,
    /// Its state.
    state: String,
    #[serde(rename = "self")]
    this: String,
}

/// The jobs that a job made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChildrenView {
    /// The newest 50.
    newest: Vec<ChildView>,
    /// How many are in each state.
    counts: BTreeMap<String, u64>,
    /// How many there are.
    total: u64,
    /// The list of all.
    all: String,
}

impl From<&Wait> for WaitView {
    fn from(wait: &Wait) -> Self {
        let (mut pause_id, mut job_id, mut jobs, mut why) = (None, None, None, None);
        match wait {
            Wait::Paused { id, .. } => pause_id = Some(id.to_string()),
            Wait::Busy { job, .. } => job_id = Some(job.to_string()),
            Wait::Behind { jobs: n, .. } => jobs = Some(*n),
            Wait::Snoozed { code, .. } => why.clone_from(code),
            _ => {}
        }
        Self {
            cause: wait.as_str().to_owned(),
            message: wait.told(),
            code: why,
            until: wait.until().map(Timestamp::to_rfc3339),
            pause_id,
            job_id,
            jobs,
        }
    }
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            at: event.at.to_rfc3339(),
            event: event.event.to_owned(),
            detail: event.detail,
        }
    }
}

impl From<&Job> for ChildView {
    fn from(job: &Job) -> Self {
        Self {
            id: job.id.to_string(),
            kind: job.kind.clone(),
            state: job.state.to_string(),
            this: path(job.id),
        }
    }
}

/// Where a job is found.
pub(crate) fn path(id: JobId) -> String {
    format!("/v1/jobs/{id}")
}

impl JobView {
    /// The whole job with this id; `None`: there is none.
    pub(crate) async fn find(services: &Services, id: JobId) -> Result<Option<Self>, StoreError> {
        match services.ledger.get(id).await? {
            Some(job) => Ok(Some(Self::whole(services, &job).await?)),
            None => Ok(None),
        }
    }

    /// The whole job.
    pub(crate) async fn whole(services: &Services, job: &Job) -> Result<Self, StoreError> {
        let ledger = &services.ledger;
        let pausing = Pausing::now(services).await?;
        let waits = why_it_waits(services, job).await?;
        let parent = match job.parent_id {
            Some(parent) => ledger.get(parent).await?,
            None => None,
        };
        let mut view = Self::with_attempts(job, &pausing);
        view.waits_for = Some(waits.iter().map(WaitView::from).collect());
        view.timeline = Some(timeline(job).into_iter().map(EventView::from).collect());
        view.parent = parent.as_ref().map(ChildView::from);
        view.children = Some(children(services, job.id).await?);
        Ok(view)
    }
}

async fn children(services: &Services, id: JobId) -> Result<ChildrenView, StoreError> {
    let filter = JobFilter {
        parent_id: Some(id),
        ..JobFilter::default()
    };
    let newest = services.ledger.list(&filter, None, CHILDREN).await?;
    let counts = services.ledger.counts(&filter).await?;
    Ok(ChildrenView {
        newest: newest.iter().map(ChildView::from).collect(),
        total: counts.iter().map(|(_, n)| n).sum(),
        counts: every_state(&counts),
        all: format!("/v1/jobs?parent={id}"),
    })
}

/// With zeros for states without a job.
pub(crate) fn every_state(counts: &[(JobState, u64)]) -> BTreeMap<String, u64> {
    let of = |state| counts.iter().filter(|(s, _)| *s == state).map(|(_, n)| n).sum();
    JobState::ALL
        .into_iter()
        .map(|state| (state.to_string(), of(state)))
        .collect()
}
