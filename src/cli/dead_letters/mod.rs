//! `rolecall dead-letters …`: jobs that failed for good, by cause.

mod causes;

use std::collections::BTreeSet;
use std::time::Duration;

use clap::{Args, Subcommand};
use rolecall_core::Timestamp;
use rolecall_core::dead_letter::Said;
use rolecall_core::order::BulkAction;
use rolecall_jobs::kernel::dead_letters::{Group, group, groups_standing, of};

use super::jobs::bulk::{self, Manner};
use super::jobs::meant;
use super::table::{Table, number, text, whole};
use super::{CliError, Exit, Format, PageSize, output, values, view};
use crate::app::App;
use crate::dead_letter_view::{DeadLetterGroup, DeadLetters};

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    List(ListArgs),
    Show(ShowArgs),
    Redrive(RedriveArgs),
    Check(CheckArgs),
    /// Says that a cause is mended; if jobs fail for it after that, it is open again and says so
    ///
    /// Example: rolecall dead-letters resolve 'add_role|unknown_role' --reason "the role was made again"
    Resolve(MarkArgs),
    Ignore(IgnoreArgs),
    /// Takes back what was said of a cause
    ///
    /// Example: rolecall dead-letters reopen 'add_role|unknown_role'
    Reopen(MarkArgs),
}

/// Lists dead letters by cause, the largest group first
///
/// Example: rolecall dead-letters list guild:123456789012345678 since:2h
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only of jobs that this query finds, see `rolecall jobs list --help`
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
    /// Only causes that stand so: open, resolved, ignored or reopened; several with commas
    #[arg(long, value_name = "STANDING", value_delimiter = ',', value_parser = values::standing)]
    pub standing: Vec<&'static str>,
    /// How much is shown.
    #[command(flatten)]
    pub size: PageSize,
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
    /// How it is ordered.
    #[command(flatten)]
    pub manner: Manner,
}

/// Looks whether what made the jobs fail is gone, by asking Discord
///
/// Which role is above which, whether the bot is back in the guild, whether its token works; of a payload, whether this
/// release can read it. Ends with 1 while it is there.
///
/// Example: rolecall dead-letters check 'add_role|unknown_role'
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The cause, see `rolecall dead-letters list`
    #[arg(value_name = "FINGERPRINT", value_parser = values::not_empty)]
    pub fingerprint: String,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Which cause, and why.
#[derive(Debug, Args)]
pub struct MarkArgs {
    /// The cause, see `rolecall dead-letters list`
    #[arg(value_name = "FINGERPRINT", value_parser = values::not_empty)]
    pub fingerprint: String,
    /// Only show what is said of it now
    #[arg(long)]
    pub dry_run: bool,
    /// Why, for the record of who did what
    #[arg(long, value_name = "TEXT", value_parser = values::not_empty)]
    pub reason: Option<String>,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Says that nobody needs to look at a cause, for ever or for some time
///
/// Example: rolecall dead-letters ignore 'add_role|unknown_role' --for 24h
#[derive(Debug, Args)]
pub struct IgnoreArgs {
    /// So long, such as 24h; otherwise for ever
    #[arg(long = "for", value_name = "DURATION", value_parser = values::duration)]
    pub length: Option<Duration>,
    /// Which cause, and why.
    #[command(flatten)]
    pub mark: MarkArgs,
}

pub(super) async fn run(app: &App, command: DeadLettersCommand) -> Result<Exit, CliError> {
    match command {
        DeadLettersCommand::List(args) => list(app, args).await,
        DeadLettersCommand::Show(args) => show(app, &args).await,
        DeadLettersCommand::Redrive(args) => redrive(app, args).await,
        DeadLettersCommand::Check(args) => causes::check(app, &args).await,
        DeadLettersCommand::Resolve(args) => causes::mark(app, &args, Some(Said::Resolved)).await,
        DeadLettersCommand::Reopen(args) => causes::mark(app, &args, None).await,
        DeadLettersCommand::Ignore(args) => {
            let until = args.length.map(|length| app.services.clock.now() + length);
            causes::mark(app, &args.mark, Some(Said::Ignored(until))).await
        }
    }
}

async fn list(app: &App, args: ListArgs) -> Result<Exit, CliError> {
    let filter = meant(app, &args.query).await?;
    let limit = args.size.get();
    let mut found = groups_standing(&app.services, &filter, &args.standing, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    if args.format.json {
        output::json(&DeadLetters::of(&found, more));
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
        whole("STANDING"),
        whole("FINGERPRINT"),
        text("TO DO"),
    ]);
    for group in &found {
        table.row([
            group.jobs.to_string(),
            view::moment(group.last),
            group.guilds.len().to_string(),
            group.standing.as_str().to_owned(),
            group.fingerprint.clone().unwrap_or_default(),
            group.remedy().unwrap_or_default(),
        ]);
    }
    table.print();
    let shared: BTreeSet<String> = found.iter().filter_map(shared_told).collect();
    shared.iter().for_each(|sentence| output::note(sentence));
    Ok(Exit::Done)
}

/// What a group has in common with others, in a sentence that is the same for all of them.
fn shared_told(group: &Group) -> Option<String> {
    let (query, code) = (group.shared_query()?, group.code()?);
    Some(format!(
        "{} groups fail with {code} in the same guild, probably for one cause: when it is mended, all of them run again by \
         `rolecall jobs bulk --action retry '{query}'`.",
        group.same_cause.len() + 1
    ))
}

/// The group of a cause.
async fn one(app: &App, fingerprint: &str) -> Result<Group, CliError> {
    group(&app.services, fingerprint).await?.ok_or_else(|| {
        CliError::failed(format!("there is no dead letter of {fingerprint:?}")).hint(
            "`rolecall dead-letters list` shows the causes; put one in quotes, it holds signs of the shell.",
        )
    })
}

/// `12:00 4, 13:00 11`.
fn hours(group: &Group) -> String {
    let hour = |(hour, n): &(Timestamp, u64)| format!("{} {n}", hour.to_chrono().format("%m-%d %H:00"));
    group.by_hour.iter().map(hour).collect::<Vec<_>>().join(", ")
}

async fn show(app: &App, args: &ShowArgs) -> Result<Exit, CliError> {
    let group = &one(app, &args.fingerprint).await?;
    if args.format.json {
        output::json(&DeadLetterGroup::from(group));
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
        ("by hour (UTC)", hours(group)),
        ("guilds", guilds.join(", ")),
        ("standing", group.standing.told()),
    ];
    if let Some(job) = &group.example {
        facts.push(("example", job.id.to_string()));
        let error = job.attempts.last().and_then(|a| a.message.clone());
        facts.extend(error.map(|error| ("error", error)));
    }
    facts.extend(group.remedy().map(|remedy| ("to do", remedy)));
    if !group.same_cause.is_empty() {
        facts.push(("same cause", group.same_cause.join(", ")));
    }
    output::say(&output::facts(&facts));
    Ok(Exit::Done)
}

async fn redrive(app: &App, args: RedriveArgs) -> Result<Exit, CliError> {
    let asked = bulk::Asked {
        action: BulkAction::Retry,
        filter: of(&args.fingerprint),
        manner: args.manner,
    };
    bulk::order(app, asked).await
}
