//! How an attempt ended, and what that is called in the history and in the log.

use rolecall_core::Timestamp;
use rolecall_core::error::JobError;
use rolecall_core::job::{Attempt, JobState, WaitNote};
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::Settlement;
use rolecall_core::verdict::Verdict;

/// How an attempt ended.
pub(super) enum End {
    Done(Outcome),
    Failed(JobError),
    /// Its payload could not be read.
    Undecodable(String),
    /// Handed back: the process ends.
    Released,
    /// Somebody else has the job; nothing may be written.
    Lost,
}

/// As if it had not been claimed.
pub(super) fn handed_back() -> Settlement {
    Settlement {
        state: JobState::Available,
        run_at: None,
        give_back: true,
        outcome: None,
        attempt: None,
        fingerprint: None,
        wait: None,
    }
}

pub(super) fn in_state(verdict: Verdict, now: Timestamp) -> (JobState, Option<Timestamp>, bool) {
    match verdict {
        Verdict::Complete => (JobState::Completed, None, false),
        Verdict::RetryAt(at) => (JobState::Retryable, Some(at), false),
        Verdict::SnoozeUntil(at) => (JobState::Scheduled, Some(at), true),
        // The ledger, which knows who asked, makes its end of it.
        Verdict::Cancel => (JobState::Retryable, Some(now), false),
        Verdict::Discard => (JobState::Discarded, None, false),
    }
}

pub(super) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Complete => "applied",
        Verdict::RetryAt(_) => "retry",
        Verdict::SnoozeUntil(_) => "snooze",
        Verdict::Cancel => "cancel",
        Verdict::Discard => "discard",
    }
}

/// What is noted of a job that comes again without having used up a try.
pub(super) fn told_to_wait(verdict: Verdict, error: &JobError, now: Timestamp) -> Option<WaitNote> {
    let Verdict::SnoozeUntil(until) = verdict else {
        return None;
    };
    Some(WaitNote {
        at: now,
        until,
        code: error.code.clone(),
        message: error.message.clone(),
        route: error.route.clone(),
    })
}

pub(super) fn describe(attempt: &mut Attempt, error: &JobError) {
    attempt.error_class = Some(error.class.as_str().to_owned());
    attempt.error_code = Some(error.code.clone());
    attempt.message = Some(error.message.clone());
    attempt.remedy.clone_from(&error.remedy);
    attempt.http_status = error.http_status;
    attempt.discord_code = error.discord_code;
    attempt.route.clone_from(&error.route);
}

pub(super) fn log_end(end: &End, settlement: &Settlement, duration_ms: i64) {
    match end {
        End::Done(outcome) => tracing::debug!(
            duration_ms,
            outcome = outcome.effect.as_str(),
            reason = outcome.reason,
            granted = outcome.granted,
            revoked = outcome.revoked,
            "The job is done: {}",
            outcome.effect.as_str()
        ),
        End::Failed(error) if settlement.state == JobState::Scheduled => {
            tracing::debug!(duration_ms, error.code = %error.code, "The job waits: {error}");
        }
        End::Failed(error) if settlement.state == JobState::Discarded => tracing::error!(
            duration_ms, error.code = %error.code, error.class = error.class.as_str(), remedy = error.remedy,
            "The job failed for good: {error}"
        ),
        End::Failed(error) => tracing::warn!(
            duration_ms, error.code = %error.code, error.class = error.class.as_str(),
            "The job failed and will be tried again: {error}"
        ),
        End::Undecodable(why) => tracing::error!(duration_ms, "The job's payload cannot be read: {why}"),
        End::Released => tracing::info!(duration_ms, "The process ends: the job was handed back"),
        End::Lost => {}
    }
}

pub(super) fn panic_text(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "the job's task was aborted".to_owned();
    };
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref().cloned());
    format!(
        "the job panicked: {}",
        text.unwrap_or_else(|| "without a message".to_owned())
    )
}
