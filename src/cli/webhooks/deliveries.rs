//! `rolecall webhooks deliveries`: what became of the events that an endpoint was told of.

use clap::Args;
use rolecall_core::webhook::EndpointId;
use serde_json::json;

use super::super::table::{Table, number, text, whole};
use super::super::{CliError, Exit, Format, PageSize, jobs, output};
use crate::app::App;
use crate::delivery_view::DeliveryView;

/// Lists what was sent to an endpoint and what came of it, newest first
///
/// Example: rolecall webhooks deliveries 019a2c8e-5b1d-7c3a-9f00-0123456789ab state:retryable,discarded since:2d
#[derive(Debug, Args)]
pub struct DeliveriesArgs {
    /// The endpoint's id, see `rolecall webhooks list`
    #[arg(value_name = "WEBHOOK_ID")]
    pub id: EndpointId,
    /// Only those that are like this, see `rolecall jobs list --help`
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
    /// How much is shown.
    #[command(flatten)]
    pub size: PageSize,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

pub(super) async fn run(app: &App, args: DeliveriesArgs) -> Result<Exit, CliError> {
    app.steering.endpoint(args.id).await?;
    let mut filter = jobs::meant(app, &args.query).await?;
    if filter.webhook_id.is_some_and(|other| other != args.id) {
        return Err(CliError::bad_input(
            "the query names another endpoint than the command",
        ));
    }
    filter.webhook_id = Some(args.id);
    let ledger = &app.services.ledger;
    let jobs = ledger.list(&filter, None, args.size.get()).await?;
    let total: u64 = ledger.counts(&filter).await?.iter().map(|(_, n)| n).sum();
    let views: Vec<_> = jobs.iter().map(DeliveryView::of).collect();
    if args.format.json {
        output::json(&json!({ "deliveries": views, "total": total }));
        return Ok(Exit::Done);
    }
    if views.is_empty() {
        output::note("Nothing like that was sent to it.");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        whole("JOB"),
        whole("EVENT"),
        whole("STATE"),
        number("TRIES"),
        whole("ANSWER"),
        whole("STORED"),
        text("WHY"),
    ]);
    let shown = views.len() as u64;
    for view in views {
        let answer = view
            .last_status
            .map_or("-".to_owned(), |status| status.to_string());
        let tries = view.attempts.to_string();
        let why = view.error.unwrap_or_default();
        table.row([
            view.job_id,
            view.event,
            view.state,
            tries,
            answer,
            view.inserted_at,
            why,
        ]);
    }
    table.print();
    if total > shown {
        output::note(&format!("The newest {shown} of {total}; --limit shows more."));
    }
    Ok(Exit::Done)
}
