//! What the types of Rust do not say of a field: patterns, limits, sets of words, and what a plain name means.

use rolecall_core::dead_letter::{Said, Standing};
use rolecall_core::event::EventType;
use rolecall_core::explain::Fate;
use rolecall_core::job::{JobState, Lane};
use rolecall_core::order::BulkAction;
use rolecall_core::outcome::Effect;
use rolecall_core::ports::{Barrier, Keeper};
use rolecall_core::run::{RunKind, RunState};
use rolecall_core::worker::{Role, Status};
use serde_json::{Value, json};

use super::parameters::{MAPPING, SNOWFLAKE};
use crate::web::v1::order_job::LONGEST_REASON;
use crate::web::v1::webhooks::LONGEST_DESCRIPTION;

/// One line, which may be empty.
pub(super) const LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
/// How many entries a list of a body may have.
const MOST_ENTRIES: usize = 1_000;

/// Bodies: nothing but what is listed may be sent.
pub(super) const BODIES: &[&str] = &[
    "BulkBody",
    "CheckBody",
    "CloneBody",
    "ConditionsBody",
    "DrainBody",
    "GuildBody",
    "LinkBody",
    "ManualSyncBody",
    "MappingBody",
    "MarkBody",
    "NewRun",
    "OrderBody",
    "PauseBody",
    "RescheduleBody",
    "RetryRunBody",
    "SettingsBody",
    "UserSyncBody",
    "WebhookBody",
];

/// What has to be in the body of an operation that shares its schema with one where it may be absent.
pub(super) fn required(operation: &str) -> &'static [&'static str] {
    match operation {
        "createGuildConfig" => &["guild_id"],
        "bulkOrder" => &["action"],
        "markDeadLetters" => &["fingerprint", "as"],
        "checkDeadLetters" => &["fingerprint"],
        "createPause" => &["query", "reason"],
        "createRoleMapping" => &["group_id", "discord_role_id"],
        _ => &[],
    }
}

/// What to add to the schema of a property.
pub(super) fn more(schema: &str, property: &str) -> Option<Value> {
    if BODIES.contains(&schema) {
        sent(schema, property)
    } else {
        told(schema, property)
    }
}

/// Properties of bodies.
fn sent(schema: &str, property: &str) -> Option<Value> {
    Some(match (schema, property) {
        (
            _,
            "guild_id" | "channel_id" | "discord_role_id" | "audit_channel_id" | "notification_channel_id",
        ) => snowflake(),
        // Nothing is the same as no address.
        ("WebhookBody", "url") => json!({"maxLength": 2_000, "pattern": "^$|^https?://"}),
        ("WebhookBody", "description") => json!({"maxLength": LONGEST_DESCRIPTION, "pattern": LINE}),
        ("WebhookBody", "events") => list(&json!({"enum": events_accepted()})),
        (_, "guild_ids") => list(&snowflake()),
        (_, "user_ids" | "required_permissions" | "excluded_groups") => {
            list(&json!({"type": ["string", "null"]}))
        }
        (_, "mapping_ids") => list(&json!({"type": ["string", "null"], "pattern": or_empty(MAPPING)})),
        (_, "mapping_id") => json!({"pattern": or_empty(MAPPING)}),
        ("MarkBody", "as") => json!({"enum": [Said::RESOLVED, Said::IGNORED, "open"]}),
        ("CloneBody", "queue") => json!({"enum": ["", "interactive", "normal", "bulk", null]}),
        ("BulkBody", "action") => json!({"enum": BulkAction::ALL.map(BulkAction::as_str)}),
        (
            "BulkBody" | "CloneBody" | "DrainBody" | "MarkBody" | "OrderBody" | "PauseBody"
            | "RescheduleBody" | "RetryRunBody",
            "reason",
        ) => {
            json!({"maxLength": LONGEST_REASON, "pattern": LINE})
        }
        (_, "guild_name" | "group_id" | "discord_role_name") => json!({"maxLength": 200, "pattern": LINE}),
        (_, "bot_token") => json!({"maxLength": 4_096, "pattern": "^[!-~]*$", "format": "password"}),
        (_, "access_token") => json!({"minLength": 1, "format": "password"}),
        (_, "refresh_token") => json!({"format": "password"}),
        (_, "sync_interval") => json!({"pattern": "^$|^[0-9]{1,4}[smh]$"}),
        ("ManualSyncBody", "sync_type") => json!({"enum": [
            "full", "guild", "user", "mapping", "selective", "manual", "incremental", "", null
        ]}),
        (_, "max_role_changes_per_sync" | "character_count_min" | "character_count_max") => {
            json!({"maximum": u32::MAX})
        }
        (_, "priority") => json!({"minimum": i32::MIN, "maximum": i32::MAX}),
        _ => return None,
    })
}

/// Properties of answers.
fn told(schema: &str, property: &str) -> Option<Value> {
    let words = |words: &[&str]| Some(json!({"enum": words}));
    match (schema, property) {
        ("EndpointView", "sink") => words(&["webhook", "discord_channel"]),
        ("DeliveryView", "event") => Some(json!({"enum": event_names().collect::<Vec<_>>()})),
        ("DeliveryView", "state") => words(&JobState::ALL.map(JobState::as_str)),
        ("DeliveryView", "last_status") => Some(json!({"minimum": 100, "maximum": 999})),
        ("EndpointView", "events") => Some(json!({"items": {"enum": event_names().collect::<Vec<_>>()}})),
        (_, "failing_since" | "failed_at" | "disabled_at" | "old_secret_until") => {
            Some(json!({"format": "date-time"}))
        }
        ("Health", "status") => words(&["ok", "unhealthy", "draining"]),
        ("Check", "status") => words(&["ok", "failed"]),
        ("StatusResponse", "status") => words(&["healthy", "degraded", "unhealthy"]),
        ("SyncStatusResponse", "current_status") => words(&["idle", "running"]),
        ("MappedRole", "fate") => {
            words(&[Fate::Wanted, Fate::Denied, Fate::Undecided, Fate::NotOurs].map(Fate::as_str))
        }
        ("SaidView", "decision") => words(&["grants", "denies", "undecided", "inactive"]),
        ("JobView", "state") => words(&JobState::ALL.map(JobState::as_str)),
        ("JobView", "lane") => words(&Lane::ALL.map(Lane::as_str)),
        ("HeldJob", "queue") | ("QueueView", "name") => words(&Lane::ALL.map(Lane::as_str)),
        ("BudgetView", "kept_by") => words(&Keeper::ALL.map(Keeper::as_str)),
        ("StopView", "barrier") => words(&Barrier::STOPS.map(Barrier::as_str)),
        ("WaitingView", "barrier") => words(&Barrier::ALL.map(Barrier::as_str)),
        ("WorkerView", "status") => words(&Status::ALL.map(Status::as_str)),
        ("WorkerView", "roles") => {
            Some(json!({"items": {"type": "string", "enum": Role::ALL.map(Role::as_str)}}))
        }
        ("WorkerView", "queues") => {
            Some(json!({"items": {"type": "string", "enum": Lane::ALL.map(Lane::as_str)}}))
        }
        (_, "seen_at" | "claimed_at" | "oldest_due_at") => Some(json!({"format": "date-time"})),
        ("BulkPreview", "action") => words(&BulkAction::ALL.map(BulkAction::as_str)),
        ("BulkView", "action") => words(&BulkAction::ALL.map(BulkAction::as_str)),
        ("BulkView", "state") => words(&JobState::ALL.map(JobState::as_str)),
        ("DeadLetterGroup", "standing") => words(&Standing::NAMES),
        ("MarkView", "said") => words(&[Said::RESOLVED, Said::IGNORED]),
        ("FindingView", "result") => words(&["gone", "still_there", "unknown"]),
        ("MarkView" | "SangView" | "WaitNoteView", "at") | (_, "asked_at" | "next_at" | "eta" | "hour") => {
            Some(json!({"format": "date-time"}))
        }
        ("ChildView", "state") => words(&JobState::ALL.map(JobState::as_str)),
        ("EventView", "at") | (_, "first_seen" | "last_seen" | "redriven_at") => {
            Some(json!({"format": "date-time"}))
        }
        ("OutcomeView", "effect") => {
            words(&[Effect::Applied, Effect::Unchanged, Effect::Skipped].map(Effect::as_str))
        }
        ("RunView" | "Snapshot" | "RecentRun" | "ManualSyncResponse" | "UserSyncResponse", "state") => {
            words(&RunState::ALL.map(RunState::as_str))
        }
        ("RunView", "kind") => {
            words(&[RunKind::Full, RunKind::Guild, RunKind::User, RunKind::Mapping].map(RunKind::as_str))
        }
        ("RunEvent", "event") => words(&["progress", "end"]),
        ("RunEvent", "data") => Some(json!({
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/Snapshot"},
        })),
        ("Problem", "type") => words(&["about:blank"]),
        ("Problem", "status") => Some(json!({"minimum": 400, "maximum": 599})),
        ("Problem", "trace_id") => Some(json!({"pattern": "^[0-9a-f]{32}$"})),
        (_, "created_at" | "updated_at" | "linked_at" | "started_at" | "finished_at" | "inserted_at")
        | (_, "run_at" | "sent_at" | "ended_at" | "until" | "expires_at" | "last_check" | "last_full_sync")
        | (_, "occurred_at" | "completed_at" | "last_sync_at" | "token_expiry" | "token_expires_at")
        | (_, "last_sync" | "last_health_check" | "synced_at") => Some(json!({"format": "date-time"})),
        _ => None,
    }
}

/// A Discord id in a body: a text, or a number, and nothing where it may be absent.
fn snowflake() -> Value {
    json!({
        "type": ["string", "integer", "null"],
        "pattern": or_empty(SNOWFLAKE),
        "minimum": 1,
        // Beyond 2^53, senders such as JavaScript have rounded it: it has to be a text.
        "maximum": 9_007_199_254_740_992_u64,
    })
}

fn event_names() -> impl Iterator<Item = Value> {
    EventType::all().map(|event| json!(event.as_str()))
}

/// The names of events, and what counts as no entry of a list.
fn events_accepted() -> Vec<Value> {
    event_names().chain([json!(""), Value::Null]).collect()
}

fn list(items: &Value) -> Value {
    json!({"maxItems": MOST_ENTRIES, "items": items})
}

fn or_empty(pattern: &str) -> String {
    format!("^$|{pattern}")
}

/// What a field is whose own place does not say it, because its name does.
pub(super) fn meaning(property: &str) -> Option<&'static str> {
    Some(match property {
        "id" => "Its id.",
        "name" | "username" => "Its name.",
        "global_name" => "The name it shows.",
        "guild_id" => "The guild at Discord.",
        "guild_name" => "The guild's name.",
        "guild_ids" => "These guilds; empty: all.",
        "user_ids" => "These users; empty: all.",
        "user_id" => "The application's user.",
        "mapping_id" => "The mapping.",
        "group_id" => "The group.",
        "role_id" | "discord_role_id" => "The role at Discord.",
        "discord_role_name" => "The role's name, as Discord tells it.",
        "discord_id" => "The account at Discord.",
        "permissions" => "Bit set of permissions, as Discord writes it.",
        "linked_at" => "When it was linked.",
        "created_at" => "When it was added.",
        "updated_at" => "When it was last changed.",
        "started_at" => "When it began.",
        "ended_at" => "When it ended.",
        "until" => "When it ends.",
        "owner" | "worker" => "The process.",
        "error" => "Why it failed.",
        "number" => "From 1.",
        "page" => "Number of this page, from 1.",
        "limit" => "Most entries of a page.",
        "total_pages" => "How many pages there are.",
        "guilds" => "The guilds of this page.",
        "mappings" => "The mappings of this page.",
        "users" => "The accounts of this page.",
        "self" => "This.",
        "run" => "Its run.",
        "parent" => "The job that made it.",
        "jobs" => "Its jobs.",
        "events" => "Its events.",
        "auto_sync" => "Whether the schedule syncs it.",
        "sync_interval" => "Least time between two scheduled syncs; null: every tick.",
        "sync_on_join" => "Whether linked people are joined to it.",
        "remove_roles_on_leave" => "Whether somebody whose link ends loses the mapped roles.",
        "audit_channel_id" => "Channel that is told of each run that changed something; null: none.",
        "notification_channel_id" => "Channel that is told when something needs a person; null: none.",
        "max_role_changes_per_sync" => "Most role changes of one sync; null: no cap.",
        "require_all" => "Whether every character of the user has to be in the group.",
        "character_count_min" => "At least so many characters; null: any number.",
        "character_count_max" => "At most so many characters; null: any number.",
        "required_permissions" => "Permissions that the user has to have.",
        "excluded_groups" => "Groups that the user may not be in.",
        "allow_removals" => "Whether removals pass the guard.",
        _ => return None,
    })
}
