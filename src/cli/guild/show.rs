//! `rolecall guild list` and `rolecall guild show`.

use rolecall_core::guild::GuildConfig;
use rolecall_core::hierarchy::{RIGHTS, rights_in_words};
use rolecall_core::mapping::Mapping;
use serde_json::{Value, json};

use super::{ShowArgs, configured, set};
use crate::app::App;
use crate::cli::reach::{self, Blind, Seen};
use crate::cli::table::{Table, number, text, whole};
use crate::cli::{CliError, Exit, Format, output, view};

pub(super) async fn list(app: &App, format: Format) -> Result<Exit, CliError> {
    let guilds = app.services.guilds.list().await?;
    let mappings = app.services.mappings.list(None).await?;
    let mapped = |guild: &GuildConfig| mappings.iter().filter(|m| m.guild_id == guild.guild_id).count();
    if format.json {
        let all: Vec<Value> = guilds
            .iter()
            .map(|g| {
                let mut value = view::guild(g);
                value["mappings"] = mapped(g).into();
                value
            })
            .collect();
        output::json(&json!({ "guilds": all }));
        return Ok(Exit::Done);
    }
    if guilds.is_empty() {
        output::note("No guild is configured; `rolecall guild add --id …` adds one.");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        whole("ID"),
        text("NAME"),
        whole("ENABLED"),
        number("MAPPINGS"),
        whole("CHANGED (UTC)"),
    ]);
    for guild in &guilds {
        table.row([
            guild.guild_id.to_string(),
            guild.guild_name.clone(),
            yes_no(guild.is_enabled),
            mapped(guild).to_string(),
            view::moment(guild.updated_at),
        ]);
    }
    table.print();
    Ok(Exit::Done)
}

pub(super) async fn one(app: &App, args: &ShowArgs) -> Result<Exit, CliError> {
    let guild = configured(app, args.id).await?;
    let mappings = app.services.mappings.list(Some(args.id)).await?;
    let seen = reach::look_at_stored(&app.services, &guild).await;
    if args.format.json {
        output::json(&document(&guild, &mappings, &seen));
        return Ok(Exit::Done);
    }
    let mut facts = vec![
        ("id", guild.guild_id.to_string()),
        ("name", guild.guild_name.clone()),
        ("enabled", yes_no(guild.is_enabled)),
        ("bot", bot(&guild, &seen)),
        ("bot's rights", rights(&seen)),
        ("added", view::moment(guild.created_at)),
        ("changed", view::moment(guild.updated_at)),
        ("health", health(&guild)),
    ];
    facts.extend(set::lines(&guild.settings));
    output::say(&output::facts(&facts));
    if mappings.is_empty() {
        output::note("It has no mapping; `rolecall mapping add` adds one.");
    } else {
        output::say("");
        table(&mappings, seen.as_ref().ok()).print();
    }
    match &seen {
        Err(Blind::Unreachable(sentence)) => {
            output::warn(&format!("{sentence}; what stands in the way is not known"));
        }
        Err(Blind::Refused { sentence, remedy }) => output::warn(&format!("{sentence}. {remedy}")),
        Ok(seen) => remedies(&mappings, seen),
    }
    Ok(Exit::Done)
}

/// What the last look at it by a running process found.
fn health(guild: &GuildConfig) -> String {
    let Some(health) = &guild.health else {
        return "not looked at yet".to_owned();
    };
    let wrong = health
        .last_error
        .as_deref()
        .map_or_else(String::new, |e| format!(": {e}"));
    format!(
        "{}{wrong} (looked at {} UTC)",
        health.status.as_str(),
        view::moment(health.checked_at)
    )
}

fn bot(guild: &GuildConfig, seen: &Result<Seen, Blind>) -> String {
    match (seen, guild.bot_user_id) {
        (Ok(seen), _) => format!("{} ({})", seen.bot.username, seen.bot.id),
        (Err(_), Some(id)) => id.to_string(),
        (Err(_), None) => "not known".to_owned(),
    }
}

fn rights(seen: &Result<Seen, Blind>) -> String {
    let bits = seen.as_ref().ok().and_then(Seen::permissions);
    bits.map_or_else(|| "not known".to_owned(), rights_in_words)
}

fn obstacle_name(seen: &Seen, mapping: &Mapping) -> Option<&'static str> {
    seen.obstacle(mapping.role_id).map(|o| o.as_str())
}

fn document(guild: &GuildConfig, mappings: &[Mapping], seen: &Result<Seen, Blind>) -> Value {
    let mappings: Vec<Value> = mappings
        .iter()
        .map(|m| {
            let mut value = view::mapping(m);
            if let Ok(seen) = seen {
                value["obstacle"] = obstacle_name(seen, m).into();
            }
            value
        })
        .collect();
    let discord = match seen {
        Ok(seen) => json!({
            "bot": seen.bot.username,
            "guild_name": seen.info.name,
            "permissions": seen.permissions().map(report),
        }),
        Err(blind) => json!({ "problem": blind.sentence() }),
    };
    json!({ "guild": view::guild(guild), "mappings": mappings, "discord": discord })
}

/// Each right by Discord's name.
fn report(permissions: u64) -> Value {
    RIGHTS
        .iter()
        .map(|right| (right.permission.to_owned(), Value::from(right.is_in(permissions))))
        .collect()
}

fn table(mappings: &[Mapping], seen: Option<&Seen>) -> Table {
    let mut table = Table::new(&[
        whole("MAPPING"),
        text("GROUP"),
        text("ROLE"),
        whole("ROLE ID"),
        number("PRIORITY"),
        whole("ACTIVE"),
        whole("OBSTACLE"),
    ]);
    for mapping in mappings {
        let role = seen
            .and_then(|s| s.role_name(mapping.role_id))
            .unwrap_or(&mapping.role_name);
        let obstacle = match seen {
            Some(seen) => obstacle_name(seen, mapping).unwrap_or("none"),
            None => "not known",
        };
        table.row([
            mapping.id.to_string(),
            mapping.group_name.clone(),
            role.to_owned(),
            mapping.role_id.to_string(),
            mapping.priority.to_string(),
            yes_no(mapping.is_active),
            obstacle.to_owned(),
        ]);
    }
    table
}

fn remedies(mappings: &[Mapping], seen: &Seen) {
    for mapping in mappings {
        if let Some(obstacle) = seen.obstacle(mapping.role_id) {
            let positions = seen.positions(mapping.role_id);
            output::warn(&format!(
                "{} ({positions}): {}",
                obstacle.as_str(),
                obstacle.remedy()
            ));
        }
    }
}

/// `yes` or `no`.
fn yes_no(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}
