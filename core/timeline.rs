//! A job's life in the order of time, as far as it is stored.

use crate::job::Job;
use crate::time::Timestamp;

/// Something that happened to a job, or will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// `stored`, `attempt_began`, `attempt_ended`, `told_to_wait`, `redriven`, `sent`, `due` (in the future, too) or `ended`.
    pub event: &'static str,
    /// More about it, in words.
    pub detail: String,
}

/// The job's life. Of many attempts only the newest are known.
pub fn timeline(job: &Job) -> Vec<Event> {
    let event = |at, event, detail: String| Event { at, event, detail };
    let mut all = vec![event(
        job.inserted_at,
        "stored",
        format!("asked for by {}", job.cause),
    )];
    for attempt in &job.attempts {
        // What an operator does to a waiting job stands in its history, too, and takes no time.
        if attempt.started_at != attempt.ended_at {
            let by = format!("attempt {} by {}", attempt.number, attempt.worker);
            all.push(event(attempt.started_at, "attempt_began", by));
        }
        let code = attempt.error_code.as_deref().map(|code| format!(": {code}"));
        let end = format!("{}{}", attempt.result, code.unwrap_or_default());
        all.push(event(attempt.ended_at, "attempt_ended", end));
    }
    for wait in &job.waits {
        let until = wait.until.to_rfc3339();
        let why = format!("until {until}: {}: {}", wait.code, wait.message);
        all.push(event(wait.at, "told_to_wait", why));
    }
    if let Some(at) = job.redriven_at {
        all.push(event(at, "redriven", "run again, with all its tries".to_owned()));
    }
    if let Some(at) = job.sent_at {
        all.push(event(at, "sent", "to the workers".to_owned()));
    }
    if job.state.is_waiting() {
        all.push(event(job.due_since(), "due", job.state.to_string()));
    }
    if let Some(at) = job.finished_at {
        all.push(event(at, "ended", job.state.to_string()));
    }
    // Stable: what has the same millisecond stays in the order of a life.
    all.sort_by_key(|event| event.at);
    all
}
