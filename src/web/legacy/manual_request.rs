//! The body of `POST /discord/sync/manual`: everything that the original, its documentation and its frontend send.

use rolecall_core::run::Scope;
use rolecall_core::{GuildId, MappingId};

use crate::web::http::fields::{Fields, is_mapping_id};
use crate::web::http::problem::ApiError;

/// Words of `sync_type`. Only what they demand matters; what is synced is said by the ids.
const SYNC_TYPES: [&str; 7] = [
    "full",
    "guild",
    "user",
    "mapping",
    "selective",
    "manual",
    "incremental",
];

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ManualRequest {
    /// Guilds and users.
    pub(crate) scope: Scope,
    /// Mappings whose guilds are meant, if there are several; a single one is in the scope.
    pub(crate) mappings: Vec<MappingId>,
    /// Plan only.
    pub(crate) dry_run: bool,
}

/// Reads the body.
///
/// All is optional; nothing means everything. Guilds win over users, as in the original; `full` with a list of guilds
/// means the list, and `guild` without one is refused, because everything is more than what was asked for.
pub(crate) fn read(mut fields: Fields) -> Result<ManualRequest, ApiError> {
    let mut guilds: Vec<GuildId> = fields.snowflake("guild_id").into_iter().collect();
    for guild in fields.snowflakes("guild_ids") {
        if !guilds.contains(&guild) {
            guilds.push(guild);
        }
    }
    let mut users = fields.users("user_ids");
    let mut mappings = mapping_ids(&mut fields);
    let dry_run = fields.flag("dry_run").unwrap_or(false);
    let sync_type = fields.text("sync_type");
    if let Some(word) = &sync_type
        && !SYNC_TYPES.contains(&word.as_str())
    {
        fields.wrong("sync_type", format!("expected one of {}", SYNC_TYPES.join(", ")));
    }
    let names_others = !guilds.is_empty() || !users.is_empty();
    if names_others && !mappings.is_empty() {
        fields.wrong(
            "mapping_ids",
            "cannot be combined with guilds or users; send one of them",
        );
    }
    match sync_type.as_deref() {
        Some("guild") if guilds.is_empty() => fields.wrong("guild_ids", "required when sync_type is guild"),
        Some("user") if users.is_empty() => fields.wrong("user_ids", "required when sync_type is user"),
        Some("mapping" | "selective") if mappings.is_empty() && guilds.is_empty() && users.is_empty() => {
            fields.wrong("mapping_ids", "required when sync_type is mapping or selective");
        }
        _ => {}
    }
    fields.finish()?;
    if !guilds.is_empty() {
        users.clear();
    }
    let mapping = if mappings.len() == 1 { mappings.pop() } else { None };
    let scope = Scope {
        guilds,
        users,
        mapping,
        allow_removals: false,
    };
    Ok(ManualRequest {
        scope,
        mappings,
        dry_run,
    })
}

fn mapping_ids(fields: &mut Fields) -> Vec<MappingId> {
    let expected = "a mapping's id: 24 hex digits";
    let mut out: Vec<MappingId> = Vec::new();
    for id in fields.list::<String>("mapping_ids", expected) {
        if !is_mapping_id(&id) {
            fields.wrong("mapping_ids", format!("expected {expected}"));
        } else if !out.iter().any(|known| known.as_str() == id) {
            out.push(MappingId(id));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use rolecall_core::UserId;
    use serde_json::{Value, json};

    use super::*;

    const MAPPING: &str = "64b000000000000000000001";

    fn parse(body: Value) -> Result<ManualRequest, ApiError> {
        let Value::Object(object) = body else {
            panic!("an object")
        };
        read(Fields::new(object))
    }

    fn scope(guilds: &[u64], users: &[&str]) -> Scope {
        Scope {
            guilds: guilds.iter().map(|n| GuildId::new(*n).unwrap()).collect(),
            users: users.iter().map(|u| UserId::from(*u)).collect(),
            ..Scope::default()
        }
    }

    #[test]
    fn all_shapes_that_callers_send_are_understood() {
        for (body, expected) in [
            (json!({}), scope(&[], &[])),
            // The original.
            (
                json!({"guild_id": "", "user_ids": null, "dry_run": false}),
                scope(&[], &[]),
            ),
            (
                json!({"guild_id": "5", "user_ids": ["a"], "dry_run": false}),
                scope(&[5], &[]),
            ),
            (
                json!({"guild_id": "", "user_ids": ["a", "a", "", "b"], "dry_run": false}),
                scope(&[], &["a", "b"]),
            ),
            // The frontend.
            (json!({"sync_type": "full"}), scope(&[], &[])),
            (json!({"sync_type": "full", "guild_ids": []}), scope(&[], &[])),
            (
                json!({"sync_type": "full", "guild_ids": ["5", 6]}),
                scope(&[5, 6], &[]),
            ),
            (
                json!({"sync_type": "guild", "guild_ids": ["5", "5"]}),
                scope(&[5], &[]),
            ),
            // Both, numbers, spaces, Go's indifference to case, huma's own property.
            (
                json!({"guild_id": 5, "guild_ids": [" 6 ", null, "5"]}),
                scope(&[5, 6], &[]),
            ),
            (
                json!({"Guild_ID": "5", "$schema": "http://x/y.json"}),
                scope(&[5], &[]),
            ),
        ] {
            assert_eq!(parse(body.clone()).unwrap().scope, expected, "{body}");
        }
        assert!(parse(json!({"dry_run": true})).unwrap().dry_run);
    }

    #[test]
    fn one_mapping_is_a_mapping_and_several_are_their_guilds() {
        let one = parse(json!({"mapping_ids": [MAPPING]})).unwrap();
        assert_eq!((one.scope.mapping, one.mappings.len()), (Some(MAPPING.into()), 0));
        let other = "64b000000000000000000002";
        let two = parse(json!({"sync_type": "selective", "mapping_ids": [MAPPING, other]})).unwrap();
        assert_eq!((two.scope.mapping, two.mappings.len()), (None, 2));
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        for (body, pointer) in [
            (json!({"guild_id": "abc"}), "/guild_id"),
            (json!({"guild_id": 0}), "/guild_id"),
            (json!({"guild_id": 1.5}), "/guild_id"),
            (json!({"guild_id": 123_456_789_012_345_678_u64}), "/guild_id"),
            (
                json!({"guild_ids": ["5", 123_456_789_012_345_678_u64]}),
                "/guild_ids/1",
            ),
            (json!({"guild_id": 1e30}), "/guild_id"),
            (json!({"guild_ids": "5"}), "/guild_ids"),
            (json!({"guild_ids": ["5", "x"]}), "/guild_ids/1"),
            (json!({"user_ids": [7]}), "/user_ids/0"),
            (json!({"dry_run": "yes"}), "/dry_run"),
            (json!({"sync_type": "everything"}), "/sync_type"),
            (json!({"sync_type": "guild"}), "/guild_ids"),
            (json!({"mapping_ids": ["x"]}), "/mapping_ids"),
            (
                json!({"mapping_ids": [MAPPING], "guild_ids": ["5"]}),
                "/mapping_ids",
            ),
            (json!({"bot_token": "s3cr3t"}), "/bot_token"),
            (json!({"a/b~c": 1}), "/a~1b~0c"),
        ] {
            let problem = parse(body.clone()).unwrap_err().problem();
            assert_eq!(problem.status, 422);
            assert_eq!(problem.errors[0].location.as_deref(), Some(pointer), "{body}");
            assert!(!serde_json::to_string(&problem).unwrap().contains("s3cr3t"));
        }
    }

    #[test]
    fn a_number_that_may_have_lost_digits_is_told_so() {
        let problem = parse(json!({"guild_id": 123_456_789_012_345_678_u64}))
            .unwrap_err()
            .problem();
        assert!(problem.errors[0].message.contains("as a text"), "{problem:?}");
        let exact = parse(json!({"guild_id": 9_007_199_254_740_992_u64})).unwrap();
        assert_eq!(exact.scope, scope(&[9_007_199_254_740_992], &[]));
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let problem = parse(json!({"guild_id": "x", "dry_run": 1, "more": 1}))
            .unwrap_err()
            .problem();
        assert_eq!(problem.errors.len(), 3);
    }
}
