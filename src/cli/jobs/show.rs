//! `rolecall jobs show`.

use std::collections::BTreeSet;

use rolecall_core::RoleId;
use rolecall_core::job::{Attempt, Job};
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::JobFilter;
use rolecall_core::timeline::{Event, timeline};
use rolecall_jobs::kernel::waiting::why_it_waits;

use super::ShowArgs;
use crate::app::App;
use crate::cli::table::wrapped;
use crate::cli::{CliError, Exit, output, view};

pub(super) async fn run(app: &App, args: &ShowArgs) -> Result<Exit, CliError> {
    if args.format.json {
        output::json(&super::one(app, args.id).await?);
        return Ok(Exit::Done);
    }
    let job = app.services.ledger.get(args.id).await?;
    let job = job.ok_or_else(|| super::unknown(args.id))?;
    let mut facts = facts(&job);
    facts.extend(children(app, &job).await?.map(|told| ("made jobs", told)));
    output::say(&output::facts(&facts));
    for wait in &why_it_waits(&app.services, &job).await? {
        output::say(&format!("Waits: {}", wait.told()));
    }
    output::say("");
    output::say(&life(&timeline(&job), output::width()));
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

/// `12 (10 completed, 2 running)`; `None`: it made none.
async fn children(app: &App, job: &Job) -> Result<Option<String>, CliError> {
    let filter = JobFilter {
        parent_id: Some(job.id),
        ..JobFilter::default()
    };
    let counts = app.services.ledger.counts(&filter).await?;
    let total: u64 = counts.iter().map(|(_, n)| n).sum();
    let states: Vec<String> = counts.iter().map(|(state, n)| format!("{n} {state}")).collect();
    Ok((total > 0).then(|| format!("{total} ({})", states.join(", "))))
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

/// Details beside what happened are never narrower than this; otherwise they are below it.
const NARROWEST: usize = 24;

/// The job's life, a line or more for each thing that happened, or will. `width`: characters of a line of the terminal.
fn life(events: &[Event], width: Option<usize>) -> String {
    let told = |event: &Event| event.event.replace('_', " ");
    let longest = events.iter().map(|event| told(event).len()).max().unwrap_or(0);
    let width = width.unwrap_or(usize::MAX);
    let mut lines = vec!["Timeline (UTC):".to_owned()];
    for event in events {
        let when = view::moment(event.at);
        let head = format!("{when}  {:longest$}  ", told(event));
        let beside = width.saturating_sub(head.len());
        if beside < NARROWEST {
            lines.push(head.trim_end().to_owned());
            let below = wrapped(&event.detail, width.saturating_sub(2));
            lines.extend(below.iter().map(|line| format!("  {line}")));
        } else {
            let indent = format!("\n{:1$}", "", head.len());
            lines.push(format!("{head}{}", wrapped(&event.detail, beside).join(&indent)));
        }
    }
    lines.join("\n")
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
    use rolecall_core::Timestamp;

    use super::*;

    #[test]
    fn a_life_is_told_in_order_and_fits_the_terminal() {
        let event = |at, event, detail: &str| Event {
            at: Timestamp(at),
            event,
            detail: detail.to_owned(),
        };
        let why = "until 1970-01-01T00:01:00.000Z: rate_limited: Discord asks to wait";
        let events = [
            event(0, "stored", "asked for by cli:ada: checked\nby hand"),
            event(1_000, "told_to_wait", why),
        ];
        let wide = format!(
            "Timeline (UTC):\n\
             1970-01-01 00:00:00  stored        asked for by cli:ada: checked by hand\n\
             1970-01-01 00:00:01  told to wait  {why}"
        );
        assert_eq!(life(&events, None), wide);
        for width in [40, 60, 80] {
            let narrow = life(&events, Some(width));
            assert!(
                narrow.lines().all(|line| line.chars().count() <= width),
                "{narrow}"
            );
            let words = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
            assert_eq!(words(&narrow), words(&wide), "nothing is left out");
        }
    }

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
