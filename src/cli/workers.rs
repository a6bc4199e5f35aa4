//! `rolecall workers …`: which processes there are, what they run, and the order to take no more jobs.

use clap::{Args, Subcommand};
use rolecall_core::cause::Cause;
use rolecall_core::worker::{Drain, Role, Status};
use rolecall_jobs::kernel::fleet::{Fleet, Member, fleet};
use rolecall_jobs::kernel::steering::DrainOrdered;
use serde_json::json;

use super::table::{Table, number, text, whole};
use super::{CliError, Exit, Format, output, seams, values, view};
use crate::app::App;
use crate::fleet_view::WorkerView;

/// What to do with processes.
#[derive(Debug, Subcommand)]
pub enum WorkersCommand {
    List(ListArgs),
    Show(ShowArgs),
    Drain(DrainArgs),
    Undrain(UndrainArgs),
}

/// Lists processes: what they do, how they are, and how many jobs they run
///
/// A process that was not heard of for 30 s, and did not say that it stops, is lost; what it ran is taken up by others.
///
/// Example: rolecall workers list
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Those that stopped within the last day, too
    #[arg(long)]
    pub all: bool,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Shows a process with the jobs that it runs, and what is left of their leases
///
/// Example: rolecall workers show worker.1-17-0badcafe
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The process, see `rolecall workers list`
    #[arg(value_name = "WORKER_ID", value_parser = values::not_empty)]
    pub id: String,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Orders a process to take no more jobs
///
/// It hears of it within 5 s, finishes what it runs, and stays, idle, until the order is taken back.
///
/// Example: rolecall workers drain worker.1-17-0badcafe --exit --reason "a new machine"
#[derive(Debug, Args)]
pub struct DrainArgs {
    /// The process, see `rolecall workers list`
    #[arg(value_name = "WORKER_ID", value_parser = values::not_empty)]
    pub id: String,
    /// It ends once it runs nothing
    #[arg(long)]
    pub exit: bool,
    /// Only show what it would be about
    #[arg(long)]
    pub dry_run: bool,
    /// Why, for the record of who did what
    #[arg(long, value_name = "TEXT", value_parser = values::not_empty)]
    pub reason: Option<String>,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Takes the order back: the process takes jobs again
///
/// Example: rolecall workers undrain worker.1-17-0badcafe
#[derive(Debug, Args)]
pub struct UndrainArgs {
    /// The process, see `rolecall workers list`
    #[arg(value_name = "WORKER_ID", value_parser = values::not_empty)]
    pub id: String,
    /// Only show what it would be about
    #[arg(long)]
    pub dry_run: bool,
    /// Why, for the record of who did what
    #[arg(long, value_name = "TEXT", value_parser = values::not_empty)]
    pub reason: Option<String>,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

pub(super) async fn run(app: &App, command: WorkersCommand) -> Result<Exit, CliError> {
    match command {
        WorkersCommand::List(args) => list(app, &args).await,
        WorkersCommand::Show(args) => show(app, &args).await,
        WorkersCommand::Drain(args) => {
            let by = Cause::new(seams::actor(), args.reason.unwrap_or_default());
            let drain = Drain {
                by: by.actor.clone(),
                reason: by.reason.clone(),
                at: app.services.clock.now(),
                exit: args.exit,
            };
            order(app, &args.id, Some(drain), by, args.dry_run, args.format).await
        }
        WorkersCommand::Undrain(args) => {
            let by = Cause::new(seams::actor(), args.reason.unwrap_or_default());
            order(app, &args.id, None, by, args.dry_run, args.format).await
        }
    }
}

/// A table of processes.
pub(super) fn table<'a>(fleet: &Fleet, members: impl IntoIterator<Item = &'a Member>) -> Table {
    let mut table = Table::new(&[
        whole("ID"),
        whole("STATUS"),
        text("ROLES"),
        number("JOBS"),
        whole("SEEN"),
        number("CLOCK").spare(),
        text("RELEASE"),
    ]);
    for member in members {
        let process = &member.worker.process;
        let roles: Vec<&str> = process.roles.iter().map(|role| role.as_str()).collect();
        let jobs = match process.slots {
            0 => "-".to_owned(),
            slots => format!("{}/{slots}", member.jobs.len()),
        };
        table.row([
            process.id.clone(),
            member.status.to_string(),
            roles.join(" "),
            jobs,
            format!(
                "{} ago",
                view::length(fleet.now.millis_since(member.worker.seen_at))
            ),
            skew(member.worker.beat.skew_ms),
            process.release.clone(),
        ]);
    }
    table
}

/// `+0.3 s`: ahead of the store's.
fn skew(millis: Option<i64>) -> String {
    match millis {
        None => "?".to_owned(),
        Some(millis) if millis < 0 => format!("-{}", view::length(-millis)),
        Some(millis) => format!("+{}", view::length(millis)),
    }
}

async fn list(app: &App, args: &ListArgs) -> Result<Exit, CliError> {
    let fleet = fleet(&app.services).await?;
    let shown = fleet
        .members
        .iter()
        .filter(|m| args.all || m.status != Status::Stopped);
    if args.format.json {
        let all: Vec<WorkerView> = shown.map(|m| WorkerView::of(m, fleet.now)).collect();
        output::json(&json!({ "workers": all }));
        return Ok(Exit::Done);
    }
    let shown: Vec<&Member> = shown.collect();
    if shown.is_empty() {
        output::note("No process is heard of. `rolecall all` starts one that does everything.");
        return Ok(Exit::Done);
    }
    table(&fleet, shown).print();
    Ok(Exit::Done)
}

fn unknown(id: &str) -> CliError {
    CliError::failed(DrainOrdered::Unknown.told(id))
        .hint("`rolecall workers list --all` shows those of the last day.")
}

async fn show(app: &App, args: &ShowArgs) -> Result<Exit, CliError> {
    let fleet = fleet(&app.services).await?;
    let member = fleet.member(&args.id).ok_or_else(|| unknown(&args.id))?;
    let shown = WorkerView::of(member, fleet.now);
    if args.format.json {
        output::json(&shown);
        return Ok(Exit::Done);
    }
    let worker = &member.worker;
    let mut facts = vec![
        ("id", shown.id.clone()),
        ("status", shown.status.clone()),
        ("roles", shown.roles.join(", ")),
        ("release", shown.release.clone()),
        ("host", format!("{}, process {}", shown.host, shown.pid)),
        ("started (UTC)", view::moment(worker.process.started_at)),
        ("seen (UTC)", view::moment(worker.seen_at)),
        (
            "clock",
            format!("{} against the store's", skew(shown.clock_skew_ms)),
        ),
    ];
    if !shown.queues.is_empty() {
        facts.push(("queues", shown.queues.join(", ")));
        facts.push(("jobs", format!("{} of {}", shown.jobs.len(), shown.slots)));
    }
    if let Some(drain) = &worker.drain {
        let end = if drain.exit { ", to end then" } else { "" };
        let why = Some(&drain.reason).filter(|r| !r.is_empty());
        let why = why.map_or_else(String::new, |reason| format!(": {reason}"));
        facts.push((
            "drained",
            format!("{} by {}{end}{why}", view::moment(drain.at), drain.by),
        ));
    }
    output::say(&output::facts(&facts));
    if !shown.jobs.is_empty() {
        output::say("");
        running(std::slice::from_ref(&shown)).print();
    }
    Ok(Exit::Done)
}

/// A table of what processes run, the oldest claim first.
pub(super) fn running(workers: &[WorkerView]) -> Table {
    let mut table = Table::new(&[
        whole("JOB"),
        whole("KIND"),
        whole("QUEUE"),
        number("RUNS FOR"),
        number("LEASE"),
        text("GUILD"),
        text("WORKER"),
    ]);
    let mut jobs: Vec<_> = workers
        .iter()
        .flat_map(|w| w.jobs.iter().map(move |job| (&w.id, job)))
        .collect();
    jobs.sort_by_key(|(_, job)| std::cmp::Reverse(job.running_ms));
    for (worker, job) in jobs {
        let lease = if job.lease_left_ms < 0 {
            "over".to_owned()
        } else {
            view::length(job.lease_left_ms)
        };
        table.row([
            job.id.clone(),
            job.kind.clone(),
            job.queue.clone(),
            job.running_ms.map_or_else(|| "?".to_owned(), view::length),
            lease,
            job.guild_id.clone().unwrap_or_default(),
            worker.clone(),
        ]);
    }
    table
}

async fn order(
    app: &App,
    id: &str,
    drain: Option<Drain>,
    by: Cause,
    dry_run: bool,
    format: Format,
) -> Result<Exit, CliError> {
    let before = fleet(&app.services).await?;
    let member = before.member(id).ok_or_else(|| unknown(id))?;
    let drained = if dry_run {
        match member.status.hears() {
            true => DrainOrdered::Done,
            false => DrainOrdered::Deaf(member.status),
        }
    } else {
        app.steering.drain(id, drain.as_ref(), &by.into()).await?
    };
    match drained {
        DrainOrdered::Done => {}
        DrainOrdered::Unknown => return Err(unknown(id)),
        DrainOrdered::Deaf(_) => return Err(CliError::failed(drained.told(id))),
    }
    let alone = drain.is_some()
        && member.worker.process.roles.contains(&Role::Worker)
        && !before.others_take_jobs(id);
    if alone {
        output::warn("no other process takes jobs: what is stored waits until one does.");
    }
    if format.json {
        let after = fleet(&app.services).await?;
        let member = after.member(id).ok_or_else(|| unknown(id))?;
        output::json_of_change(&WorkerView::of(member, after.now), dry_run);
        return Ok(Exit::Done);
    }
    let runs = output::count(member.jobs.len() as u64, "job", "jobs");
    output::say(&match (dry_run, &drain) {
        (true, Some(_)) => format!("It runs {runs}, would finish them, and take no more."),
        (true, None) => "It would take jobs again.".to_owned(),
        (false, Some(drain)) => format!(
            "It hears of it within 5 s, finishes what it runs ({runs}), and {}.",
            if drain.exit { "ends" } else { "stays, idle" }
        ),
        (false, None) => "It takes jobs again within 5 s.".to_owned(),
    });
    Ok(Exit::Done)
}
