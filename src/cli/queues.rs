//! `rolecall queues …`: how much waits, for how long, and how fast it is done.

use clap::{Args, Subcommand};
use rolecall_core::job::{JobState, Lane};
use rolecall_core::throughput::{Bucket, Counts};
use rolecall_jobs::kernel::lanes::{LaneState, Lanes, lanes};
use serde_json::json;

use super::sparkline::sparkline;
use super::table::{Table, drawing, number, whole};
use super::{CliError, Exit, Format, output, values, view};
use crate::app::App;
use crate::queue_view::{QueueDetail, QueueView};

/// What to do with queues.
#[derive(Debug, Subcommand)]
pub enum QueuesCommand {
    /// Lists queues: what waits, since when, and how fast it is done
    ///
    /// Example: rolecall queues list
    List(Format),
    Show(ShowArgs),
}

/// Shows a queue with its last hour and its last day
///
/// Example: rolecall queues show bulk
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The queue
    #[arg(value_name = "QUEUE", value_parser = values::queue())]
    pub queue: Lane,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

pub(super) async fn run(app: &App, command: QueuesCommand) -> Result<Exit, CliError> {
    match command {
        QueuesCommand::List(format) => list(app, format).await,
        QueuesCommand::Show(args) => show(app, &args).await,
    }
}

fn finished(buckets: &[Bucket]) -> String {
    let values: Vec<u64> = buckets.iter().map(|b| b.counts.finished()).collect();
    sparkline(&values)
}

fn percent(rate: Option<f64>) -> String {
    rate.map_or_else(|| "-".to_owned(), |rate| format!("{:.1} %", rate * 100.0))
}

fn wait(millis: Option<u64>) -> String {
    match millis {
        None => "-".to_owned(),
        Some(millis) => view::fine_length(i64::try_from(millis).unwrap_or(i64::MAX)),
    }
}

/// A table of queues, with bars of the last hour where somebody looks.
pub(super) fn table(lanes: &Lanes, bars: bool) -> Table {
    let mut columns = vec![
        whole("QUEUE"),
        number("LATER"),
        number("DUE"),
        number("RUNS"),
        number("RETRIES"),
        number("OLDEST DUE"),
        number("A MINUTE"),
        number("ERRORS"),
        number("WAIT P50").spare(),
        number("WAIT P95"),
    ];
    if bars {
        columns.push(drawing("LAST 30 MIN").spare());
    }
    let mut table = Table::new(&columns);
    for lane in &lanes.lanes {
        let shown = QueueView::of(lane, lanes.now);
        let mut row = vec![
            shown.name,
            shown.depth.scheduled.to_string(),
            shown.depth.available.to_string(),
            shown.depth.running.to_string(),
            shown.depth.retryable.to_string(),
            shown
                .oldest_due_age_ms
                .map_or_else(|| "-".to_owned(), view::length),
            format!("{:.1}", shown.last_hour.per_minute),
            percent(shown.last_hour.error_rate),
            wait(shown.last_hour.wait_p50_ms),
            wait(shown.last_hour.wait_p95_ms),
        ];
        if bars {
            // The last half hour: a bar a minute.
            let from = lane.minutes.len().saturating_sub(30);
            row.push(finished(&lane.minutes[from..]));
        }
        table.push(row);
    }
    table
}

async fn list(app: &App, format: Format) -> Result<Exit, CliError> {
    let lanes = lanes(&app.services).await?;
    if format.json {
        output::json(&json!({ "queues": QueueView::all(&lanes) }));
    } else {
        table(&lanes, output::is_terminal()).print();
    }
    Ok(Exit::Done)
}

async fn show(app: &App, args: &ShowArgs) -> Result<Exit, CliError> {
    let lanes = lanes(&app.services).await?;
    let found = lanes.lanes.iter().find(|state| state.lane == args.queue);
    let lane = found.ok_or_else(|| CliError::failed(format!("there is no queue {}", args.queue)))?;
    if args.format.json {
        output::json(&QueueDetail::of(lane, lanes.now));
        return Ok(Exit::Done);
    }
    let depth = |state| {
        lane.depth
            .iter()
            .find(|(s, _)| *s == state)
            .map_or(0, |(_, n)| *n)
    };
    let oldest = lane.oldest_due.map_or_else(
        || "none is due".to_owned(),
        |due| view::length(lanes.now.millis_since(due)),
    );
    let mut facts = vec![
        ("queue", lane.lane.to_string()),
        ("for later", depth(JobState::Scheduled).to_string()),
        ("due", depth(JobState::Available).to_string()),
        ("running", depth(JobState::Running).to_string()),
        ("to be retried", depth(JobState::Retryable).to_string()),
        ("oldest due", oldest),
    ];
    facts.extend(spans(lane));
    if output::is_terminal() {
        facts.push(("the hour", format!("|{}|", finished(&lane.minutes))));
        facts.push(("the day", format!("|{}|", finished(&lane.quarters))));
    }
    output::say(&output::facts(&facts));
    Ok(Exit::Done)
}

fn spans(lane: &LaneState) -> [(&'static str, String); 2] {
    let told = |counts: &Counts| {
        format!(
            "{} ended ({} well, {} for good badly, {} cancelled), {} to be retried, {} errors, wait {} / {} (p50 / p95)",
            counts.finished(),
            counts.completed,
            counts.discarded,
            counts.cancelled,
            counts.retried,
            percent(counts.error_rate()),
            wait(counts.wait(0.5)),
            wait(counts.wait(0.95)),
        )
    };
    [("last hour", told(&lane.hour)), ("last day", told(&lane.day))]
}
