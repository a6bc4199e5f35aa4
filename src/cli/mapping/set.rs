//! `rolecall mapping set`.

use rolecall_core::GroupId;
use rolecall_core::conditions::Conditions;
use rolecall_core::mapping::Mapping;
use serde_json::json;

use super::add::{resolve, told, unknown};
use super::{SetArgs, group};
use crate::app::App;
use crate::cli::values::OrNone;
use crate::cli::{CliError, Exit, output, view};

pub(super) async fn run(app: &App, args: &SetArgs) -> Result<Exit, CliError> {
    let services = &app.services;
    let stored = services.mappings.get(&args.id).await?.ok_or_else(|| {
        CliError::failed(format!("there is no mapping {}", args.id))
            .hint("`rolecall mapping list` shows all.")
    })?;
    let conditions = conditions(app, args, &stored.conditions).await?;
    if let (Some(min), Some(max)) = (conditions.character_count_min, conditions.character_count_max)
        && min > max
    {
        return Err(CliError::bad_input(format!(
            "nobody has at least {min} and at most {max} characters"
        )));
    }
    let mut mapping = Mapping {
        priority: args.priority.unwrap_or(stored.priority),
        is_active: args.active.unwrap_or(stored.is_active),
        conditions,
        ..stored.clone()
    };
    let is_new = mapping != stored;
    if is_new {
        mapping.updated_at = services.clock.now();
        if !services
            .mappings
            .update(&mapping, Some(stored.updated_at))
            .await?
        {
            return Err(CliError::failed("somebody else changed this mapping meanwhile")
                .hint("Look at it again, and repeat the command."));
        }
        services.cache.forget(mapping.guild_id);
    }
    if args.format.json {
        output::json(&json!({ "mapping": view::mapping(&mapping), "changed": is_new }));
    } else {
        let what = if is_new { "Changed" } else { "Unchanged" };
        output::say(&format!(
            "{what} mapping {}: {}{}.",
            mapping.id,
            told(&mapping),
            limits(&mapping.conditions)
        ));
    }
    if !mapping.is_active {
        output::warn("the mapping is not active: it neither gives nor takes");
    }
    Ok(Exit::Done)
}

async fn conditions(app: &App, args: &SetArgs, stored: &Conditions) -> Result<Conditions, CliError> {
    fn or(asked: Option<OrNone<u32>>, stored: Option<u32>) -> Option<u32> {
        asked.map_or(stored, OrNone::option)
    }
    let base = if args.no_conditions {
        Conditions::default()
    } else {
        stored.clone()
    };
    let excluded_groups = if args.exclude_groups.is_empty() {
        base.excluded_groups
    } else {
        excluded(app, &args.exclude_groups).await?
    };
    let required_permissions = if args.require_permissions.is_empty() {
        base.required_permissions
    } else {
        args.require_permissions.clone()
    };
    Ok(Conditions {
        require_all: args.require_all.unwrap_or(base.require_all),
        character_count_min: or(args.characters_min, base.character_count_min),
        character_count_max: or(args.characters_max, base.character_count_max),
        required_permissions,
        excluded_groups,
    })
}

/// Only groups that are there: an unknown one would leave the mapping undecided for everybody.
async fn excluded(app: &App, asked: &[String]) -> Result<Vec<GroupId>, CliError> {
    let mut ids = Vec::new();
    for name in asked {
        let Some(group) = resolve(app, name).await? else {
            let groups = app.services.directory.groups().await?;
            let near = match group::find(&groups, name) {
                group::Found::None { near } => near,
                _ => Vec::new(),
            };
            return Err(unknown(app, name, &near));
        };
        if !ids.contains(&group.id) {
            ids.push(group.id);
        }
    }
    Ok(ids)
}

/// ` (every character, at least 2 characters)`.
fn limits(conditions: &Conditions) -> String {
    let mut all = Vec::new();
    if conditions.require_all {
        all.push("every character in the group".to_owned());
    }
    all.extend(
        conditions
            .character_count_min
            .map(|n| format!("at least {n} characters")),
    );
    all.extend(
        conditions
            .character_count_max
            .map(|n| format!("at most {n} characters")),
    );
    all.extend(
        conditions
            .required_permissions
            .iter()
            .map(|p| format!("with the permission {p}")),
    );
    all.extend(
        conditions
            .excluded_groups
            .iter()
            .map(|g| format!("not in the group {g}")),
    );
    if all.is_empty() {
        String::new()
    } else {
        format!(" ({})", all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_told_in_words() {
        assert_eq!(limits(&Conditions::default()), "");
        let conditions = Conditions {
            character_count_min: Some(2),
            excluded_groups: vec!["spies".into()],
            ..Conditions::default()
        };
        assert_eq!(
            limits(&conditions),
            " (at least 2 characters, not in the group spies)"
        );
    }
}
