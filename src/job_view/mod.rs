//! A job, as it is sent.

pub(crate) mod detail;
pub(crate) mod page;
mod progress;

pub(crate) use progress::JobProgressView;

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::error::StoreError;
use rolecall_core::job::{Attempt, Job, WaitNote};
use rolecall_core::outcome::Outcome;
use rolecall_core::pause::{Face, Pause, holding};
use rolecall_core::{RoleId, Timestamp};
use rolecall_jobs::kernel::services::Services;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use self::detail::{ChildView, ChildrenView, EventView, WaitView};
use crate::run_view::CauseView;

/// A job: one stored piece of work.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobView {
    /// Its id.
    id: String,
    /// Its kind.
    kind: String,
    /// `scheduled`, `available`, `running`, `retryable`, `completed`, `cancelled` or `discarded`.
    state: String,
    /// `interactive`, `normal` or `bulk`.
    lane: String,
    /// Version of the payload's shape.
    version: u16,
    /// Its data: ids only.
    #[schema(value_type = Object)]
    payload: Value,
    /// What it is about.
    subject: SubjectView,
    /// Who asked, and why.
    cause: CauseView,
    /// The request that caused it, as a W3C `traceparent`.
    trace: Option<String>,
    /// The run that it belongs to.
    run_id: Option<String>,
    /// The job that made it.
    parent_id: Option<String>,
    /// Claims so far, less those given back.
    attempt: u32,
    /// Tries in all.
    max_attempts: u32,
    /// Claims that ended without a word.
    crashes: u32,
    /// Snoozes so far.
    snoozes: u32,
    /// Grows with each claim.
    fence: i64,
    /// Who runs it.
    lease: Option<LeaseView>,
    /// While it is live, no other job has this key.
    unique_key: Option<String>,
    /// While it runs, no other job with this key does.
    concurrency: Option<String>,
    /// What it did, once completed.
    outcome: Option<OutcomeView>,
    /// The newest attempt's error, if it failed.
    error: Option<AttemptError>,
    /// The newest attempts, oldest first. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<Vec<AttemptView>>,
    /// The newest times that it was told to wait, oldest first: each used up no try. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits: Option<Vec<WaitNoteView>>,
    /// How far it is, if it is one that tells.
    progress: Option<JobProgressView>,
    /// The pause that holds it back.
    paused_by: Option<PausedBy>,
    /// Why it waits: all that stands in its way now, what has to go first first. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) waits_for: Option<Vec<WaitView>>,
    /// Its life in the order of time. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeline: Option<Vec<EventView>>,
    /// The job that made it, if that is still stored. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<ChildView>,
    /// The jobs that it made. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) children: Option<ChildrenView>,
    /// Who asked to cancel it, while it runs.
    cancel_by: Option<String>,
    /// When somebody last ran it again after its end.
    redriven_at: Option<String>,
    /// Groups failures of one cause.
    fingerprint: Option<String>,
    /// When it was stored.
    inserted_at: String,
    /// Not before this moment.
    run_at: String,
    /// When it was last handed to the delivery.
    sent_at: Option<String>,
    /// When it reached a final state.
    finished_at: Option<String>,
    /// Where to go from here.
    links: JobLinks,
}

/// What a job is about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubjectView {
    guild_id: Option<String>,
    user_id: Option<String>,
    discord_id: Option<String>,
    role_id: Option<String>,
    /// The endpoint of events that it is a delivery to.
    webhook_id: Option<String>,
}

/// The right to run a job until a time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeaseView {
    owner: String,
    until: String,
}

/// What a job did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OutcomeView {
    /// `applied`, `unchanged` or `skipped`.
    effect: String,
    /// Why nothing was done.
    reason: Option<String>,
    /// Roles given.
    granted: u32,
    /// Roles taken.
    revoked: u32,
    /// Which were given, as far as the job changes one member.
    given: Vec<String>,
    /// Which were taken.
    taken: Vec<String>,
    /// All roles of the member; null where it was not read: one role is given or taken without that.
    roles: Option<RolesView>,
    /// Further numbers.
    counts: BTreeMap<String, u64>,
    /// Sentences for people.
    notes: Vec<String>,
}

/// All roles of a member, before and after its job.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RolesView {
    /// What it had.
    before: Vec<String>,
    /// What it was to have, and has: Discord takes such a change as a whole or not at all.
    after: Vec<String>,
}

/// Why an attempt failed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttemptError {
    /// `transient`, `rate_limited` or `permanent`.
    class: Option<String>,
    /// Stable name.
    code: Option<String>,
    /// In words.
    message: Option<String>,
    /// What to do about it.
    remedy: Option<String>,
    /// Status of Discord's answer.
    http_status: Option<u16>,
    /// Discord's own code.
    discord_code: Option<u32>,
    /// Template of the call.
    route: Option<String>,
}

/// One claim of a job, and how it ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttemptView {
    number: u32,
    worker: String,
    started_at: String,
    ended_at: String,
    /// `applied`, `unchanged`, `skipped`, `retry`, `snooze`, `discard`, `cancel`, `released` or `crashed`.
    result: String,
    error: Option<AttemptError>,
}

/// One time that a job was told to wait.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WaitNoteView {
    /// When it was told.
    at: String,
    /// Until when.
    until: String,
    /// Stable name of why.
    code: String,
    /// Why, in words.
    message: String,
    /// Template of the call that has to wait, if it is one.
    route: Option<String>,
}

impl From<&WaitNote> for WaitNoteView {
    fn from(wait: &WaitNote) -> Self {
        Self {
            at: wait.at.to_rfc3339(),
            until: wait.until.to_rfc3339(),
            code: wait.code.clone(),
            message: wait.message.clone(),
            route: wait.route.clone(),
        }
    }
}

/// A pause that holds a job back.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PausedBy {
    id: String,
    /// What it holds back, as a query.
    holds: String,
    /// Why.
    reason: String,
    until: Option<String>,
}

/// What is held back at this moment.
pub(crate) struct Pausing {
    pub(crate) pauses: Vec<Pause>,
    pub(crate) now: Timestamp,
}

impl Pausing {
    pub(crate) async fn now(services: &Services) -> Result<Self, StoreError> {
        Ok(Self {
            pauses: services.pauses.list().await?,
            now: services.clock.now(),
        })
    }

    fn of(&self, job: &Job) -> Option<PausedBy> {
        let pause = holding(&self.pauses, Face::from(job), self.now).filter(|_| job.state.is_waiting())?;
        Some(PausedBy {
            id: pause.id.to_string(),
            holds: pause.held.to_string(),
            reason: pause.reason.clone(),
            until: pause.until.map(Timestamp::to_rfc3339),
        })
    }
}

/// Paths that belong to a job.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobLinks {
    #[serde(rename = "self")]
    this: String,
    run: Option<String>,
    parent: Option<String>,
    /// The jobs that it made.
    children: String,
}

fn ids(roles: &BTreeSet<RoleId>) -> Vec<String> {
    roles.iter().map(ToString::to_string).collect()
}

impl From<&Outcome> for OutcomeView {
    fn from(outcome: &Outcome) -> Self {
        Self {
            effect: outcome.effect.as_str().to_owned(),
            reason: outcome.reason.clone(),
            granted: outcome.granted,
            revoked: outcome.revoked,
            given: ids(&outcome.given),
            taken: ids(&outcome.taken),
            roles: outcome
                .before
                .as_ref()
                .zip(outcome.after())
                .map(|(before, after)| RolesView {
                    before: ids(before),
                    after: ids(&after),
                }),
            counts: outcome.counts.clone(),
            notes: outcome.notes.clone(),
        }
    }
}

impl From<&Attempt> for AttemptView {
    fn from(attempt: &Attempt) -> Self {
        Self {
            number: attempt.number,
            worker: attempt.worker.clone(),
            started_at: attempt.started_at.to_rfc3339(),
            ended_at: attempt.ended_at.to_rfc3339(),
            result: attempt.result.clone(),
            error: error(attempt),
        }
    }
}

pub(crate) fn error(attempt: &Attempt) -> Option<AttemptError> {
    attempt.error_code.as_ref().or(attempt.message.as_ref())?;
    Some(AttemptError {
        class: attempt.error_class.clone(),
        code: attempt.error_code.clone(),
        message: attempt.message.clone(),
        remedy: attempt.remedy.clone(),
        http_status: attempt.http_status,
        discord_code: attempt.discord_code,
        route: attempt.route.clone(),
    })
}

impl JobView {
    /// A job without its history.
    pub(crate) fn brief(job: &Job, pausing: &Pausing) -> Self {
        let subject = &job.subject;
        Self {
            id: job.id.to_string(),
            kind: job.kind.clone(),
            state: job.state.as_str().to_owned(),
            lane: job.lane.as_str().to_owned(),
            version: job.version,
            payload: job.payload.clone(),
            subject: SubjectView {
                guild_id: subject.guild_id.map(|id| id.to_string()),
                user_id: subject.user_id.as_ref().map(ToString::to_string),
                discord_id: subject.discord_id.map(|id| id.to_string()),
                role_id: subject.role_id.map(|id| id.to_string()),
                webhook_id: subject.webhook_id.map(|id| id.to_string()),
            },
            cause: CauseView::from(&job.cause),
            trace: job.trace.clone(),
            run_id: job.run_id.map(|id| id.to_string()),
            parent_id: job.parent_id.map(|id| id.to_string()),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            crashes: job.crashes,
            snoozes: job.snoozes,
            fence: job.fence,
            lease: job.lease.as_ref().map(|lease| LeaseView {
                owner: lease.owner.clone(),
                until: lease.until.to_rfc3339(),
            }),
            unique_key: job.unique_key.clone(),
            concurrency: job.concurrency.clone(),
            outcome: job.outcome.as_ref().map(OutcomeView::from),
            error: job.attempts.last().and_then(error),
            attempts: None,
            waits: None,
            progress: JobProgressView::of(job),
            paused_by: pausing.of(job),
            waits_for: None,
            timeline: None,
            parent: None,
            children: None,
            cancel_by: job.cancel_by.clone(),
            redriven_at: job.redriven_at.map(Timestamp::to_rfc3339),
            fingerprint: job.fingerprint.clone(),
            inserted_at: job.inserted_at.to_rfc3339(),
            run_at: job.due_since().to_rfc3339(),
            sent_at: job.sent_at.map(Timestamp::to_rfc3339),
            finished_at: job.finished_at.map(Timestamp::to_rfc3339),
            links: JobLinks {
                this: format!("/v1/jobs/{}", job.id),
                run: job.run_id.map(|id| format!("/v1/runs/{id}")),
                parent: job.parent_id.map(|id| format!("/v1/jobs/{id}")),
                children: format!("/v1/jobs?parent={}", job.id),
            },
        }
    }

    /// A job with its history.
    pub(crate) fn with_attempts(job: &Job, pausing: &Pausing) -> Self {
        Self {
            attempts: Some(job.attempts.iter().map(AttemptView::from).collect()),
            waits: Some(job.waits.iter().map(WaitNoteView::from).collect()),
            ..Self::brief(job, pausing)
        }
    }
}
