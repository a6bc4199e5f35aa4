//! `rolecall queue …`: what Redis carries.

use std::sync::Arc;

use clap::{Args, Subcommand};
use rolecall_adapters::delivery::redis::RedisDelivery;
use rolecall_core::audit::Act;
use rolecall_core::job::Lane;
use rolecall_core::ports::{Delivery, DeliveryError};
use rolecall_jobs::kernel::queue::Queue;
use rolecall_jobs::kernel::rebuild::send_due;
use serde::Serialize;
use serde_json::json;

use super::{CliError, Exit, Format, output, seams};
use crate::app::App;
use crate::wiring::redis_delivery;

/// What to do with the queue.
#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    Rebuild(RebuildArgs),
}

/// Throws away what waits in Redis, and sends all due jobs again
///
/// Redis carries hints; the jobs are in MongoDB. Working processes notice by themselves what Redis lost, within 15 s. This
/// does it at once, and removes hints that mean nothing any more. What workers have in hand is left alone, and so is every
/// job. Nothing runs twice: a job is claimed in MongoDB.
///
/// Example: rolecall queue rebuild --dry-run
#[derive(Debug, Clone, Copy, Args)]
pub struct RebuildArgs {
    /// Only say what would be thrown away
    #[arg(long)]
    pub dry_run: bool,
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

pub(super) async fn run(app: &App, command: QueueCommand) -> Result<Exit, CliError> {
    match command {
        QueueCommand::Rebuild(args) => rebuild(app, args).await,
    }
}

fn not_reached(error: &DeliveryError) -> CliError {
    CliError::failed(error.to_string())
        .hint("Check REDIS_URL and that Redis runs. The jobs are safe: they are in MongoDB.")
}

async fn rebuild(app: &App, args: RebuildArgs) -> Result<Exit, CliError> {
    let redis = redis_delivery(&app.config, &app.instance)
        .await
        .map_err(|e| CliError::failed(e.to_string()))?;
    let Some(redis) = redis.map(Arc::new) else {
        if args.format.json {
            output::json(&json!({ "rebuilt": false, "reason": "no_redis" }));
        } else {
            output::say(
                "There is nothing to rebuild: without Redis, working processes read due jobs from the store each second.",
            );
        }
        return Ok(Exit::Done);
    };
    let control = &app.services.control;
    if args.dry_run {
        let mut envelopes = 0;
        for lane in Lane::ALL {
            envelopes += redis.depth(lane).await.map_err(|e| not_reached(&e))?;
        }
        let noted = control.sent(false).await?;
        if args.format.json {
            output::json(&json!({ "dry_run": true, "envelopes": envelopes, "jobs_noted_as_sent": noted }));
        } else {
            output::say(&format!(
                "{envelopes} hints wait in Redis, and {noted} waiting jobs are noted as sent. Nothing was changed."
            ));
        }
        return Ok(Exit::Done);
    }
    let act = Act::new("queue.rebuilt", format!("queue:{}", app.config.installation));
    let result = seams::audited(app, act, clear_and_send(app, redis)).await?;
    if args.format.json {
        output::json(&json!({ "rebuilt": true, "result": result }));
    } else {
        output::say(&format!(
            "{} hints were removed, {} waiting jobs were no longer noted as sent, and {} due jobs were sent. Working processes send the rest as they go on.",
            result.envelopes_removed, result.notes_removed, result.sent
        ));
    }
    Ok(Exit::Done)
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Rebuilt {
    envelopes_removed: u64,
    notes_removed: u64,
    sent: usize,
}

async fn clear_and_send(app: &App, redis: Arc<RedisDelivery>) -> Result<Rebuilt, CliError> {
    let envelopes_removed = redis.clear().await.map_err(|e| not_reached(&e))?;
    let services = &app.services;
    let notes_removed = services.control.sent(true).await?;
    let delivery: Arc<dyn Delivery> = redis;
    let queue = Queue::new(
        Arc::clone(&services.ledger),
        Some(Arc::clone(&delivery)),
        Arc::clone(&services.clock),
    );
    let sent = send_due(services, &queue, delivery.as_ref()).await?;
    Ok(Rebuilt {
        envelopes_removed,
        notes_removed,
        sent: sent.map_err(|e| not_reached(&e))?,
    })
}
