//! `rolecall mapping list` and `rolecall mapping remove`.

use serde_json::{Value, json};

use super::add::told;
use super::{ListArgs, RemoveArgs};
use crate::app::App;
use crate::cli::table::{Table, number, text, whole};
use crate::cli::{CliError, Exit, guild, output, view};

pub(super) async fn run(app: &App, args: &ListArgs) -> Result<Exit, CliError> {
    if let Some(id) = args.guild {
        guild::configured(app, id).await?;
    }
    let mappings = app.services.mappings.list(args.guild).await?;
    if args.format.json {
        let all: Vec<Value> = mappings.iter().map(view::mapping).collect();
        output::json(&json!({ "mappings": all }));
        return Ok(Exit::Done);
    }
    if mappings.is_empty() {
        output::note("There is no mapping; `rolecall mapping add` adds one.");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        whole("ID"),
        whole("GUILD"),
        text("GROUP"),
        text("ROLE"),
        whole("ROLE ID"),
        number("PRIORITY"),
        whole("ACTIVE"),
    ]);
    for mapping in mappings {
        table.row([
            mapping.id.to_string(),
            mapping.guild_id.to_string(),
            mapping.group_name,
            mapping.role_name,
            mapping.role_id.to_string(),
            mapping.priority.to_string(),
            if mapping.is_active { "yes" } else { "no" }.to_owned(),
        ]);
    }
    table.print();
    Ok(Exit::Done)
}

pub(super) async fn remove(app: &App, args: &RemoveArgs) -> Result<Exit, CliError> {
    let mappings = &app.services.mappings;
    let missing = || {
        CliError::failed(format!("there is no mapping {}", args.id))
            .hint("`rolecall mapping list` shows all.")
    };
    let mapping = mappings.get(&args.id).await?.ok_or_else(missing)?;
    if !mappings.remove(&args.id).await? {
        return Err(missing());
    }
    app.services.cache.forget(mapping.guild_id);
    if args.format.json {
        output::json(&json!({ "mapping": view::mapping(&mapping), "removed": true }));
    } else {
        output::say(&format!(
            "Removed mapping {} ({}). Everybody keeps the roles they have.",
            mapping.id,
            told(&mapping)
        ));
    }
    Ok(Exit::Done)
}
