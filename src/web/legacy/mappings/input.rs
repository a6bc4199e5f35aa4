//! The body of a new or changed mapping.

use rolecall_core::conditions::Conditions;
use rolecall_core::{GroupId, GuildId, RoleId};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::web::http::fields::{Fields, group};
use crate::web::http::problem::ApiError;

/// Longest name or id.
const LONGEST: usize = 200;

/// A mapping. What is absent, empty or null stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "only the document needs it; the body is read field by field"
)]
#[schema(example = json!({"group_id": "64b000000000000000000001", "discord_role_id": "987654321098765432",
    "discord_role_name": "Pilot"}))]
pub(crate) struct MappingBody {
    /// The guild; has to be the path's or the stored one.
    guild_id: Option<String>,
    /// The group. Needed for a new mapping; of an existing one it cannot be changed.
    group_id: Option<String>,
    /// The role. Needed for a new mapping.
    discord_role_id: Option<String>,
    /// Ignored: the name is the one that Discord tells.
    discord_role_name: Option<String>,
    /// Whether it counts; default true.
    is_active: Option<bool>,
    /// The same.
    enabled: Option<bool>,
    /// Higher counts more where mappings disagree; default 0.
    priority: Option<i32>,
    /// When it applies.
    conditions: Option<ConditionsBody>,
}

/// When a mapping applies. All that are set have to hold.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, reason = "only the document needs it")]
pub(crate) struct ConditionsBody {
    /// Every character of the user has to be in the group.
    require_all: Option<bool>,
    /// At least so many characters; null: any number.
    character_count_min: Option<u32>,
    /// At most so many characters; null: any number.
    character_count_max: Option<u32>,
    /// Permissions that the user has to have.
    required_permissions: Option<Vec<String>>,
    /// Groups that the user may not be in.
    excluded_groups: Option<Vec<String>>,
}

/// What was sent.
pub(crate) struct Input {
    pub(crate) guild_id: Option<GuildId>,
    pub(crate) group_id: Option<GroupId>,
    pub(crate) role_id: Option<RoleId>,
    pub(crate) role_name: Option<String>,
    pub(crate) is_active: Option<bool>,
    pub(crate) priority: Option<i32>,
    /// The conditions with what was sent of them.
    pub(crate) conditions: Conditions,
}

/// Reads the body on top of these conditions. `check` may add what else is wrong.
pub(crate) fn read(
    mut fields: Fields,
    stored: Conditions,
    check: impl FnOnce(&Input, &mut Fields),
) -> Result<Input, ApiError> {
    let mut input = Input {
        guild_id: fields.snowflake("guild_id"),
        group_id: fields.line("group_id", LONGEST).map(group),
        role_id: fields.snowflake("discord_role_id"),
        role_name: fields.line("discord_role_name", LONGEST),
        is_active: fields.either_flag("is_active", "enabled"),
        priority: fields.one("priority", "a whole number"),
        conditions: stored,
    };
    // The frontend shows the name and sends it back; the group's says nothing either.
    fields.line("group_name", LONGEST);
    if let Some(mut inner) = fields.open("conditions") {
        conditions(&mut inner, &mut input.conditions);
        fields.close(inner);
    }
    check(&input, &mut fields);
    fields.finish()?;
    Ok(input)
}

fn conditions(fields: &mut Fields, to: &mut Conditions) {
    if let Some(all) = fields.flag("require_all") {
        to.require_all = all;
    }
    for (name, count) in [
        ("character_count_min", &mut to.character_count_min),
        ("character_count_max", &mut to.character_count_max),
    ] {
        let is_null = fields.is_null(name);
        let sent = fields.one(name, "a whole number");
        if is_null || sent.is_some() {
            *count = sent;
        }
    }
    if fields.has("required_permissions") {
        to.required_permissions = fields.list("required_permissions", "a permission's name");
    }
    if fields.has("excluded_groups") {
        to.excluded_groups = fields
            .list("excluded_groups", "a group's id")
            .into_iter()
            .map(group)
            .collect();
    }
    if let (Some(least), Some(most)) = (to.character_count_min, to.character_count_max)
        && least > most
    {
        fields.wrong("character_count_max", "is less than character_count_min");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(body: Value) -> Result<Input, ApiError> {
        let fields = Fields::new(body.as_object().cloned().unwrap());
        read(fields, Conditions::default(), |_, _| {})
    }

    #[test]
    fn all_shapes_that_callers_send_are_understood() {
        let frontend =
            parse(json!({"group_id": "g", "discord_role_id": "5", "discord_role_name": "P"})).unwrap();
        assert_eq!(
            (frontend.group_id, frontend.role_id, frontend.is_active),
            (Some("g".into()), RoleId::new(5), None)
        );
        let upper = parse(json!({"group_id": "65F000000000000000000ABC", "conditions": {
            "excluded_groups": ["65F000000000000000000DEF", "Pilots"]}}));
        let upper = upper.unwrap();
        assert_eq!(upper.group_id, Some("65f000000000000000000abc".into()));
        let excluded = ["65f000000000000000000def".into(), "Pilots".into()];
        assert_eq!(upper.conditions.excluded_groups, excluded);
        let original =
            parse(json!({"discord_role_id": null, "discord_role_name": null, "is_active": false})).unwrap();
        assert_eq!((original.role_id, original.is_active), (None, Some(false)));
        let seed = json!({"priority": 2, "enabled": true, "conditions":
            {"character_count_min": 1, "character_count_max": null, "excluded_groups": ["x"]}});
        let seed = parse(seed).unwrap();
        assert_eq!(
            (seed.priority, seed.conditions.character_count_min),
            (Some(2), Some(1))
        );
        assert_eq!(seed.conditions.excluded_groups, ["x".into()]);
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        for (body, pointer) in [
            (json!({"discord_role_id": "x"}), "/discord_role_id"),
            (json!({"is_active": true, "enabled": false}), "/enabled"),
            (json!({"priority": "high"}), "/priority"),
            (
                json!({"conditions": {"character_count_min": -1}}),
                "/conditions/character_count_min",
            ),
            (
                json!({"conditions": {"character_count_min": 3, "character_count_max": 2}}),
                "/conditions/character_count_max",
            ),
            (json!({"more": 1}), "/more"),
        ] {
            let Err(error) = parse(body.clone()) else {
                panic!("{body} passed")
            };
            assert_eq!(
                error.problem().errors[0].location.as_deref(),
                Some(pointer),
                "{body}"
            );
        }
    }
}
