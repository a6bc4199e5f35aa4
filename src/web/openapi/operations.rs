//! Who may ask for each operation, and which errors it may answer. One line an operation: a new one that is missing here fails a test.

use super::callers::{
    ADMIN, ANYBODY, AUDIT, GUILDS, JOBS, MANAGE_JOBS, METRICS, OWN_RUN, OWN_SYNC, RUNS, SELF, SELF_OR_ADMIN,
    SYNCS, VISITOR,
};

/// Every operation whose caller is counted.
const COUNTED: &[&str] = &["rate_limited"];
/// Reads or writes the store.
const STORED: &[&str] = &["store_unavailable", "store_corrupt", "internal_error", "timeout"];
/// Needs a token.
const TOKEN: &[&str] = &[
    "authentication_required",
    "invalid_token",
    "api_key_invalid",
    "api_key_expired",
    "api_key_revoked",
    "banned",
    "permissions_unavailable",
    "no_jwt_secret",
];
/// Needs a permission besides.
const PERMISSION: &[&str] = &["permission_denied"];
/// Reads a query or an id in its path.
const VALUES: &[&str] = &["validation_failed"];
/// May be sent by a page with the cookie of a session.
const WRITE: &[&str] = &["cross_site_write", "read_only"];
/// Reads a body.
const BODY: &[&str] = &[
    "bad_json",
    "body_unreadable",
    "body_too_slow",
    "body_too_large",
    "unsupported_media_type",
    "validation_failed",
];
/// Every POST: `Idempotency-Key`.
pub(super) const REPEATABLE: &[&str] = &[
    "idempotency_key_invalid",
    "request_under_way",
    "idempotency_key_reused",
];
/// Honours `If-Match`.
const MATCHED: &[&str] = &["changed_meanwhile"];
/// Continues a list.
const CURSOR: &[&str] = &["invalid_cursor"];
/// Asks for a sync.
const SYNC: &[&str] = &["unknown_guild", "user_not_linked", "guild_disabled", "no_guild"];
/// Looks at a guild through Discord.
const LOOK: &[&str] = &[
    "bot_token_invalid",
    "bot_not_in_guild",
    "discord_unknown_guild",
    "discord_missing_access",
    "discord_refused",
    "discord_rate_limited",
    "discord_unavailable",
];
/// Looks with the token that is stored.
const STORED_TOKEN: &[&str] = &["bot_token_missing", "bot_token_unreadable"];
/// Looks at a role.
const ROLE: &[&str] = &[
    "role_missing",
    "role_is_everyone",
    "role_managed",
    "role_above_bot",
    "bot_lacks_manage_roles",
];

/// Orders something about a job.
const ORDER: &[&str] = &["unknown_job", "job_is_final", "job_is_live"];

/// Orders something about a process.
const DRAIN: &[&str] = &["unknown_worker", "worker_is_gone"];

/// What most operations have in common.
const READ: &[&[&str]] = &[COUNTED, STORED, TOKEN, PERMISSION, VALUES];
const OWN: &[&[&str]] = &[COUNTED, STORED, TOKEN, &["key_has_no_account"]];

/// An operation.
pub(super) struct Entry {
    /// Its `operationId`.
    pub(super) id: &'static str,
    /// Who may ask, in a sentence.
    pub(super) who: &'static str,
    groups: &'static [&'static [&'static str]],
    more: &'static [&'static [&'static str]],
}

impl Entry {
    const fn new(
        id: &'static str,
        who: &'static str,
        groups: &'static [&'static [&'static str]],
        more: &'static [&'static [&'static str]],
    ) -> Self {
        Self {
            id,
            who,
            groups,
            more,
        }
    }

    /// Codes of its errors, none twice.
    pub(super) fn errors(&self) -> Vec<&'static str> {
        let mut out = Vec::new();
        for code in self.groups.iter().chain(self.more).copied().flatten() {
            if !out.contains(code) {
                out.push(*code);
            }
        }
        out
    }
}

/// The entry of an operation.
pub(super) fn entry(id: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.id == id)
}

/// All operations.
pub(super) const ALL: &[Entry] = &[
    Entry::new("livez", ANYBODY, &[], &[]),
    Entry::new("readyz", ANYBODY, &[], &[]),
    Entry::new("health", ANYBODY, &[], &[]),
    Entry::new("metrics", METRICS, &[COUNTED, STORED, TOKEN, PERMISSION], &[]),
    Entry::new("openapi", ANYBODY, &[], &[COUNTED]),
    Entry::new("docs", ANYBODY, &[], &[COUNTED]),
    Entry::new(
        "getDiscordStatus",
        ANYBODY,
        &[],
        // Not counted: whatever else than 200 it answered would be the frontend's whole page.
        &[&["internal_error", "timeout"]],
    ),
    Entry::new(
        "getDiscordAuthURL",
        VISITOR,
        &[],
        &[COUNTED, STORED, TOKEN, VALUES, &["oauth_not_configured"]],
    ),
    Entry::new(
        "discordCallback",
        VISITOR,
        &[],
        &[COUNTED, &["internal_error", "timeout"]],
    ),
    Entry::new(
        "linkDiscordAccount",
        SELF,
        OWN,
        &[
            WRITE,
            BODY,
            &[
                "account_taken",
                "discord_token_invalid",
                "discord_token_foreign",
                "discord_scope_missing",
                "discord_refused",
                "discord_rate_limited",
                "oauth_not_configured",
            ],
        ],
    ),
    Entry::new(
        "unlinkDiscordAccount",
        SELF,
        OWN,
        &[WRITE, VALUES, &["account_of_other_user", "account_not_linked"]],
    ),
    Entry::new("getDiscordAuthStatus", VISITOR, &[], &[COUNTED, STORED]),
    Entry::new("getOwnDiscordProfile", SELF, OWN, &[&["user_not_linked"]]),
    Entry::new("exportOwnData", SELF, OWN, &[]),
    Entry::new("getSyncStatus", SYNCS, READ, &[]),
    Entry::new(
        "triggerManualSync",
        SYNCS,
        READ,
        &[WRITE, BODY, SYNC, &["unknown_mapping"]],
    ),
    Entry::new("syncUser", OWN_SYNC, READ, &[WRITE, BODY, SYNC]),
    Entry::new("listDiscordUsers", ADMIN, READ, &[]),
    Entry::new("getDiscordUser", SELF_OR_ADMIN, READ, &[&["user_not_linked"]]),
    Entry::new("listGuildConfigs", GUILDS, READ, &[]),
    Entry::new(
        "createGuildConfig",
        GUILDS,
        READ,
        &[
            WRITE,
            BODY,
            LOOK,
            STORED_TOKEN,
            &["guild_exists", "bot_lacks_manage_roles"],
        ],
    ),
    Entry::new("getGuildConfig", GUILDS, READ, &[&["unknown_guild"]]),
    Entry::new(
        "updateGuildConfig",
        GUILDS,
        READ,
        &[
            WRITE,
            BODY,
            MATCHED,
            LOOK,
            STORED_TOKEN,
            &["unknown_guild", "bot_lacks_manage_roles"],
        ],
    ),
    Entry::new(
        "deleteGuildConfig",
        GUILDS,
        READ,
        &[WRITE, MATCHED, &["unknown_guild", "bot_token_missing"]],
    ),
    Entry::new(
        "getGuildRoles",
        GUILDS,
        READ,
        &[LOOK, STORED_TOKEN, &["unknown_guild"]],
    ),
    Entry::new(
        "getGuildMember",
        GUILDS,
        READ,
        &[
            LOOK,
            STORED_TOKEN,
            &["unknown_guild", "guild_disabled", "member_unknown"],
        ],
    ),
    Entry::new("listRoleMappings", GUILDS, READ, &[&["unknown_guild"]]),
    Entry::new(
        "createRoleMapping",
        GUILDS,
        READ,
        &[
            WRITE,
            BODY,
            LOOK,
            ROLE,
            STORED_TOKEN,
            &["unknown_guild", "mapping_exists"],
        ],
    ),
    Entry::new("listAllRoleMappings", GUILDS, READ, &[]),
    Entry::new("getRoleMapping", GUILDS, READ, &[&["unknown_mapping"]]),
    Entry::new(
        "updateRoleMapping",
        GUILDS,
        READ,
        &[
            WRITE,
            BODY,
            MATCHED,
            LOOK,
            ROLE,
            STORED_TOKEN,
            &["unknown_mapping", "unknown_guild"],
        ],
    ),
    Entry::new(
        "deleteRoleMapping",
        GUILDS,
        READ,
        &[WRITE, MATCHED, &["unknown_mapping"]],
    ),
    Entry::new("listRuns", RUNS, READ, &[CURSOR]),
    Entry::new(
        "createRun",
        SYNCS,
        READ,
        &[WRITE, BODY, SYNC, &["unknown_mapping"]],
    ),
    Entry::new("getRun", OWN_RUN, READ, &[&["unknown_run"]]),
    Entry::new("runEvents", OWN_RUN, READ, &[&["unknown_run"]]),
    Entry::new("listJobs", JOBS, READ, &[CURSOR]),
    Entry::new("getJob", JOBS, READ, &[&["unknown_job"]]),
    Entry::new(
        "retryJob",
        MANAGE_JOBS,
        READ,
        &[WRITE, BODY, ORDER, &["twin_is_live"]],
    ),
    Entry::new(
        "cancelJob",
        MANAGE_JOBS,
        READ,
        &[WRITE, BODY, &["unknown_job", "job_is_final"]],
    ),
    Entry::new("discardJob", MANAGE_JOBS, READ, &[WRITE, BODY, ORDER]),
    Entry::new("rescheduleJob", MANAGE_JOBS, READ, &[WRITE, BODY, ORDER]),
    Entry::new(
        "cloneJob",
        MANAGE_JOBS,
        READ,
        &[WRITE, BODY, &["unknown_job", "twin_is_live"]],
    ),
    Entry::new("bulkOrder", MANAGE_JOBS, READ, &[WRITE, BODY]),
    Entry::new("listBulkOrders", JOBS, READ, &[CURSOR]),
    Entry::new("getBulkOrder", JOBS, READ, &[&["unknown_bulk_order"]]),
    Entry::new("listDeadLetters", JOBS, READ, &[]),
    Entry::new(
        "markDeadLetters",
        MANAGE_JOBS,
        READ,
        &[WRITE, BODY, &["unknown_cause"]],
    ),
    Entry::new(
        "checkDeadLetters",
        MANAGE_JOBS,
        READ,
        &[WRITE, BODY, &["unknown_cause"]],
    ),
    Entry::new(
        "cancelRun",
        MANAGE_JOBS,
        READ,
        &[WRITE, BODY, &["unknown_run", "run_is_over"]],
    ),
    Entry::new(
        "retryRun",
        MANAGE_JOBS,
        READ,
        &[WRITE, BODY, &["unknown_run", "nothing_failed"]],
    ),
    Entry::new("listAudit", AUDIT, READ, &[CURSOR]),
    Entry::new("verifyAudit", AUDIT, READ, &[]),
    Entry::new("exportAudit", AUDIT, READ, &[]),
    Entry::new("listPauses", JOBS, READ, &[]),
    Entry::new("createPause", MANAGE_JOBS, READ, &[WRITE, BODY]),
    Entry::new("endPause", MANAGE_JOBS, READ, &[WRITE, &["unknown_pause"]]),
    Entry::new("listQueues", JOBS, READ, &[]),
    Entry::new("getQueue", JOBS, READ, &[&["unknown_queue"]]),
    Entry::new("getDiscordBudget", JOBS, READ, &[]),
    Entry::new("listWorkers", JOBS, READ, &[]),
    Entry::new("drainWorker", MANAGE_JOBS, READ, &[WRITE, BODY, DRAIN]),
    Entry::new("undrainWorker", MANAGE_JOBS, READ, &[WRITE, BODY, DRAIN]),
    Entry::new("listSchedules", JOBS, READ, &[]),
    Entry::new(
        "runSchedule",
        MANAGE_JOBS,
        READ,
        &[WRITE, BODY, &["unknown_schedule", "schedule_is_busy"]],
    ),
    Entry::new(
        "enableSchedule",
        MANAGE_JOBS,
        READ,
        &[WRITE, BODY, &["unknown_schedule"]],
    ),
    Entry::new(
        "disableSchedule",
        MANAGE_JOBS,
        READ,
        &[WRITE, BODY, &["unknown_schedule"]],
    ),
    Entry::new("listWebhooks", ADMIN, READ, &[]),
    Entry::new("createWebhook", ADMIN, READ, &[WRITE, BODY]),
    Entry::new("getWebhook", ADMIN, READ, &[&["unknown_webhook"]]),
    Entry::new(
        "changeWebhook",
        ADMIN,
        READ,
        &[WRITE, BODY, &["unknown_webhook", "webhook_busy"]],
    ),
    Entry::new("listDeliveries", ADMIN, READ, &[CURSOR, &["unknown_webhook"]]),
    Entry::new("deleteWebhook", ADMIN, READ, &[WRITE, &["unknown_webhook"]]),
    Entry::new(
        "testWebhook",
        ADMIN,
        READ,
        &[WRITE, &["unknown_webhook", "webhook_disabled"]],
    ),
    Entry::new(
        "rotateWebhook",
        ADMIN,
        READ,
        &[
            WRITE,
            &["unknown_webhook", "webhook_has_no_secret", "webhook_busy"],
        ],
    ),
];
