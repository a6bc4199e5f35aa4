//! `rolecall guild remove`.

use std::io::IsTerminal;

use serde_json::json;

use super::{RemoveArgs, configured};
use crate::app::App;
use crate::cli::{CliError, Exit, output};

pub(super) async fn run(app: &App, args: &RemoveArgs) -> Result<Exit, CliError> {
    let services = &app.services;
    let guild = configured(app, args.id).await?;
    let mappings = services.mappings.list(Some(args.id)).await?.len() as u64;
    let what = format!(
        "guild {} ({}) with {}",
        guild.guild_name,
        guild.guild_id,
        output::count(mappings, "mapping", "mappings")
    );
    if !args.yes && !confirmed(&what)? {
        return Err(CliError::failed("nothing was removed"));
    }
    let removed = services.guilds.remove(args.id).await?;
    services.cache.forget(args.id);
    if args.format.json {
        output::json(&json!({ "guild_id": args.id, "removed": removed, "mappings": mappings }));
    } else {
        output::say(&format!("Removed {what}. Everybody keeps the roles they have."));
    }
    Ok(Exit::Done)
}

fn confirmed(what: &str) -> Result<bool, CliError> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(
            CliError::bad_input(format!("this would remove {what}, and nobody can be asked"))
                .hint("Add --yes to remove it without being asked."),
        );
    }
    output::note(&format!("Remove {what}? Type yes to go on:"));
    let mut answer = String::new();
    stdin
        .read_line(&mut answer)
        .map_err(|e| CliError::failed(format!("standard input cannot be read: {e}")))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
