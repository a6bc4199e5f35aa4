//! A delivery of an event as it is shown, over HTTP and at the command line.

use rolecall_core::Timestamp;
use rolecall_core::job::Job;
use rolecall_jobs::deliver_webhook::{HTTP_STATUS, message_id};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What became of an event on its way to an endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryView {
    /// The job that delivers it: `GET /v1/jobs/{job_id}` tells each attempt.
    pub(crate) job_id: String,
    /// The event's kind.
    pub(crate) event: String,
    /// The message's id, the same for each attempt; null in a Discord channel.
    message_id: Option<String>,
    /// `scheduled`, `available`, `running`, `retryable`, `completed`, `cancelled` or `discarded`.
    pub(crate) state: String,
    /// Attempts so far.
    pub(crate) attempts: u32,
    /// Attempts in all.
    max_attempts: u32,
    /// Status of the answer to the newest attempt; null: none came.
    pub(crate) last_status: Option<u16>,
    /// Why the newest attempt failed, if it did; or why none was made.
    pub(crate) error: Option<String>,
    /// When it was stored.
    pub(crate) inserted_at: String,
    /// When it is tried next, if it is.
    run_at: Option<String>,
    /// When it reached a final state.
    finished_at: Option<String>,
}

impl DeliveryView {
    /// Of the job that delivers.
    pub(crate) fn of(job: &Job) -> Self {
        let event_id = job.payload["event_id"].as_str();
        let event_id = event_id.and_then(|id| Uuid::parse_str(id).ok());
        let last = job.attempts.last();
        let answered = job.outcome.as_ref().and_then(|o| o.counts.get(HTTP_STATUS));
        let answered = answered.and_then(|status| u16::try_from(*status).ok());
        let skipped = job.outcome.as_ref().and_then(|outcome| outcome.reason.clone());
        Self {
            job_id: job.id.to_string(),
            // Deliveries to channels are made with the event as their reason.
            event: job.payload["event"]
                .as_str()
                .unwrap_or(&job.cause.reason)
                .to_owned(),
            message_id: event_id.map(message_id),
            state: job.state.to_string(),
            attempts: job.attempt,
            max_attempts: job.max_attempts,
            last_status: answered.or_else(|| last.and_then(|attempt| attempt.http_status)),
            error: last.and_then(|attempt| attempt.message.clone()).or(skipped),
            inserted_at: job.inserted_at.to_rfc3339(),
            run_at: job.state.is_waiting().then(|| job.run_at.to_rfc3339()),
            finished_at: job.finished_at.map(Timestamp::to_rfc3339),
        }
    }
}
