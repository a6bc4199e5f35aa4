//! `rolecall runs …`: what syncs did.

use clap::{Args, Subcommand};
use rolecall_core::run::Run;
use rolecall_core::{GuildId, RunId};
use rolecall_jobs::finish_run;
use rolecall_workflows::progress::{self, Progress};
use serde_json::{Value, json};

use super::table::{Table, number, text, whole};
use super::{CliError, Exit, Format, output, sync, view};
use crate::app::App;

/// What to show of runs.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    List(ListArgs),
    Show(ShowArgs),
}

/// Lists runs, newest first
///
/// Example: rolecall runs list --guild 123456789012345678 --limit 5
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those of this guild
    #[arg(long, value_name = "GUILD_ID")]
    pub guild: Option<GuildId>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
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

pub(super) async fn run(app: &App, command: RunsCommand) -> Result<Exit, CliError> {
    match command {
        RunsCommand::List(args) => list(app, &args).await,
        RunsCommand::Show(args) => show(app, &args).await,
    }
}

async fn list(app: &App, args: &ListArgs) -> Result<Exit, CliError> {
    let runs = app
        .services
        .runs
        .list(args.guild, None, args.limit.into())
        .await?;
    if args.format.json {
        let all: Vec<Value> = runs.iter().map(|r| view::run(r, None)).collect();
        output::json(&json!({ "runs": all }));
        return Ok(Exit::Done);
    }
    if runs.is_empty() {
        output::note("There was no sync yet; `rolecall sync` asks for one.");
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
    for run in &runs {
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
    Ok(Exit::Done)
}

async fn show(app: &App, args: &ShowArgs) -> Result<Exit, CliError> {
    let services = &app.services;
    let missing =
        || CliError::failed(format!("there is no run {}", args.id)).hint("`rolecall runs list` shows all.");
    let mut run = services.runs.get(args.id).await?.ok_or_else(missing)?;
    let (progress, _) = progress::of_run(services, args.id).await?.ok_or_else(missing)?;
    if run.results.is_none() {
        run.results = Some(finish_run::results(services, args.id).await?);
    }
    if args.format.json {
        output::json(&json!({ "run": view::run(&run, Some(&progress)) }));
        return Ok(Exit::Done);
    }
    output::say(&format!(
        "Asked for by {} at {} UTC: {}",
        run.cause.actor,
        view::moment(run.started_at),
        run.cause.reason
    ));
    output::say(&scope(&run));
    output::say(&so_far(&progress));
    output::say(&sync::results_told(&run));
    Ok(Exit::Done)
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
