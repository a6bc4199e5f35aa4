//! `rolecall directory explain`.

use rolecall_core::conditions::Facts;
use rolecall_core::explain::{Explanation, Names, explain};
use rolecall_core::guild::GuildConfig;
use serde_json::{Value, json};

use super::ExplainArgs;
use crate::app::App;
use crate::cli::{CliError, Exit, guild, output};

pub(super) async fn run(app: &App, args: &ExplainArgs) -> Result<Exit, CliError> {
    let services = &app.services;
    let guilds = match args.guild {
        Some(id) => vec![guild::configured(app, id).await?],
        None => services.guilds.list().await?,
    };
    let facts = services.facts(&args.user).await;
    let Some(facts) = facts.map_err(|e| CliError::failed(e.message))? else {
        return Err(CliError::failed(format!(
            "the directory ({}) does not know the user {}: nothing is given to them, and nothing taken",
            services.directory.describe(),
            args.user
        )));
    };
    let groups = services.directory.groups().await?;
    let names: Names = groups.into_iter().map(|g| (g.id, g.name)).collect();
    let mut told = Vec::new();
    for guild in guilds {
        let mappings = services.mappings.list(Some(guild.guild_id)).await?;
        told.push((guild, explain(&mappings, &names, &facts)));
    }
    if args.format.json {
        output::json(&document(args, &facts, &names, &told));
        return Ok(Exit::Done);
    }
    output::say(&output::facts(&lines(args, &facts, &names)));
    for (guild, roles) in &told {
        output::say("");
        output::say(&section(guild, roles));
    }
    if told.is_empty() {
        output::note("No guild is configured; `rolecall guild add --id …` adds one.");
    }
    Ok(Exit::Done)
}

fn document(
    args: &ExplainArgs,
    facts: &Facts,
    names: &Names,
    told: &[(GuildConfig, Vec<Explanation>)],
) -> Value {
    let named = |g| json!({ "id": g, "name": names.get(g) });
    let guilds: Vec<Value> = told
        .iter()
        .map(|(guild, roles)| {
            json!({
                "guild_id": guild.guild_id, "guild_name": guild.guild_name, "is_enabled": guild.is_enabled,
                "roles": roles,
            })
        })
        .collect();
    json!({
        "user_id": args.user,
        "banned": facts.banned,
        "characters": facts.characters,
        "groups": facts.groups.iter().map(named).collect::<Vec<_>>(),
        "groups_of_every_character": facts.common_groups.as_ref().map(|g| g.iter().map(named).collect::<Vec<_>>()),
        "permissions": facts.permissions,
        "guilds": guilds,
    })
}

fn lines(args: &ExplainArgs, facts: &Facts, names: &Names) -> Vec<(&'static str, String)> {
    let unknown = || "not known to the directory".to_owned();
    let listed = |groups: &std::collections::BTreeSet<_>| {
        or_none(
            groups
                .iter()
                .map(|g| names.get(g).map_or_else(|| format!("{g}"), Clone::clone)),
        )
    };
    let mut all = vec![("user", args.user.to_string())];
    if facts.banned {
        all.push(("banned", "yes: gets no role, and loses those it has".to_owned()));
    }
    all.push((
        "characters",
        facts.characters.map_or_else(unknown, |n| n.to_string()),
    ));
    all.push(("groups", listed(&facts.groups)));
    all.push((
        "groups of every character",
        facts.common_groups.as_ref().map_or_else(unknown, listed),
    ));
    all.push((
        "permissions",
        facts
            .permissions
            .as_ref()
            .map_or_else(unknown, |p| or_none(p.iter().cloned())),
    ));
    all
}

fn or_none(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}

/// A guild's roles, each with its mappings under it.
fn section(guild: &GuildConfig, roles: &[Explanation]) -> String {
    let disabled = if guild.is_enabled {
        ""
    } else {
        ", disabled: nothing is given or taken"
    };
    let mut lines = vec![format!(
        "Guild {} ({}{disabled})",
        guild.guild_name, guild.guild_id
    )];
    if roles.is_empty() {
        lines.push("  no mapping".to_owned());
    }
    for role in roles {
        let name = match role.role.as_str() {
            "" => format!("role {}", role.role_id),
            name => format!("{name} ({})", role.role_id),
        };
        lines.push(format!("  {name}: {}", role.fate.words()));
        for said in &role.mappings {
            lines.push(format!(
                "    {} {}: {}",
                said.group,
                said.decision,
                said.reasons.join("; ")
            ));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use rolecall_core::explain::{Fate, Said};
    use rolecall_core::guild::GuildSettings;
    use rolecall_core::{GuildId, MappingId, RoleId, Timestamp};

    use super::*;

    #[test]
    fn each_role_is_followed_by_what_its_mappings_say() {
        let guild = GuildConfig {
            guild_id: GuildId::new(1).unwrap(),
            guild_name: "Corp".to_owned(),
            is_enabled: true,
            bot_user_id: None,
            settings: GuildSettings::default(),
            health: None,
            created_by: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        };
        let role = Explanation {
            role_id: RoleId::new(2).unwrap(),
            role: "Pilot".to_owned(),
            fate: Fate::Denied,
            mappings: vec![Said {
                mapping: MappingId("a".to_owned()),
                group: "pilots".to_owned(),
                priority: 0,
                decision: "denies",
                reasons: vec!["in spies, which is excluded".to_owned()],
            }],
        };
        assert_eq!(
            section(&guild, &[role]),
            "Guild Corp (1)\n  Pilot (2): should not be there\n    pilots denies: in spies, which is excluded"
        );
    }
}
