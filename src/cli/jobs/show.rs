//! `rolecall jobs show`.

use std::collections::BTreeSet;

use rolecall_core::job::{Attempt, Job};
use rolecall_core::outcome::Outcome;
use rolecall_core::waiting::Wait;
use rolecall_core::{RoleId, Timestamp};
use rolecall_jobs::kernel::waiting::why_it_waits;
use serde_json::{Value, json};

use super::ShowArgs;
use crate::app::App;
use crate::cli::{CliError, Exit, output, view};

pub(super) async fn run(app: &App, args: &ShowArgs) -> Result<Exit, CliError> {
    let job = app.services.ledger.get(args.id).await?.ok_or_else(|| {
        CliError::failed(format!("there is no job {}", args.id))
            .hint("`rolecall jobs list` shows the newest.")
    })?;
    let waits = why_it_waits(&app.services, &job).await?;
    if args.format.json {
        let told: Vec<Value> = waits.iter().map(wait).collect();
        output::json(&json!({ "job": view::job(&job), "waits_for": told }));
        return Ok(Exit::Done);
    }
    output::say(&output::facts(&facts(&job)));
    for wait in &waits {
        output::say(&format!("Waits: {}", wait.told()));
    }
    for wait in &job.waits {
        let (at, until) = (view::moment(wait.at), view::moment(wait.until));
        output::say(&format!(
            "Told to wait at {at} UTC until {until}: {} ({})",
            wait.message, wait.code
        ));
    }
    for attempt in &job.attempts {
        output::say("");
        output::say(&told(attempt));
    }
    if let Some(outcome) = &job.outcome {
        output::say("");
        output::say(&format!("Outcome: {}", super::came_of(&job)));
        let numbers: Vec<(&str, String)> = outcome
            .counts
            .iter()
            .map(|(k, n)| (k.as_str(), n.to_string()))
            .collect();
        if !numbers.is_empty() {
            output::say(&output::facts(&numbers));
        }
        let moved = moved(outcome);
        if !moved.is_empty() {
            output::say(&output::facts(&moved));
        }
        for note in &outcome.notes {
            output::say(note);
        }
    }
    Ok(Exit::Done)
}

/// Which roles went, and what the member has.
fn moved(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let list = |roles: &BTreeSet<RoleId>| -> String {
        let ids: Vec<String> = roles.iter().map(ToString::to_string).collect();
        if ids.is_empty() {
            "none".to_owned()
        } else {
            ids.join(", ")
        }
    };
    let some = |roles: &BTreeSet<RoleId>| Some(list(roles)).filter(|_| !roles.is_empty());
    let lines = [
        ("given", some(&outcome.given)),
        ("taken", some(&outcome.taken)),
        ("roles before", outcome.before.as_ref().map(list)),
        ("roles after", outcome.after().as_ref().map(list)),
    ];
    lines
        .into_iter()
        .filter_map(|(name, roles)| Some((name, roles?)))
        .collect()
}

fn wait(wait: &Wait) -> Value {
    json!({
        "cause": wait.as_str(),
        "message": wait.told(),
        "until": wait.until().map(Timestamp::to_rfc3339),
    })
}

fn facts(job: &Job) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("id", job.id.to_string()),
        ("kind", format!("{} (version {})", job.kind, job.version)),
        ("state", job.state.to_string()),
        ("queue", job.lane.to_string()),
        ("tries", format!("{} of {}", job.attempt, job.max_attempts)),
        ("snoozes", job.snoozes.to_string()),
        ("crashes", job.crashes.to_string()),
        ("asked for by", job.cause.to_string()),
        ("stored (UTC)", view::moment(job.inserted_at)),
    ];
    let about = view::subject(&job.subject);
    if !about.is_empty() {
        facts.insert(3, ("about", about));
    }
    if job.state.is_waiting() {
        facts.push(("due (UTC)", view::moment(job.due_since())));
    }
    if let Some(progress) = &job.progress {
        facts.push(("done", view::progress(progress, job.eta())));
    }
    if let Some(lease) = &job.lease {
        facts.push((
            "worker",
            format!("{}, until {} UTC", lease.owner, view::moment(lease.until)),
        ));
    }
    if let Some(end) = job.finished_at {
        facts.push(("ended (UTC)", view::moment(end)));
    }
    if let Some(run) = job.run_id {
        facts.push(("run", run.to_string()));
    }
    if let Some(parent) = job.parent_id {
        facts.push(("made by job", parent.to_string()));
    }
    if let Some(fingerprint) = &job.fingerprint {
        facts.push(("fingerprint", fingerprint.clone()));
    }
    facts.push(("payload", job.payload.to_string()));
    facts
}

fn told(attempt: &Attempt) -> String {
    let took = view::fine_length(attempt.ended_at.millis_since(attempt.started_at));
    let mut lines = vec![format!(
        "Attempt {} at {} UTC, {took}, by {}: {}",
        attempt.number,
        view::moment(attempt.started_at),
        attempt.worker,
        attempt.result
    )];
    if let Some(message) = &attempt.message {
        lines.push(format!("  error   {message}"));
    }
    let class = attempt
        .error_class
        .as_deref()
        .map(|c| format!(" ({c})"))
        .unwrap_or_default();
    let details = [
        attempt
            .error_code
            .as_ref()
            .map(|code| format!("  code    {code}{class}")),
        attempt.route.as_ref().map(|route| format!("  call    {route}")),
        answer(attempt).map(|answer| format!("  answer  {answer}")),
        attempt
            .remedy
            .as_ref()
            .map(|remedy| format!("  to do   {remedy}")),
    ];
    lines.extend(details.into_iter().flatten());
    lines.join("\n")
}

/// `403, Discord's code 50013`.
fn answer(attempt: &Attempt) -> Option<String> {
    let code = attempt.discord_code.map(|code| format!("Discord's code {code}"));
    match (attempt.http_status.map(|s| s.to_string()), code) {
        (Some(status), Some(code)) => Some(format!("{status}, {code}")),
        (status, code) => status.or(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_tells_code_call_answer_and_remedy() {
        let attempt = Attempt {
            number: 2,
            worker: "w1".to_owned(),
            started_at: Timestamp(0),
            ended_at: Timestamp(250),
            result: "discard".to_owned(),
            error_class: Some("permanent".to_owned()),
            error_code: Some("discord_missing_permissions".to_owned()),
            message: Some("Discord answered 403".to_owned()),
            remedy: Some("Drag the bot's role up.".to_owned()),
            http_status: Some(403),
            discord_code: Some(50013),
            route: Some("PUT /x".to_owned()),
        };
        let expected = "Attempt 2 at 1970-01-01 00:00:00 UTC, 250 ms, by w1: discard\n  \
             error   Discord answered 403\n  \
             code    discord_missing_permissions (permanent)\n  \
             call    PUT /x\n  \
             answer  403, Discord's code 50013\n  \
             to do   Drag the bot's role up.";
        assert_eq!(told(&attempt), expected);
    }
}
