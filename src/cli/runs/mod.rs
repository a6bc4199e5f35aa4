//! `rolecall runs …`: what syncs did.

mod order;

use clap::{Args, Subcommand};
use rolecall_core::ports::RunFilter;
use rolecall_core::run::{Run, RunState};
use rolecall_core::{GuildId, RunId};
use rolecall_jobs::finish_run;
use rolecall_workflows::progress::Progress;

use super::jobs::bulk::Manner;
use super::jobs::place;
use super::table::{Table, number, text, whole};
use super::{CliError, Exit, Format, PageSize, output, sync, values, view};
use crate::app::App;
use crate::run_view::WholeRun;
use crate::run_view::page::{Found, list_name};

/// What to show of runs.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    List(ListArgs),
    Show(ShowArgs),
    Cancel(CancelArgs),
    Retry(RetryArgs),
}

/// Lists runs, newest first
///
/// Example: rolecall runs list --guild 123456789012345678 --limit 5
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those of this guild
    #[arg(long, value_name = "GUILD_ID")]
    pub guild: Option<GuildId>,
    /// Only those in this state: running, completed, partial, failed or held
    #[arg(long, value_name = "STATE", value_parser = values::run_state)]
    pub state: Option<RunState>,
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

/// Shows a run: how far it is, what it did, what went wrong
///
/// Example: rolecall runs show 019a2c8e-5b1d-7c3a-9f00-0123456789ab
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The run's id, as `rolecall sync` printed it
    #[arg(value_name = "RUN_ID")]
    pub id: RunId,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Ends a running run: all of its jobs that are not over
///
/// What was done stays done. A job does it; running jobs end before their next call to Discord.
///
/// Example: rolecall runs cancel 019a2c8e-5b1d-7c3a-9f00-0123456789ab --reason "wrong mapping"
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The run's id, see `rolecall runs list`
    #[arg(value_name = "RUN_ID")]
    pub id: RunId,
    /// Only show how many jobs are not over
    #[arg(long)]
    pub dry_run: bool,
    /// Why, for the record of who did what
    #[arg(long, value_name = "TEXT", value_parser = values::not_empty)]
    pub reason: Option<String>,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Runs those jobs of a run again that failed for good
///
/// The run is running again until they have ended; its numbers are added up anew then.
///
/// Example: rolecall runs retry 019a2c8e-5b1d-7c3a-9f00-0123456789ab --spread 10m
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// The run's id, see `rolecall runs list`
    #[arg(value_name = "RUN_ID")]
    pub id: RunId,
    /// How it is ordered.
    #[command(flatten)]
    pub manner: Manner,
}

pub(super) async fn run(app: &App, command: RunsCommand) -> Result<Exit, CliError> {
    match command {
        RunsCommand::List(args) => list(app, &args).await,
        RunsCommand::Show(args) => show(app, &args).await,
        RunsCommand::Cancel(args) => order::cancel(app, args).await,
        RunsCommand::Retry(args) => order::retry(app, args).await,
    }
}

async fn list(app: &App, args: &ListArgs) -> Result<Exit, CliError> {
    let filter = RunFilter {
        guild: args.guild,
        state: args.state,
    };
    let list = list_name(filter);
    let after = args
        .cursor
        .as_deref()
        .map(|text| place(text, &list))
        .transpose()?;
    let found = Found::page(&app.services, filter, after, args.size.get()).await?;
    if args.format.json {
        output::json(&found.view());
        return Ok(Exit::Done);
    }
    let runs = &found.runs;
    if runs.is_empty() {
        output::note(match filter == RunFilter::default() {
            true => "There was no sync yet; `rolecall sync` asks for one.",
            false => "There is no run like that.",
        });
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        whole("ID"),
        whole("KIND"),
        whole("STATE"),
        whole("STARTED (UTC)"),
        number("TOOK"),
        number("GIVEN"),
        number("TAKEN"),
        number("FAILED"),
        text("ASKED BY"),
    ]);
    for run in runs {
        let of = |n: fn(&rolecall_core::run::RunResults) -> u64| {
            run.results
                .as_ref()
                .map_or_else(|| "-".to_owned(), |r| n(r).to_string())
        };
        let took = run
            .finished_at
            .map(|end| view::length(end.millis_since(run.started_at)));
        let dry = if run.dry_run { " (dry run)" } else { "" };
        table.row([
            run.id.to_string(),
            format!("{}{dry}", run.kind.as_str()),
            run.state.to_string(),
            view::moment(run.started_at),
            took.unwrap_or_else(|| "-".to_owned()),
            of(|r| r.roles_added),
            of(|r| r.roles_removed),
            of(|r| r.users_failed),
            run.cause.actor.clone(),
        ]);
    }
    table.print();
    if let Some(next) = &found.next {
        let shown = runs.len();
        output::note(&format!(
            "There are more than these {shown}; --limit shows more, --cursor {next} what follows."
        ));
    }
    Ok(Exit::Done)
}

async fn show(app: &App, args: &ShowArgs) -> Result<Exit, CliError> {
    let whole = WholeRun::read::<CliError>(&app.services, args.id).await?;
    let whole = whole.ok_or_else(|| unknown(args.id))?;
    if args.format.json {
        output::json(&whole.view());
        return Ok(Exit::Done);
    }
    let WholeRun {
        run,
        progress,
        outcomes,
        failed,
        eta,
    } = &whole;
    output::say(&format!(
        "Asked for by {} at {} UTC: {}",
        run.cause.actor,
        view::moment(run.started_at),
        run.cause.reason
    ));
    output::say(&scope(run));
    output::say(&so_far(progress));
    if let Some(at) = eta {
        output::say(&format!("Over at about {} UTC.", view::moment(*at)));
    }
    if !outcomes.is_empty() {
        let parts: Vec<String> = outcomes.iter().map(|(what, n)| format!("{n} {what}")).collect();
        output::say(&format!("Outcomes: {}.", parts.join(", ")));
    }
    output::say(&sync::results_told(run));
    for group in failed {
        let cause = group.fingerprint.as_deref().unwrap_or("(none)");
        output::say(&format!(
            "{} failed for {cause}",
            output::count(group.jobs, "job", "jobs")
        ));
        if let Some(job) = &group.example {
            output::say(&format!(
                "  such as {}: {}",
                job.id,
                finish_run::failure_in_words(job)
            ));
        }
    }
    if !failed.is_empty() {
        output::say(&format!("`rolecall runs retry {}` runs them again.", args.id));
    }
    Ok(Exit::Done)
}

/// A run, by its id.
async fn one(app: &App, id: RunId) -> Result<Run, CliError> {
    app.services.runs.get(id).await?.ok_or_else(|| unknown(id))
}

fn unknown(id: RunId) -> CliError {
    CliError::failed(format!("there is no run {id}")).hint("`rolecall runs list` shows all.")
}

fn scope(run: &Run) -> String {
    let scope = &run.scope;
    let mut parts: Vec<String> = scope.guilds.iter().map(|g| format!("guild {g}")).collect();
    parts.extend(scope.users.iter().map(|u| format!("user {u}")));
    parts.extend(scope.mapping.iter().map(|m| format!("mapping {m}")));
    if parts.is_empty() {
        parts.push("all enabled guilds".to_owned());
    }
    let allowed = if scope.allow_removals {
        " (any number of removals)"
    } else {
        ""
    };
    format!("Covers {}{allowed}.", parts.join(", "))
}

fn so_far(progress: &Progress) -> String {
    let jobs: Vec<String> = progress
        .jobs
        .iter()
        .map(|(state, n)| format!("{n} {state}"))
        .collect();
    let planned = if progress.planned {
        ""
    } else {
        ", and planning goes on"
    };
    format!(
        "{} of {} changes done{planned}; jobs: {}.",
        progress.done,
        progress.total,
        if jobs.is_empty() {
            "none".to_owned()
        } else {
            jobs.join(", ")
        }
    )
}
