//! `rolecall mapping set`.

use rolecall_core::audit::Act;
use rolecall_core::conditions::Conditions;
use rolecall_core::mapping::Mapping;
use rolecall_core::{GroupId, RoleId};
use rolecall_workflows::change_mapping::{Fate, Followed, Unchanged, update_mapping};
use serde_json::json;

use super::add::{resolve, told, unknown};
use super::{SetArgs, fate, group, role};
use crate::app::App;
use crate::cli::follow_up::{Tell, asked, tell};
use crate::cli::values::OrNone;
use crate::cli::{CliError, Exit, guild, output, seams, view};

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
    let (role_id, role_name) = role(app, args, &stored).await?;
    let mut mapping = Mapping {
        role_id,
        role_name,
        priority: args.priority.unwrap_or(stored.priority),
        is_active: args.active.unwrap_or(stored.is_active),
        conditions,
        ..stored.clone()
    };
    let is_new = mapping != stored;
    let mut followed = Followed {
        run: None,
        fate: Fate::AsBefore,
    };
    if is_new {
        mapping.updated_at = services.clock.now();
        followed = write(app, &stored, &mapping).await?;
    }
    let sentence = format!(
        "{} mapping {}: {}{}.{}",
        if is_new { "Changed" } else { "Unchanged" },
        mapping.id,
        told(&mapping),
        limits(&mapping.conditions),
        fate(followed.fate, &stored)
    );
    if !mapping.is_active {
        output::warn("the mapping is not active: it neither gives nor takes");
    }
    let document = json!({ "mapping": view::mapping(&mapping), "changed": is_new });
    let how = Tell {
        wait: args.wait,
        json: args.format.json,
    };
    tell(app, followed.run, how, &sentence, document).await
}

/// A sync follows where somebody may get or lose a role at once: another role, or a mapping that is switched.
async fn write(app: &App, stored: &Mapping, mapping: &Mapping) -> Result<Followed, CliError> {
    let sync = mapping.role_id != stored.role_id || mapping.is_active != stored.is_active;
    let act = Act::new("mapping.updated", format!("mapping:{}", stored.id))
        .before(stored)
        .after(mapping);
    let written = update_mapping(&app.services, &app.queue, stored, mapping, sync, asked());
    seams::audited(app, act, written)
        .await
        .map_err(|error| match error {
            Unchanged::Outdated => {
                CliError::failed(error.to_string()).hint("Look at it again, and repeat the command.")
            }
            Unchanged::Store(error) => error.into(),
        })
}

/// The role that it gives from now on, and its name.
async fn role(app: &App, args: &SetArgs, stored: &Mapping) -> Result<(RoleId, String), CliError> {
    match args.role {
        Some(asked) if asked != stored.role_id && args.no_check => Ok((asked, String::new())),
        Some(asked) if asked != stored.role_id => {
            let guild = guild::configured(app, stored.guild_id).await?;
            Ok((asked, role::check(app, &guild, asked).await?))
        }
        _ => Ok((stored.role_id, stored.role_name.clone())),
    }
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
