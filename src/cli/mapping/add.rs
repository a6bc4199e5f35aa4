//! `rolecall mapping add`.

use rolecall_core::audit::Act;
use rolecall_core::conditions::Conditions;
use rolecall_core::mapping::Mapping;
use rolecall_core::ports::Group;
use rolecall_core::{GroupId, MappingId, Timestamp};
use serde_json::{Value, json};

use super::group::{Found, find};
use super::{AddArgs, role};
use crate::app::App;
use crate::cli::{CliError, Exit, directory, guild, output, seams, view};

pub(super) async fn run(app: &App, args: &AddArgs) -> Result<Exit, CliError> {
    let services = &app.services;
    let guild = guild::configured(app, args.guild).await?;
    let group = resolve(app, &args.group).await?;
    if let Some(group) = &group
        && let Some(there) = services.mappings.find(args.guild, &group.id, args.role).await?
    {
        return already_there(args, &there);
    }
    let role_name = if args.no_check {
        String::new()
    } else {
        role::check(app, &guild, args.role).await?
    };
    let is_new = group.is_none();
    // The id of a group that is to be made is known when it is.
    let group = group.unwrap_or_else(|| Group {
        id: GroupId(String::new()),
        name: args.group.trim().to_owned(),
        description: None,
    });
    let now = services.clock.now();
    let mut mapping = Mapping {
        id: new_id(now, fastrand::u64(..)),
        guild_id: args.guild,
        group_id: group.id,
        group_name: group.name,
        role_id: args.role,
        role_name,
        priority: args.priority.unwrap_or(0),
        conditions: Conditions::default(),
        is_active: true,
        created_by: None,
        created_at: now,
        updated_at: now,
        last_sync: None,
        sync_count: 0,
    };
    // Looked at before it is recorded; of two at once, the store lets one pass.
    let mut stored = services.mappings.list(Some(args.guild)).await?;
    stored.retain(|m| m.group_id == mapping.group_id);
    if let Some(existing) = stored.first() {
        return Err(taken(existing));
    }
    let act =
        Act::new("mapping.created", format!("mapping:{}", mapping.id)).after(&recorded(&mapping, is_new));
    let added = seams::audited(app, act, async {
        if is_new {
            mapping.group_id = new_group(app, &args.group).await?;
        }
        let added = services.mappings.add(mapping.clone()).await?;
        added.map_err(|existing| taken(&existing))
    });
    added.await?;
    services.cache.forget(args.guild);
    if args.format.json {
        output::json(&json!({ "mapping": view::mapping(&mapping), "new": true }));
    } else {
        output::say(&format!(
            "Added mapping {}: {}. It takes effect with the next sync.",
            mapping.id,
            told(&mapping)
        ));
    }
    Ok(Exit::Done)
}

/// `pilots gives Pilot (234567890123456789) in guild 123456789012345678`.
pub(super) fn told(mapping: &Mapping) -> String {
    let role = match mapping.role_name.as_str() {
        "" => format!("role {}", mapping.role_id),
        name => format!("{name} ({})", mapping.role_id),
    };
    format!(
        "{} gives {role} in guild {}",
        mapping.group_name, mapping.guild_id
    )
}

/// The group, or `None` if it is to be made.
pub(super) async fn resolve(app: &App, asked: &str) -> Result<Option<Group>, CliError> {
    let groups = app.services.directory.groups().await?;
    match find(&groups, asked) {
        Found::One(group) => Ok(Some(group)),
        Found::Several(found) => {
            let ids: Vec<String> = found.iter().map(|g| format!("{} ({})", g.name, g.id)).collect();
            Err(
                CliError::bad_input(format!("several groups are called {asked:?}: {}", ids.join(", ")))
                    .hint("Name the group by its id."),
            )
        }
        Found::None { .. } if directory::is_imported(app) => Ok(None),
        Found::None { near } => Err(unknown(app, asked, &near)),
    }
}

/// What to say of a group that is not there.
pub(super) fn unknown(app: &App, asked: &str, near: &[String]) -> CliError {
    let sentence = format!(
        "the directory ({}) has no group {asked:?}",
        app.services.directory.describe()
    );
    let all = "`rolecall directory groups` lists all groups.";
    CliError::failed(sentence).hint(if near.is_empty() {
        all.to_owned()
    } else {
        format!("Similar: {}. {all}", near.join(", "))
    })
}

async fn new_group(app: &App, name: &str) -> Result<GroupId, CliError> {
    let group = app.import.ensure_group(name).await?;
    output::note(&format!(
        "note: the group {} is new, and nobody is in it until `rolecall directory import` says so",
        group.name
    ));
    Ok(group.id)
}

/// A mapping for the audit trail: one act, also where it makes the group, which is named then.
fn recorded(mapping: &Mapping, is_new: bool) -> Value {
    let mut told = json!(mapping);
    if is_new && let Some(fields) = told.as_object_mut() {
        fields.remove("group_id");
        fields.insert("new_group".to_owned(), json!(mapping.group_name));
    }
    told
}

fn already_there(args: &AddArgs, there: &Mapping) -> Result<Exit, CliError> {
    if let Some(priority) = args.priority
        && priority != there.priority
    {
        return Err(CliError::failed(format!(
            "this mapping is already there ({}) with priority {}",
            there.id, there.priority
        ))
        .hint(format!(
            "To change it: `rolecall mapping set {} --priority {priority}`.",
            there.id
        )));
    }
    if args.format.json {
        output::json(&json!({ "mapping": view::mapping(there), "new": false }));
    } else {
        output::say(&format!(
            "Mapping {} is already there: {}.",
            there.id,
            told(there)
        ));
    }
    if !there.is_active {
        output::warn("the mapping is not active: it neither gives nor takes");
    }
    Ok(Exit::Done)
}

fn taken(existing: &Mapping) -> CliError {
    CliError::failed(format!(
        "a group gives one role in a guild, and {} (mapping {})",
        told(existing),
        existing.id
    ))
    .hint(format!(
        "To replace it: `rolecall mapping remove {}` first.",
        existing.id
    ))
}

/// As an `ObjectId` is written: seconds in 8 hex digits, then 16 random ones.
fn new_id(now: Timestamp, random: u64) -> MappingId {
    let seconds = u32::try_from(now.0.div_euclid(1_000)).unwrap_or(u32::MAX);
    MappingId(format!("{seconds:08x}{random:016x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_24_hex_digits_and_begins_with_the_time() {
        let id = new_id(Timestamp(1_732_550_000_123), 10);
        assert_eq!(id.as_str(), "67449d70000000000000000a");
    }
}
