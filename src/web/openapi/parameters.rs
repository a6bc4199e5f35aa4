//! What may stand in paths, queries and request headers, told in one place for all operations.

use rolecall_core::dead_letter::Standing;
use rolecall_core::job::{JobState, Lane};
use rolecall_core::run::RunState;
use serde_json::{Value, json};

use super::properties::LINE;
use crate::page_size;
use crate::web::v1::order_job::LONGEST_REASON;

/// A Discord id, as a text.
pub(super) const SNOWFLAKE: &str = "^[1-9][0-9]{0,18}$";
/// The id of a mapping.
pub(super) const MAPPING: &str = "^[0-9a-fA-F]{24}$";
/// One line with something in it, without control characters.
const NAME: &str =
    r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";

/// Schema and example of a parameter; `None` if this table does not know it.
pub(super) fn described(place: &str, name: &str, operation: &str) -> Option<(Value, Value)> {
    if let ("query", Some(word)) = (place, word_of_query(name, operation)) {
        return Some(word);
    }
    if let ("path", Some(part)) = (place, part_of_path(name)) {
        return Some(part);
    }
    Some(match (place, name) {
        (_, "guild_id" | "guild") => (snowflake(place), json!("123456789012345678")),
        ("path" | "query", "discord_id") => (snowflake(place), json!("80351110224678912")),
        ("path", "run_id" | "job_id" | "pause_id" | "webhook_id")
        | ("query", "run" | "parent" | "webhook") => (
            json!({"type": "string", "format": "uuid"}),
            json!("019a2c8e-5b1d-7c3a-9f00-0123456789ab"),
        ),
        ("query", "user_id" | "user") => (
            json!({"type": "string"}),
            json!("0190f5a2-8c11-7e60-9d4d-e71f9b59e8f0"),
        ),
        ("query", "group_id") => (json!({"type": "string"}), json!("64b000000000000000000002")),
        ("query", "is_enabled" | "enabled" | "is_active") => (json!({"type": "boolean"}), json!(false)),
        ("query", "remove_roles") => (json!({"type": "boolean"}), json!(true)),
        ("query", "page") => (
            json!({"type": "integer", "minimum": 1, "maximum": 1_000_000, "default": 1}),
            json!(1),
        ),
        ("query", "limit") => (limit(operation), json!(10)),
        ("query", "cursor") => (
            json!({"type": "string", "pattern": "^$|^[A-Za-z0-9_-]{44}$"}),
            json!("AQAAAaIobeGtAaIobeGtdpGroWIUQs5Wrgduyg3HsYfq"),
        ),
        ("query", "state") if matches!(operation, "listJobs" | "listDeliveries") => (
            some_of(&JobState::ALL.map(JobState::as_str)),
            json!("available,running"),
        ),
        ("query", "state") if operation == "listRuns" => {
            (one_of(&RunState::ALL.map(RunState::as_str)), json!("failed"))
        }
        ("query", "standing") => (some_of(&Standing::NAMES), json!("open,reopened")),
        ("query", "kind") => (json!({"type": "string"}), json!("add_role")),
        ("query", "link") => (json!({"type": "boolean"}), json!(false)),
        ("query", "redirect_url") => (
            json!({"type": "string", "maxLength": 2_000}),
            json!("/user/characters"),
        ),
        ("query", "scopes") => (json!({"type": "string"}), json!("identify")),
        ("query", "code") => (
            json!({"type": "string"}),
            json!("NhhvTDYsFcdgNLnnLijcl7Ku7bEEeee"),
        ),
        ("query", "state") => (
            json!({"type": "string"}),
            json!("2af4270cd09ff577d8f2fe0c55ec7360c872531ac1d524004ec52da03fab6573"),
        ),
        ("query", "error") => (json!({"type": "string"}), json!("access_denied")),
        ("header", "If-Match" | "If-None-Match") => {
            (json!({"type": "string"}), json!("\"0123456789abcdef\""))
        }
        ("header", "Last-Event-ID") => (json!({"type": "string"}), json!("38c418ff0b0b3a88")),
        ("header", "Idempotency-Key") => (
            json!({"type": "string", "minLength": 1, "maxLength": 255}),
            json!("\"8e03978e-40d5-43dd-bc93-6894a57f9324\""),
        ),
        ("header", "Prefer") => (json!({"type": "string"}), json!("respond-async")),
        _ => return None,
    })
}

/// The parts of a path that have no other place.
fn part_of_path(name: &str) -> Option<(Value, Value)> {
    Some(match name {
        "mapping_id" => (
            json!({"type": "string", "pattern": MAPPING}),
            json!("64b000000000000000000001"),
        ),
        "worker_id" => (
            json!({"type": "string", "minLength": 1, "maxLength": 200, "pattern": NAME}),
            json!("worker.1-17-0badcafe"),
        ),
        "queue" => (
            json!({"type": "string", "enum": Lane::ALL.map(Lane::as_str)}),
            json!("bulk"),
        ),
        "name" => (
            json!({"type": "string", "pattern": "^[a-z_]{1,64}$"}),
            json!("discord_role_sync"),
        ),
        "user_id" => (
            json!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": NAME}),
            json!("0190f5a2-8c11-7e60-9d4d-e71f9b59e8f0"),
        ),
        "file" => (json!({"type": "string", "minLength": 1}), json!("swagger-ui.css")),
        _ => return None,
    })
}

/// The words by which jobs and records are found, and what a record keeps.
fn word_of_query(name: &str, operation: &str) -> Option<(Value, Value)> {
    Some(match name {
        "role" => (snowflake("query"), json!("987654321098765432")),
        "q" => (
            json!({"type": "string"}),
            json!("guild:123456789012345678 state:discarded since:2h"),
        ),
        "queue" => (one_of(&Lane::ALL.map(Lane::as_str)), json!("bulk")),
        "fingerprint" => (json!({"type": "string"}), json!("add_role|PUT|403|50013")),
        "code" if matches!(operation, "listJobs" | "listDeadLetters") => {
            (json!({"type": "string"}), json!("50013"))
        }
        "code" if operation == "listDeliveries" => (json!({"type": "string"}), json!("webhook_refused")),
        "since" => (json!({"type": "string"}), json!("2h")),
        "until" => (json!({"type": "string"}), json!("30m")),
        "text" => (json!({"type": "string"}), json!("is above")),
        "actor" => (json!({"type": "string"}), json!("user:42")),
        "action" => (json!({"type": "string"}), json!("guild.updated")),
        "subject" => (json!({"type": "string"}), json!("guild:123456789012345678")),
        "reason" => (
            json!({"type": "string", "maxLength": LONGEST_REASON, "pattern": LINE}),
            json!("the bot is back"),
        ),
        _ => return None,
    })
}

/// In a query, nothing is the same as no parameter.
fn snowflake(place: &str) -> Value {
    let pattern = match place {
        "query" => format!("^$|{SNOWFLAKE}"),
        _ => SNOWFLAKE.to_owned(),
    };
    json!({"type": "string", "pattern": pattern})
}

fn limit(operation: &str) -> Value {
    let (most, default) = match operation {
        "getSyncStatus" => (50, 10),
        // go-falcon's.
        "listDiscordUsers" | "listGuildConfigs" | "listRoleMappings" | "listAllRoleMappings" => (100, 20),
        _ => (page_size::MOST, page_size::DEFAULT),
    };
    json!({"type": "integer", "minimum": 1, "maximum": most, "default": default})
}

/// One of these names, or nothing.
fn one_of(names: &[&str]) -> Value {
    let names: Vec<&str> = [""].iter().chain(names).copied().collect();
    json!({"type": "string", "enum": names})
}

/// Some of these names, comma-separated.
fn some_of(names: &[&str]) -> Value {
    let one = names.join("|");
    json!({"type": "string", "pattern": format!("^$|^({one})(,({one}))*$")})
}
