//! `rolecall jobs cancel|retry|discard|reschedule`: orders about single jobs.

use rolecall_core::cause::Cause;
use rolecall_core::order::Order;
use rolecall_core::ports::Ordered;
use serde_json::json;

use super::OrderArgs;
use crate::app::App;
use crate::cli::{CliError, Exit, output, seams};

/// Gives the order for each job, or says what would come of it; all are tried, whatever becomes of the others.
pub(super) async fn run(app: &App, args: &OrderArgs, order: Order) -> Result<Exit, CliError> {
    let by = Cause::new(seams::actor(), args.reason.clone().unwrap_or_default()).into();
    let mut lines = Vec::new();
    let mut refused = false;
    for id in &args.ids {
        let (ordered, sentence) = if args.dry_run {
            let state = app.services.ledger.get(*id).await?.map(|job| job.state);
            let would = order.would(state);
            (would, order.foretold(*id, would))
        } else {
            let ordered = app.steering.give(*id, order, &by).await?;
            (ordered, order.told(*id, ordered))
        };
        refused |= !matches!(ordered, Ordered::Done | Ordered::Asked);
        lines.push(json!({ "job_id": id, "result": name(ordered), "message": sentence }));
        match ordered {
            _ if args.format.json => {}
            Ordered::Done | Ordered::Asked => output::say(&sentence),
            _ => output::warn(&sentence),
        }
    }
    if args.format.json {
        output::json(&json!({ "jobs": lines, "dry_run": args.dry_run }));
    }
    Ok(if refused { Exit::Failed } else { Exit::Done })
}

fn name(ordered: Ordered) -> &'static str {
    match ordered {
        Ordered::Done => "done",
        Ordered::Asked => "asked",
        Ordered::Twin(_) => "twin",
        Ordered::Not(_) => "not_possible",
        Ordered::Unknown => "unknown",
    }
}
