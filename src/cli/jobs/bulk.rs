//! `rolecall jobs bulk`: one order about all jobs that a query finds.

use std::time::Duration;

use clap::Args;
use rolecall_core::cost::Prediction;
use rolecall_core::order::BulkAction;
use rolecall_core::ports::{JobFilter, Share};
use rolecall_core::query;
use rolecall_jobs::bulk_order::{BulkOrder, Preview, give, preview};
use rolecall_jobs::kernel::queue::Enqueue;

use super::{BulkArgs, find};
use crate::app::App;
use crate::bulk_preview::BulkPreview;
use crate::bulk_view::BulkView;
use crate::cli::{CliError, Exit, Format, confirm, output, seams, values, view};
use crate::job_view::Pausing;

/// How an order about many jobs is given, whatever finds them.
#[derive(Debug, Args)]
pub struct Manner {
    /// Over so long a time the jobs run again, such as 10m; otherwise all at once
    #[arg(long, value_name = "DURATION", value_parser = values::spread)]
    pub spread: Option<Duration>,
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

/// What is ordered, and how.
pub(in crate::cli) struct Asked {
    pub(in crate::cli) action: BulkAction,
    pub(in crate::cli) filter: JobFilter,
    pub(in crate::cli) manner: Manner,
}

pub(super) async fn run(app: &App, args: BulkArgs) -> Result<Exit, CliError> {
    if args.manner.spread.is_some() && args.action != BulkAction::Retry {
        return Err(
            CliError::bad_input("only what runs again can be spread over time")
                .hint("Leave --spread out, or use it with --action retry."),
        );
    }
    let asked = Asked {
        action: args.action,
        filter: find::meant(app, &args.query).await?,
        manner: args.manner,
    };
    order(app, asked).await
}

/// Shows what the order is about; then gives it, unless it is a dry run.
pub(in crate::cli) async fn order(app: &App, asked: Asked) -> Result<Exit, CliError> {
    let now = app.services.clock.now();
    let seen = preview(&app.services, &app.registry, asked.action, &asked.filter, now).await?;
    if !asked.manner.format.json {
        show(&asked, &seen);
    }
    if asked.manner.dry_run || seen.jobs == 0 {
        if asked.manner.format.json {
            output::json(&looked(app, &asked, &seen).await?);
        }
        return Ok(Exit::Done);
    }
    let what = output::count(seen.jobs, "job", "jobs");
    if !asked.manner.yes && !confirm::confirmed(&format!("{} {what}", asked.action.as_str()))? {
        return Err(CliError::failed("nothing was ordered"));
    }
    let order = BulkOrder {
        action: asked.action,
        query: query::write(&asked.filter),
        reason: asked.manner.reason.clone().unwrap_or_default(),
        asked_at: now,
        request_id: None,
        spread_seconds: asked.manner.spread.map(|spread| spread.as_secs()),
    };
    let by = seams::by(&order.reason);
    let job = Enqueue::new(&order, by.cause.clone());
    let id = give(&app.services, &app.queue, job, &by).await?;
    if asked.manner.format.json {
        let given = BulkView::find(&app.services, id).await?;
        output::json(&given.ok_or_else(|| CliError::failed("the order was not stored"))?);
    } else {
        output::say(&format!(
            "Job {id} does it. `rolecall jobs show {id}` shows how far it is, `rolecall jobs cancel {id}` stops it."
        ));
    }
    Ok(Exit::Done)
}

fn show(asked: &Asked, seen: &Preview) {
    output::say(&format!(
        "{} to {}: {}",
        output::count(seen.jobs, "job", "jobs"),
        asked.action.as_str(),
        query::write(&asked.filter)
    ));
    if asked.action == BulkAction::Retry {
        output::say(&format!("  {}", cost(&seen.cost, asked.manner.spread)));
    }
    shares("by guild", &seen.by_guild);
    shares("by cause", &seen.by_fingerprint);
    for job in &seen.samples {
        output::say(&format!(
            "  such as {} {} {}, {}",
            job.id,
            job.kind,
            job.state,
            view::subject(&job.subject)
        ));
    }
}

/// `at Discord: 600 calls, at least 10 min 0 s`.
fn cost(cost: &Prediction, spread: Option<Duration>) -> String {
    let takes = takes(cost, spread);
    let more = if cost.open_ended {
        ", and what their further jobs call"
    } else {
        ""
    };
    format!(
        "at Discord: {}{more}; it takes {} or more",
        output::count(cost.calls, "call", "calls"),
        view::length(i64::try_from(takes.as_millis()).unwrap_or(i64::MAX))
    )
}

/// What takes longer: Discord's limits, or the time over which it is spread.
fn takes(cost: &Prediction, spread: Option<Duration>) -> Duration {
    cost.takes.max(spread.unwrap_or_default())
}

fn shares(title: &str, shares: &[Share]) {
    for share in shares {
        let value = share.value.as_deref().unwrap_or("(none)");
        output::say(&format!("  {title}: {:>6}  {value}", share.jobs));
    }
}

/// What it would be about.
async fn looked(app: &App, asked: &Asked, seen: &Preview) -> Result<BulkPreview, CliError> {
    let pausing = Pausing::now(&app.services).await?;
    Ok(BulkPreview::of(
        seen,
        asked.action,
        &asked.filter,
        asked.manner.spread,
        &pausing,
    ))
}
