//! `rolecall dead-letters …`: jobs that failed for good, by cause.

use clap::{Args, Subcommand};
use rolecall_core::job::JobState;
use rolecall_core::order::BulkAction;
use rolecall_core::ports::JobFilter;
use rolecall_jobs::kernel::dead_letters::{Group, groups};
use serde_json::{Value, json};

use super::jobs::{bulk, meant};
use super::table::{Table, number, text, whole};
use super::{CliError, Exit, Format, output, values, view};
use crate::app::App;

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    List(ListArgs),
    Show(ShowArgs),
    Redrive(RedriveArgs),
}

/// Lists dead letters by cause, the largest group first
///
/// Example: rolecall dead-letters list guild:123456789012345678 since:2h
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only of jobs that this query finds, see `rolecall jobs list --help`
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
    /// At most so many groups
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Shows the dead letters of one cause: since when, in which guilds, an example, and what to do
///
/// Example: rolecall dead-letters show 'add_role|unknown_role'
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The cause, see `rolecall dead-letters list`
    #[arg(value_name = "FINGERPRINT", value_parser = values::not_empty)]
    pub fingerprint: String,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Runs the dead letters of one cause again, with all their tries
///
/// Example: rolecall dead-letters redrive 'add_role|unknown_role' --dry-run
#[derive(Debug, Args)]
pub struct RedriveArgs {
    /// The cause, see `rolecall dead-letters list`
    #[arg(value_name = "FINGERPRINT", value_parser = values::not_empty)]
    pub fingerprint: String,
    /// Only show what it would be about
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Why, for the record of who did what
    #[arg(long, value_name = "TEXT", value_parser = values::not_empty)]
    pub reason: Option<String>,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

pub(super) async fn run(app: &App, command: DeadLettersCommand) -> Result<Exit, CliError> {
    match command {
        DeadLettersCommand::List(args) => list(app, args).await,
        DeadLettersCommand::Show(args) => show(app, &args).await,
        DeadLettersCommand::Redrive(args) => redrive(app, args).await,
    }
}

fn of(fingerprint: &str) -> JobFilter {
    JobFilter {
        states: vec![JobState::Discarded],
        fingerprint: Some(fingerprint.to_owned()),
        ..JobFilter::default()
    }
}

fn told(group: &Group) -> Value {
    let guilds: Vec<Value> = group
        .guilds
        .iter()
        .map(|share| json!({ "guild_id": share.value, "total": share.jobs }))
        .collect();
    json!({
        "fingerprint": group.fingerprint,
        "total": group.jobs,
        "first_seen": group.first.to_rfc3339(),
        "last_seen": group.last.to_rfc3339(),
        "guilds": guilds,
        "example": group.example.as_ref().map(view::job),
        "remedy": remedy(group),
    })
}

fn remedy(group: &Group) -> Option<String> {
    group.example.as_ref()?.attempts.last()?.remedy.clone()
}

async fn list(app: &App, args: ListArgs) -> Result<Exit, CliError> {
    let filter = meant(app, &args.query).await?;
    let found = groups(&app.services, &filter, args.limit.into()).await?;
    if args.format.json {
        let all: Vec<Value> = found.iter().map(told).collect();
        output::json(&json!({ "groups": all }));
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        output::note("There are no dead letters like that.");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        number("JOBS"),
        whole("LAST (UTC)"),
        number("GUILDS"),
        whole("FINGERPRINT"),
        text("TO DO"),
    ]);
    for group in &found {
        table.row([
            group.jobs.to_string(),
            view::moment(group.last),
            group.guilds.len().to_string(),
            group.fingerprint.clone().unwrap_or_default(),
            remedy(group).unwrap_or_default(),
        ]);
    }
    table.print();
    Ok(Exit::Done)
}

async fn show(app: &App, args: &ShowArgs) -> Result<Exit, CliError> {
    let found = groups(&app.services, &of(&args.fingerprint), 1).await?;
    let group = found.first().ok_or_else(|| {
        CliError::failed(format!("there is no dead letter of {:?}", args.fingerprint)).hint(
            "`rolecall dead-letters list` shows the causes; put one in quotes, it holds signs of the shell.",
        )
    })?;
    if args.format.json {
        output::json(&told(group));
        return Ok(Exit::Done);
    }
    let guilds: Vec<String> = group
        .guilds
        .iter()
        .map(|share| format!("{} ({})", share.value.as_deref().unwrap_or("none"), share.jobs))
        .collect();
    let mut facts = vec![
        ("fingerprint", args.fingerprint.clone()),
        ("jobs", group.jobs.to_string()),
        ("first (UTC)", view::moment(group.first)),
        ("last (UTC)", view::moment(group.last)),
        ("guilds", guilds.join(", ")),
    ];
    if let Some(job) = &group.example {
        facts.push(("example", job.id.to_string()));
        let error = job.attempts.last().and_then(|a| a.message.clone());
        facts.extend(error.map(|error| ("error", error)));
    }
    facts.extend(remedy(group).map(|remedy| ("to do", remedy)));
    output::say(&output::facts(&facts));
    Ok(Exit::Done)
}

async fn redrive(app: &App, args: RedriveArgs) -> Result<Exit, CliError> {
    let asked = bulk::Asked {
        action: BulkAction::Retry,
        filter: of(&args.fingerprint),
        reason: args.reason,
        dry_run: args.dry_run,
        yes: args.yes,
        format: args.format,
    };
    bulk::order(app, asked).await
}
