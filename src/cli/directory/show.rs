//! `rolecall directory groups` and `rolecall directory show`.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::GroupId;
use rolecall_core::desired::Membership;
use rolecall_core::ports::Group;
use serde_json::{Value, json};

use super::ShowArgs;
use crate::app::App;
use crate::cli::table::{Table, number, text, whole};
use crate::cli::{CliError, Exit, Format, output};

pub(super) async fn groups(app: &App, format: Format) -> Result<Exit, CliError> {
    let directory = &app.services.directory;
    let groups = directory.groups().await?;
    let mappings = app.services.mappings.list(None).await?;
    let mapped = |group: &Group| mappings.iter().filter(|m| m.group_id == group.id).count();
    if format.json {
        let all: Vec<Value> = groups
            .iter()
            .map(|g| json!({ "id": g.id, "name": g.name, "mappings": mapped(g) }))
            .collect();
        output::json(&json!({ "directory": directory.describe(), "groups": all }));
        return Ok(Exit::Done);
    }
    if groups.is_empty() {
        output::note(&format!(
            "The directory ({}) has no group; `rolecall directory import` fills it.",
            directory.describe()
        ));
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[whole("ID"), text("NAME"), number("MAPPINGS")]);
    for group in &groups {
        table.row([
            group.id.to_string(),
            group.name.clone(),
            mapped(group).to_string(),
        ]);
    }
    table.print();
    Ok(Exit::Done)
}

pub(super) async fn user(app: &App, args: &ShowArgs) -> Result<Exit, CliError> {
    let services = &app.services;
    let links = services.links.of_user(&args.user).await?;
    let membership = services
        .membership(&args.user)
        .await
        .map_err(|e| CliError::failed(e.message))?;
    let names: BTreeMap<GroupId, String> = services
        .directory
        .groups()
        .await?
        .into_iter()
        .map(|g| (g.id, g.name))
        .collect();
    let known = match membership {
        Membership::Known(groups) => Some(groups),
        Membership::Unknown if links.is_empty() => {
            return Err(CliError::failed(format!(
                "the directory ({}) does not know the user {}",
                services.directory.describe(),
                args.user
            )));
        }
        Membership::Unknown => None,
    };
    let groups = known.clone().unwrap_or_default();
    if args.format.json {
        let groups: Vec<Value> = groups
            .iter()
            .map(|g| json!({ "id": g, "name": names.get(g) }))
            .collect();
        let accounts: Vec<Value> = links
            .iter()
            .map(|l| {
                json!({
                    "discord_id": l.discord_id, "username": l.username, "is_active": l.is_active,
                    "can_be_joined": l.has_token && !l.needs_consent,
                })
            })
            .collect();
        output::json(&json!({
            "user_id": args.user, "known": known.is_some(), "groups": groups, "accounts": accounts,
        }));
        return Ok(Exit::Done);
    }
    let accounts = links.iter().map(|l| {
        let name = if l.username.is_empty() {
            "name not known"
        } else {
            &l.username
        };
        let state = if l.is_active { "" } else { ", not active" };
        format!("{} ({name}{state})", l.discord_id)
    });
    output::say(&output::facts(&[
        ("user", args.user.to_string()),
        (
            "groups",
            known.map_or_else(|| "not known to the directory".to_owned(), |g| listed(&g, &names)),
        ),
        ("accounts", or_none(accounts.collect())),
    ]));
    Ok(Exit::Done)
}

fn listed(groups: &BTreeSet<GroupId>, names: &BTreeMap<GroupId, String>) -> String {
    let named = groups.iter().map(|g| match names.get(g) {
        Some(name) if name != g.as_str() => format!("{name} ({g})"),
        _ => g.to_string(),
    });
    or_none(named.collect())
}

fn or_none(parts: Vec<String>) -> String {
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}
