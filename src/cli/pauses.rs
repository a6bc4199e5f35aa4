//! `rolecall pauses …`: what is held back.

use std::time::Duration;

use clap::{Args, Subcommand};
use rolecall_core::canary::Canary;
use rolecall_core::cause::Cause;
use rolecall_core::pause::{Held, Pause, PauseId};
use rolecall_core::query;
use rolecall_jobs::kernel::pauses::{no_such_kind, waiting};
use serde_json::json;
use uuid::Uuid;

use super::table::{Table, text, whole};
use super::{CliError, Exit, Format, jobs, output, seams, values, view};
use crate::app::App;
use crate::pause_view::{PauseList, PauseView};

/// What to do with pauses.
#[derive(Debug, Subcommand)]
pub enum PausesCommand {
    /// Lists pauses, the oldest first
    ///
    /// Example: rolecall pauses list
    List(Format),
    Add(AddArgs),
    End(EndArgs),
}

/// Holds jobs back: they are stored, and not run until the pause ends
///
/// Example: rolecall pauses add guild:123456789012345678 --reason "the bot was moved" --for 2h
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Which: queue:bulk, kind:add_role, guild:1 or fingerprint:…; of several words, jobs that are alike in all
    #[arg(value_name = "QUERY", required_unless_present = "everything")]
    pub query: Vec<String>,
    /// Every job: the same as the query everything
    #[arg(long, conflicts_with = "query")]
    pub everything: bool,
    /// Why, for whoever wonders
    #[arg(long, value_name = "TEXT", value_parser = values::not_empty)]
    pub reason: String,
    /// So long, such as 2h; otherwise until somebody ends it
    #[arg(long = "for", value_name = "DURATION", value_parser = values::duration)]
    pub length: Option<Duration>,
    /// So often, such as 10m, let one of the jobs through; the first that succeeds ends the pause
    #[arg(long, value_name = "DURATION", value_parser = values::canary)]
    pub canary: Option<Duration>,
    /// Only show how many jobs wait that it would hold back
    #[arg(long)]
    pub dry_run: bool,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Ends a pause: what it held back runs
///
/// Example: rolecall pauses end 019a2c8e-5b1d-7c3a-9f00-0123456789ab
#[derive(Debug, Args)]
pub struct EndArgs {
    /// The pause's id, see `rolecall pauses list`
    #[arg(value_name = "PAUSE_ID")]
    pub id: PauseId,
    /// Only show how many jobs wait that it holds back
    #[arg(long)]
    pub dry_run: bool,
    /// Why, for the record of who did what
    #[arg(long, value_name = "TEXT", value_parser = values::not_empty)]
    pub reason: Option<String>,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

pub(super) async fn run(app: &App, command: PausesCommand) -> Result<Exit, CliError> {
    match command {
        PausesCommand::List(format) => list(app, format).await,
        PausesCommand::Add(args) => add(app, args).await,
        PausesCommand::End(args) => end(app, args).await,
    }
}

/// What the canary does, for people.
fn canary_told(canary: &Canary) -> String {
    let failed = match canary.failed {
        0 => String::new(),
        n => format!("{n} failed, "),
    };
    match canary.out {
        Some(out) => format!("{failed}job {} is let through", out.job),
        None => format!("{failed}next {}", view::moment(canary.next_at)),
    }
}

async fn list(app: &App, format: Format) -> Result<Exit, CliError> {
    let pauses = app.services.pauses.list().await?;
    if format.json {
        output::json(&PauseList::of(&pauses, app.services.clock.now()));
        return Ok(Exit::Done);
    }
    if pauses.is_empty() {
        output::note("Nothing is held back.");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        whole("ID"),
        text("HOLDS BACK"),
        whole("SINCE (UTC)"),
        whole("UNTIL (UTC)"),
        whole("BY"),
        text("CANARY (UTC)"),
        text("WHY"),
    ]);
    let now = app.services.clock.now();
    for pause in &pauses {
        let until = match pause.until {
            None => "it is ended".to_owned(),
            Some(at) if at <= now => "over".to_owned(),
            Some(at) => view::moment(at),
        };
        table.row([
            pause.id.to_string(),
            pause.held.to_string(),
            view::moment(pause.created_at),
            until,
            pause.author.clone(),
            pause.canary.as_ref().map(canary_told).unwrap_or_default(),
            pause.reason.clone(),
        ]);
    }
    table.print();
    Ok(Exit::Done)
}

async fn add(app: &App, args: AddArgs) -> Result<Exit, CliError> {
    let held = if args.query == [query::EVERYTHING] {
        Held::default()
    } else {
        query::held(&jobs::read(app, &args.query)?).map_err(CliError::bad_input)?
    };
    if let Some(sentence) = no_such_kind(&app.services, &app.registry, &held).await? {
        return Err(CliError::bad_input(sentence));
    }
    if let Some(id) = held.guild_id
        && app.services.guilds.get(id).await?.is_none()
    {
        output::warn(&format!(
            "no guild {id} is configured; `rolecall guild list` shows those that are"
        ));
    }
    let now = app.services.clock.now();
    let by = Cause::new(seams::actor(), args.reason);
    let pause = Pause {
        id: PauseId(Uuid::now_v7()),
        held,
        reason: by.reason.clone(),
        author: by.actor.clone(),
        created_at: now,
        until: args.length.map(|length| now + length),
        canary: args.canary.map(|every| Canary::new(every, now + every)),
    };
    if args.dry_run {
        return look(app, &pause, "Would hold back", args.format).await;
    }
    app.steering.pause(&pause, &by.into()).await?;
    if args.format.json {
        output::json(&PauseView::of(&pause, now));
    } else {
        output::say(&format!(
            "Holding back {} within a second. `rolecall pauses end {}` ends it.",
            pause.held, pause.id
        ));
    }
    Ok(Exit::Done)
}

/// How many jobs wait that a pause holds back, or would.
async fn look(app: &App, pause: &Pause, what: &str, format: Format) -> Result<Exit, CliError> {
    let counts = app.services.ledger.counts(&waiting(&pause.held)).await?;
    let total: u64 = counts.iter().map(|(_, n)| n).sum();
    if format.json {
        output::json(&json!({ "holds": pause.held.to_string(), "total": total }));
    } else {
        let jobs = output::count(total, "waiting job", "waiting jobs");
        output::say(&format!("{what} {}: {jobs} now.", pause.held));
    }
    Ok(Exit::Done)
}

async fn end(app: &App, args: EndArgs) -> Result<Exit, CliError> {
    let unknown = || {
        CliError::failed(format!("there is no pause {}", args.id)).hint("`rolecall pauses list` shows all.")
    };
    if args.dry_run {
        let pauses = app.services.pauses.list().await?;
        let pause = pauses.into_iter().find(|pause| pause.id == args.id);
        return look(app, &pause.ok_or_else(unknown)?, "Holds back", args.format).await;
    }
    let by = Cause::new(seams::actor(), args.reason.clone().unwrap_or_default()).into();
    if !app.steering.resume(args.id, &by).await? {
        return Err(unknown());
    }
    if args.format.json {
        output::json(&json!({ "id": args.id, "ended": true }));
    } else {
        output::say("The pause has ended: what it held back runs.");
    }
    Ok(Exit::Done)
}
