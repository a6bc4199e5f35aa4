//! `rolecall schedules …`: what happens by the clock.

use clap::{Args, Subcommand};
use rolecall_core::Timestamp;
use rolecall_core::cause::Cause;
use rolecall_jobs::kernel::steering::By;
use serde_json::json;

use super::table::{Table, number, text, whole};
use super::{CliError, Exit, Format, output, seams, values, view};
use crate::app::App;
use crate::timetable::{self, Asked, Failure, ScheduleRun, ScheduleView, TickView};

/// What to do with schedules.
#[derive(Debug, Subcommand)]
pub enum SchedulesCommand {
    /// Lists schedules: when next, and what became of the last tick
    ///
    /// Example: rolecall schedules list
    List(Format),
    /// Shows one schedule with its last twenty ticks
    ///
    /// Example: rolecall schedules show retention
    Show(NamedArgs),
    /// Does now what the next tick would, whether the schedule is on or off
    ///
    /// Example: rolecall schedules run-now retention
    RunNow(OrderArgs),
    /// Lets the ticks of a schedule start something again
    ///
    /// Example: rolecall schedules enable discord_role_sync
    Enable(OrderArgs),
    /// Lets the ticks of a schedule start nothing until it is switched on; what is at work goes on
    ///
    /// Example: rolecall schedules disable discord_role_sync --reason "the import is being mended"
    Disable(OrderArgs),
}

/// A schedule.
#[derive(Debug, Args)]
pub struct NamedArgs {
    /// Its name, see `rolecall schedules list`
    #[arg(value_name = "NAME")]
    pub name: String,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// An order about a schedule.
#[derive(Debug, Args)]
pub struct OrderArgs {
    /// Its name, see `rolecall schedules list`
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Why, for the record of who did what
    #[arg(long, value_name = "TEXT", value_parser = values::not_empty)]
    pub reason: Option<String>,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

impl From<Failure> for CliError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error.into(),
            unknown @ Failure::Unknown(_) => {
                Self::failed(unknown.to_string()).hint("`rolecall schedules list` shows all.")
            }
        }
    }
}

pub(super) async fn run(app: &App, command: SchedulesCommand) -> Result<Exit, CliError> {
    match command {
        SchedulesCommand::List(format) => list(app, format).await,
        SchedulesCommand::Show(args) => show(app, args).await,
        SchedulesCommand::RunNow(args) => run_now(app, args).await,
        SchedulesCommand::Enable(args) => switch(app, args, true).await,
        SchedulesCommand::Disable(args) => switch(app, args, false).await,
    }
}

async fn list(app: &App, format: Format) -> Result<Exit, CliError> {
    let schedules = timetable::list(app).await?;
    if format.json {
        output::json(&json!({ "schedules": schedules }));
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        whole("NAME"),
        whole("ON"),
        text("CRON"),
        whole("NEXT (UTC)"),
        number("MISSED"),
        text("LAST TICK (UTC)"),
    ]);
    for schedule in &schedules {
        table.row([
            schedule.name.clone(),
            on_or_off(schedule).to_owned(),
            format!("{} {}", schedule.cron, schedule.zone),
            // What is switched off starts nothing then.
            match schedule.next.first().filter(|_| schedule.enabled) {
                Some(next) => moment(&next.at),
                None => "-".to_owned(),
            },
            schedule.missed.to_string(),
            schedule.results.first().map_or("none yet".to_owned(), told),
        ]);
    }
    table.print();
    Ok(Exit::Done)
}

fn on_or_off(schedule: &ScheduleView) -> &'static str {
    if schedule.enabled { "yes" } else { "no" }
}

/// A moment of a view for people, in UTC.
fn moment(at: &str) -> String {
    Timestamp::from_rfc3339(at).map_or_else(|| at.to_owned(), view::moment)
}

/// What became of a tick, in words.
fn told(tick: &TickView) -> String {
    let state = tick.state.as_deref().map(|state| format!(", {state}"));
    let late = if tick.late { ", late" } else { "" };
    let by = tick.asked_by.as_deref().map(|by| format!(", for {by}"));
    format!(
        "{} {}{}{late}{}",
        moment(&tick.at),
        tick.outcome,
        state.unwrap_or_default(),
        by.unwrap_or_default()
    )
}

async fn show(app: &App, args: NamedArgs) -> Result<Exit, CliError> {
    let schedule = timetable::get(app, &args.name).await?;
    if args.format.json {
        output::json(&schedule);
        return Ok(Exit::Done);
    }
    let mut facts = vec![
        ("name", schedule.name.clone()),
        ("on", on_or_off(&schedule).to_owned()),
        ("cron", format!("{} ({})", schedule.cron, schedule.zone)),
        ("missed ticks", schedule.missed_policy.clone()),
        ("overlaps", schedule.overlap_policy.clone()),
        ("missed", schedule.missed.to_string()),
    ];
    if let (Some(by), Some(at)) = (&schedule.changed_by, &schedule.changed_at) {
        facts.push(("switched", format!("by {by} at {} UTC", moment(at))));
    }
    for next in &schedule.next {
        let local = match schedule.zone.as_str() {
            "UTC" => String::new(),
            zone => format!(" ({} in {zone})", next.local),
        };
        facts.push(("next (UTC)", format!("{}{local}", moment(&next.at))));
    }
    output::say(&output::facts(&facts));
    let mut table = Table::new(&[
        whole("TICK (UTC)"),
        whole("OUTCOME"),
        whole("STATE"),
        whole("MADE"),
        text("ASKED BY"),
    ]);
    for tick in &schedule.results {
        let outcome = if tick.late {
            format!("{}, late", tick.outcome)
        } else {
            tick.outcome.clone()
        };
        table.row([
            moment(&tick.at),
            outcome,
            tick.state.clone().unwrap_or_default(),
            tick.job_id.clone().or(tick.run_id.clone()).unwrap_or_default(),
            tick.asked_by.clone().unwrap_or_default(),
        ]);
    }
    table.print();
    Ok(Exit::Done)
}

fn by(reason: Option<String>) -> By {
    Cause::new(seams::actor(), reason.unwrap_or_default()).into()
}

async fn run_now(app: &App, args: OrderArgs) -> Result<Exit, CliError> {
    let name = &args.name;
    if args.dry_run {
        let schedule = timetable::get(app, name).await?;
        return Ok(would(&schedule, &args, "would be run now; nothing was stored"));
    }
    let asked = timetable::run_now(app, name, &by(args.reason)).await?;
    let words = match asked {
        Asked::Job(id) => format!("Job {id} does what {name} does."),
        Asked::Run(id) => format!("Run {id} does what {name} does."),
        Asked::Nothing => "There is nothing to do.".to_owned(),
        Asked::Busy => {
            return Err(CliError::failed(format!(
                "the work of an earlier tick of {name} is not over, and two would do the same"
            ))
            .hint(format!(
                "`rolecall schedules show {name}` names the job or run; wait for its end, or cancel it."
            )));
        }
    };
    if args.format.json {
        output::json(&ScheduleRun::of(args.name, asked));
    } else {
        output::say(&words);
    }
    Ok(Exit::Done)
}

async fn switch(app: &App, args: OrderArgs, enabled: bool) -> Result<Exit, CliError> {
    let word = if enabled { "on" } else { "off" };
    if args.dry_run {
        let schedule = timetable::get(app, &args.name).await?;
        let words = match schedule.enabled == enabled {
            true => format!("is {word} already"),
            false => format!("would be switched {word}; nothing was changed"),
        };
        return Ok(would(&schedule, &args, &words));
    }
    let changed = timetable::switch(app, &args.name, enabled, &by(args.reason)).await?;
    if args.format.json {
        output::json(&timetable::get(app, &args.name).await?);
    } else if changed {
        output::say(&format!("{} is {word} now.", args.name));
    } else {
        output::say(&format!("{} was {word} already.", args.name));
    }
    Ok(Exit::Done)
}

fn would(schedule: &ScheduleView, args: &OrderArgs, words: &str) -> Exit {
    if args.format.json {
        output::json_of_change(schedule, true);
    } else {
        output::say(&format!("{} {words}.", schedule.name));
    }
    Exit::Done
}
