//! `rolecall mapping list`.

use serde_json::{Value, json};

use super::ListArgs;
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
