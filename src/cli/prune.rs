//! `rolecall prune`: what happens every hour, now.

use clap::Args;
use rolecall_core::audit::Act;
use rolecall_jobs::retention::prune;

use super::{CliError, Exit, Format, output, seams};
use crate::app::App;

/// Deletes jobs, runs and other records that are older than the settings keep them
///
/// The same happens every hour while a worker or `rolecall all` runs. How long what is kept is in the settings
/// ROLECALL_RETENTION_…; jobs of a run that is still running stay.
///
/// Example: rolecall prune --json
#[derive(Debug, Clone, Copy, Args)]
pub struct PruneArgs {
    /// How the result is printed.
    #[command(flatten)]
    pub format: Format,
}

pub(super) async fn run(app: &App, args: PruneArgs) -> Result<Exit, CliError> {
    let services = &app.services;
    let pruned = prune(services, &services.settings.retention, services.clock.now());
    let deleted = seams::audited(app, Act::new("store.pruned", "store"), pruned).await?;
    if args.format.json {
        output::json(&serde_json::json!({ "deleted": deleted }));
        return Ok(Exit::Done);
    }
    let lines: Vec<(&str, String)> = deleted
        .into_iter()
        .map(|(what, n)| (what, n.to_string()))
        .collect();
    output::say("Deleted:");
    output::say(&output::facts(&lines));
    Ok(Exit::Done)
}
