//! `rolecall jobs cancel|retry|discard|reschedule`: orders about single jobs.

use rolecall_core::cause::Cause;
use rolecall_core::order::Order;
use rolecall_core::ports::Ordered;
use serde_json::json;

use super::OrderArgs;
use crate::app::App;
use crate::cli::{CliError, Exit, output, seams};
use crate::job_view::JobView;

/// Gives the order for each job, or says what would come of it; all are tried, whatever becomes of the others.
pub(super) async fn run(app: &App, args: &OrderArgs, order: Order) -> Result<Exit, CliError> {
    let by = Cause::new(seams::actor(), args.reason.clone().unwrap_or_default()).into();
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for id in &args.ids {
        let (ordered, sentence) = if args.dry_run {
            let state = app.services.ledger.get(*id).await?.map(|job| job.state);
            let would = order.would(state);
            (would, order.foretold(*id, would))
        } else {
            let ordered = app.steering.give(*id, order, &by).await?;
            (ordered, order.told(*id, ordered))
        };
        let done_so = matches!(ordered, Ordered::Done | Ordered::Asked);
        match done_so {
            true if args.format.json => done.extend(JobView::find(&app.services, *id).await?),
            true => output::say(&sentence),
            false => {
                if !args.format.json {
                    output::warn(&sentence);
                }
                refused.push(json!({ "job_id": id, "result": name(ordered), "message": sentence }));
            }
        }
    }
    if args.format.json {
        output::json(&json!({ "jobs": done, "refused": refused, "dry_run": args.dry_run }));
    }
    Ok(match refused.is_empty() {
        true => Exit::Done,
        false => Exit::Failed,
    })
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
