//! `rolecall jobs cancel|retry|discard|reschedule`: orders about single jobs.

use rolecall_core::cause::Cause;
use rolecall_core::ports::Ordered;
use rolecall_core::{JobId, Timestamp};
use serde_json::json;

use super::OrderArgs;
use crate::app::App;
use crate::cli::{CliError, Exit, output, seams};

/// What is ordered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    Cancel,
    Retry,
    Discard,
    At(Timestamp),
}

impl Order {
    /// What was done to a job, as a participle.
    const fn done(self) -> &'static str {
        match self {
            Self::Cancel => "cancelled",
            Self::Retry => "will run again",
            Self::Discard => "discarded",
            Self::At(_) => "rescheduled",
        }
    }
}

/// Gives the order for each job; all are tried, whatever becomes of the others.
pub(super) async fn run(app: &App, args: &OrderArgs, order: Order) -> Result<Exit, CliError> {
    let by = Cause::new(seams::actor(), args.reason.clone().unwrap_or_default());
    let mut lines = Vec::new();
    let mut refused = false;
    for id in &args.ids {
        let ordered = give(app, *id, order, &by).await?;
        refused |= !matches!(ordered, Ordered::Done | Ordered::Asked);
        let sentence = told(*id, order, ordered);
        lines.push(json!({ "job_id": id, "result": name(ordered), "message": sentence }));
        match ordered {
            _ if args.format.json => {}
            Ordered::Done | Ordered::Asked => output::say(&sentence),
            _ => output::warn(&sentence),
        }
    }
    if args.format.json {
        output::json(&json!({ "jobs": lines }));
    }
    Ok(if refused { Exit::Failed } else { Exit::Done })
}

async fn give(app: &App, id: JobId, order: Order, by: &Cause) -> Result<Ordered, CliError> {
    let steering = &app.steering;
    Ok(match order {
        Order::Cancel => steering.cancel(id, by).await?,
        Order::Retry => steering.redrive(id, by).await?,
        Order::Discard => steering.discard(id, by).await?,
        Order::At(at) => steering.reschedule(id, at, by).await?,
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

fn told(id: JobId, order: Order, ordered: Ordered) -> String {
    match ordered {
        Ordered::Done => format!("Job {id} {}.", order.done()),
        Ordered::Asked => {
            format!(
                "Job {id} is running: it ends before its next call to Discord, unless it is done before that."
            )
        }
        Ordered::Twin(twin) => format!("Job {id} was left alone: job {twin} does the same, and is at work."),
        Ordered::Not(state) => {
            let can = match order {
                Order::Cancel => "only a job that is not over can be cancelled",
                Order::Retry => "only a cancelled or discarded job can be run again",
                Order::Discard => "only a waiting job can be discarded; cancel a running one",
                Order::At(_) => "only a waiting job can be given another time",
            };
            format!("Job {id} is {state}: {can}.")
        }
        Ordered::Unknown => format!("There is no job {id}; `rolecall jobs list` shows them."),
    }
}
