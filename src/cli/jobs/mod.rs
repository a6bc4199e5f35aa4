//! `rolecall jobs …`: single jobs, with every attempt.

pub(super) mod bulk;
mod clone;
mod find;
mod order;
mod show;

pub(super) use find::{meant, place, read};

use std::time::Duration;

use clap::{Args, Subcommand};
use rolecall_core::job::{Job, JobState, Lane};
use rolecall_core::order::{BulkAction, Order};
use rolecall_core::{GuildId, JobId, RunId, UserId};
use serde_json::Value;

use self::bulk::Manner;
use super::table::{Table, number, text, whole};
use super::{CliError, Exit, Format, PageSize, output, values, view};
use crate::app::App;
use crate::job_view::{JobView, Pausing};

/// What to show of jobs.
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    List(ListArgs),
    Show(ShowArgs),
    /// Ends jobs that are not over
    ///
    /// A waiting job ends at once, a running one before its next call to Discord.
    ///
    /// Example: rolecall jobs cancel 019a2c8e-5b1d-7c3a-9f00-0123456789ab --reason "wrong guild"
    Cancel(OrderArgs),
    /// Runs cancelled or discarded jobs again, with all their tries; their history stays
    ///
    /// Example: rolecall jobs retry 019a2c8e-5b1d-7c3a-9f00-0123456789ab
    Retry(OrderArgs),
    /// Makes dead letters of waiting jobs
    ///
    /// Example: rolecall jobs discard 019a2c8e-5b1d-7c3a-9f00-0123456789ab
    Discard(OrderArgs),
    Reschedule(RescheduleArgs),
    Clone(CloneArgs),
    Bulk(BulkArgs),
}

/// Stores a new job that does the same, whatever became of this one, with changes if there are any
///
/// Example: rolecall jobs clone 019a2c8e-5b1d-7c3a-9f00-0123456789ab --set role_id=234567890123456789
#[derive(Debug, Args)]
pub struct CloneArgs {
    /// The job's id, see `rolecall jobs list`
    #[arg(value_name = "JOB_ID")]
    pub id: JobId,
    /// Another value for a field of its payload, see `rolecall jobs show` (may be repeated)
    #[arg(long = "set", value_name = "FIELD=VALUE", value_parser = values::field)]
    pub fields: Vec<(String, Value)>,
    /// Another queue: interactive, normal or bulk
    #[arg(long, value_name = "QUEUE", value_parser = values::lane)]
    pub queue: Option<Lane>,
    /// Not before so long from now, such as 10m
    #[arg(long = "in", value_name = "DURATION", value_parser = values::duration)]
    pub after: Option<Duration>,
    /// Only show what the new job would be
    #[arg(long)]
    pub dry_run: bool,
    /// Why, for the record of who did what
    #[arg(long, value_name = "TEXT", value_parser = values::not_empty)]
    pub reason: Option<String>,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Which jobs, and why.
#[derive(Debug, Args)]
pub struct OrderArgs {
    /// The jobs' ids, see `rolecall jobs list`
    #[arg(value_name = "JOB_ID", required = true)]
    pub ids: Vec<JobId>,
    /// Only say what would come of it
    #[arg(long)]
    pub dry_run: bool,
    /// Why, for the record of who did what
    #[arg(long, value_name = "TEXT", value_parser = values::not_empty)]
    pub reason: Option<String>,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Gives waiting jobs another time
///
/// Example: rolecall jobs reschedule 019a2c8e-5b1d-7c3a-9f00-0123456789ab --in 10m
#[derive(Debug, Args)]
pub struct RescheduleArgs {
    /// So long from now, such as 10m; 0s means now
    #[arg(long = "in", value_name = "DURATION", value_parser = values::duration)]
    pub after: Duration,
    /// Which jobs, and why.
    #[command(flatten)]
    pub order: OrderArgs,
}

/// Gives one order about all jobs that a query finds
///
/// Shows first what it is about: how many jobs, in which guilds, of which causes, and what it costs at Discord. A job then
/// does it, page by page; it can be cancelled. What runs again does so in the queue bulk.
///
/// Example: rolecall jobs bulk --action retry state:discarded code:50013 --dry-run
#[derive(Debug, Args)]
pub struct BulkArgs {
    /// Which jobs, see `rolecall jobs list --help`; those to which the action means nothing are left alone
    #[arg(value_name = "QUERY", required = true)]
    pub query: Vec<String>,
    /// What to do with them
    #[arg(long, value_name = "ACTION", value_parser = values::bulk_action())]
    pub action: BulkAction,
    /// How it is ordered.
    #[command(flatten)]
    pub manner: Manner,
}

/// Lists jobs, newest first
///
/// Example: rolecall jobs list state:discarded,retryable guild:123456789012345678 since:2h
#[derive(Debug, Args)]
pub struct ListArgs {
    /// What to look for: words such as guild:1 kind:add_role state:discarded code:50013 since:2h, a pasted id or mention,
    /// and words of error messages
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
    /// Only those in this state (may be repeated)
    #[arg(long = "state", value_name = "STATE", value_parser = values::job_state())]
    pub states: Vec<JobState>,
    /// Only those of this kind, such as add_role
    #[arg(long, value_name = "KIND", hide_possible_values = true, value_parser = values::job_kind())]
    pub kind: Option<String>,
    /// Only those of this guild
    #[arg(long, value_name = "GUILD_ID")]
    pub guild: Option<GuildId>,
    /// Only those of this user of the application
    #[arg(long, value_name = "USER", value_parser = values::user_id)]
    pub user: Option<UserId>,
    /// Only those of this run
    #[arg(long, value_name = "RUN_ID")]
    pub run: Option<RunId>,
    /// How much is shown.
    #[command(flatten)]
    pub size: PageSize,
    /// Those that follow a page: its `next`
    #[arg(long, value_name = "NEXT", value_parser = values::not_empty)]
    pub cursor: Option<String>,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Shows a job with every attempt: errors with their codes, the call that failed, and what to do
///
/// Example: rolecall jobs show 019a2c8e-5b1d-7c3a-9f00-0123456789ab
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The job's id, see `rolecall jobs list`
    #[arg(value_name = "JOB_ID")]
    pub id: JobId,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

pub(super) async fn run(app: &App, command: JobsCommand) -> Result<Exit, CliError> {
    match command {
        JobsCommand::List(args) => list(app, args).await,
        JobsCommand::Show(args) => show::run(app, &args).await,
        JobsCommand::Cancel(args) => order::run(app, &args, Order::Cancel).await,
        JobsCommand::Retry(args) => order::run(app, &args, Order::Retry).await,
        JobsCommand::Discard(args) => order::run(app, &args, Order::Discard).await,
        JobsCommand::Clone(args) => clone::run(app, args).await,
        JobsCommand::Bulk(args) => bulk::run(app, args).await,
        JobsCommand::Reschedule(args) => {
            let at = app.services.clock.now() + args.after;
            order::run(app, &args.order, Order::Reschedule(at)).await
        }
    }
}

/// The job with this id, as the API shows it.
pub(super) async fn one(app: &App, id: JobId) -> Result<JobView, CliError> {
    let found = JobView::find(&app.services, id).await?;
    found.ok_or_else(|| unknown(id))
}

fn unknown(id: JobId) -> CliError {
    CliError::failed(format!("there is no job {id}")).hint("`rolecall jobs list` shows the newest.")
}

async fn list(app: &App, args: ListArgs) -> Result<Exit, CliError> {
    let found = find::found(app, &args).await?;
    if args.format.json {
        let pausing = Pausing::now(&app.services).await?;
        output::json(&found.view(&pausing));
        return Ok(Exit::Done);
    }
    if found.jobs.is_empty() {
        output::note("No job is like that.");
        return Ok(Exit::Done);
    }
    table(&found.jobs).print();
    let (shown, total) = (found.jobs.len(), found.total());
    if let Some(next) = &found.next {
        let states: Vec<String> = found
            .counts
            .iter()
            .map(|(state, n)| format!("{n} {state}"))
            .collect();
        let states = states.join(", ");
        let which = if args.cursor.is_some() {
            "The next"
        } else {
            "The newest"
        };
        output::note(&format!(
            "{which} {shown} of {total} ({states}); --limit shows more, --cursor {next} what follows."
        ));
    }
    Ok(Exit::Done)
}

fn table(jobs: &[Job]) -> Table {
    let mut table = Table::new(&[
        whole("ID"),
        whole("KIND"),
        whole("STATE"),
        number("TRIES"),
        whole("STORED (UTC)"),
        text("ABOUT"),
        text("WHAT CAME OF IT"),
    ]);
    for job in jobs {
        table.row([
            job.id.to_string(),
            job.kind.clone(),
            job.state.to_string(),
            format!("{}/{}", job.attempt, job.max_attempts),
            view::moment(job.inserted_at),
            view::subject(&job.subject),
            came_of(job),
        ]);
    }
    table
}

/// `applied`, `skipped: superseded`, or the last error.
fn came_of(job: &Job) -> String {
    if let Some(outcome) = &job.outcome {
        let reason = outcome
            .reason
            .as_ref()
            .map(|r| format!(": {r}"))
            .unwrap_or_default();
        return format!("{}{reason}", outcome.effect.as_str());
    }
    job.attempts.last().map_or_else(String::new, |a| {
        a.message
            .clone()
            .or_else(|| a.error_code.clone())
            .unwrap_or_else(|| a.result.clone())
    })
}
