//! `rolecall runs cancel|retry`.

use rolecall_core::job::JobState;
use rolecall_core::order::BulkAction;
use rolecall_core::ports::JobFilter;
use rolecall_jobs::cancel_run::CancelRun;
use serde_json::json;

use super::{CancelArgs, RetryArgs, one};
use crate::app::App;
use crate::cli::jobs::{self, bulk};
use crate::cli::{CliError, Exit, output, seams};

pub(super) async fn cancel(app: &App, args: CancelArgs) -> Result<Exit, CliError> {
    let run = one(app, args.id).await?;
    if run.state.is_final() {
        let why = format!(
            "run {} is {}: only a running one can be cancelled",
            run.id, run.state
        );
        return Err(CliError::failed(why));
    }
    if args.dry_run {
        return look(app, &args).await;
    }
    let order = CancelRun {
        run_id: args.id,
        reason: args.reason.unwrap_or_default(),
        request_id: None,
    };
    let by = seams::by(&order.reason);
    let id = order.give(&app.services, &app.queue, &by).await?;
    let id = id.ok_or_else(|| CliError::failed("the order was not stored"))?;
    if args.format.json {
        output::json(&jobs::one(app, id).await?);
    } else {
        output::say(&format!(
            "Job {id} ends the run. `rolecall jobs show {id}` shows how far it is."
        ));
    }
    Ok(Exit::Done)
}

async fn look(app: &App, args: &CancelArgs) -> Result<Exit, CliError> {
    let filter = JobFilter {
        run_id: Some(args.id),
        states: JobState::ALL.into_iter().filter(|s| !s.is_final()).collect(),
        ..JobFilter::default()
    };
    let total: u64 = app
        .services
        .ledger
        .counts(&filter)
        .await?
        .iter()
        .map(|(_, n)| n)
        .sum();
    if args.format.json {
        output::json(&json!({ "run_id": args.id, "total": total }));
    } else {
        output::say(&format!(
            "Would end run {}: {} not over.",
            args.id,
            output::count(total, "job is", "jobs are")
        ));
    }
    Ok(Exit::Done)
}

pub(super) async fn retry(app: &App, args: RetryArgs) -> Result<Exit, CliError> {
    one(app, args.id).await?;
    let asked = bulk::Asked {
        action: BulkAction::Retry,
        filter: JobFilter {
            run_id: Some(args.id),
            states: vec![JobState::Discarded],
            ..JobFilter::default()
        },
        manner: args.manner,
    };
    bulk::order(app, asked).await
}
