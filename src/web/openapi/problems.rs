//! Every error that the API tells, by its code: an example of each for the document.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::web::http::problem::{ApiError, Detail};

/// An error as its code's callers see it.
pub(super) struct Known {
    /// Stable name.
    pub(super) code: &'static str,
    /// Status of the answer.
    pub(super) status: u16,
    /// What happened; an example where the sentence names something.
    detail: &'static str,
    /// Where something is wrong, and what.
    at: Option<(&'static str, &'static str)>,
    /// What to do about it.
    hint: Option<&'static str>,
    /// `Retry-After`, where the same request may succeed later.
    retry_after: Option<u64>,
}

impl Known {
    const fn new(code: &'static str, status: u16, detail: &'static str) -> Self {
        Self {
            code,
            status,
            detail,
            at: None,
            hint: None,
            retry_after: None,
        }
    }

    const fn at(mut self, location: &'static str, message: &'static str) -> Self {
        self.at = Some((location, message));
        self
    }

    const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    const fn later(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Whether the answer says when to come again.
    pub(super) fn is_passing(&self) -> bool {
        self.retry_after.is_some()
    }

    /// `{"summary": …, "value": the problem}`, written by the code that writes the real one.
    pub(super) fn example(&self) -> Value {
        let status = StatusCode::from_u16(self.status).unwrap_or_default();
        let mut error = ApiError::new(status, self.code, self.detail);
        if let Some((location, message)) = self.at {
            error = error.with_error(Detail::at(location, message));
        }
        if let Some(hint) = self.hint {
            error = error.with_hint(hint);
        }
        if let Some(seconds) = self.retry_after {
            error = error.retry_after(seconds);
        }
        let mut problem = error.problem();
        "/discord/guilds/123456789012345678".clone_into(&mut problem.instance);
        "4bf92f3577b34da6a3ce929d0e0e4736".clone_into(&mut problem.trace_id);
        json!({"summary": self.detail, "value": problem})
    }
}

/// The error with this code.
pub(super) fn known(code: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.code == code)
}

/// All of them, by status.
pub(super) const KNOWN: &[Known] = &[
    Known::new("bad_json", 400, "the body is no JSON").at("body", "no JSON from line 1, column 3 on"),
    Known::new("body_unreadable", 400, "the body did not arrive whole"),
    Known::new(
        "invalid_cursor",
        400,
        "this cursor does not belong to this list and filter",
    )
    .at("query.cursor", "not a cursor of this list and filter")
    .hint("Follow `next` of a page without changing the filter, or begin again without a cursor."),
    Known::new("authentication_required", 401, "Authentication required")
        .hint("Send `Authorization: Bearer <token or API key>`, or the cookie falcon_auth_token."),
    Known::new("invalid_token", 401, "Invalid authentication token")
        .at("header.authorization", "the token has expired"),
    Known::new("api_key_invalid", 401, "Invalid authentication token")
        .at("header.authorization", "this is no API key of ours"),
    Known::new("api_key_expired", 401, "Invalid authentication token")
        .at("header.authorization", "the API key has expired"),
    Known::new("api_key_revoked", 401, "Invalid authentication token")
        .at("header.authorization", "the API key was revoked"),
    Known::new(
        "key_has_no_account",
        403,
        "an API key belongs to no user, and so has no account of its own",
    )
    .hint("Ask with the token of the user whose account it is about."),
    Known::new("permission_denied", 403, "this needs the permission discord:admin:full")
        .hint("Permissions come from groups: go-falcon's group_permissions, or ROLECALL_ADMIN_GROUPS and the settings beside it."),
    Known::new("banned", 403, "this user is banned"),
    Known::new(
        "cross_site_write",
        403,
        "a write with the cookie of a session has to come from a page of the same site",
    )
    .hint("Programs send `Authorization: Bearer <token>` instead of the cookie."),
    Known::new("read_only", 403, "nothing can be changed here at present")
        .hint("The operator set ROLECALL_READ_ONLY=true; ask again when it is over, or use the command line."),
    Known::new(
        "idempotency_key_invalid",
        400,
        "the Idempotency-Key cannot be read; nothing was done",
    )
    .at(
        "header.idempotency-key",
        "expected one key of 1 to 255 printable characters, best a UUID in quotes",
    ),
    Known::new("request_under_way", 409, "a request with this Idempotency-Key is under way")
        .hint("Ask again in a moment for its answer. If its process died, the key is free after 60 s.")
        .later(1),
    Known::new(
        "idempotency_key_reused",
        422,
        "this Idempotency-Key was used for another request; nothing was done",
    )
    .at(
        "header.idempotency-key",
        "belongs to a request with another path or body; make a new key for a new request",
    ),
    Known::new("account_of_other_user", 403, "Discord account belongs to different user"),
    Known::new("unknown_guild", 404, "guild configuration not found"),
    Known::new("unknown_mapping", 404, "role mapping not found"),
    Known::new("user_not_linked", 404, "no Discord accounts found for user")
        .hint("The user has to link a Discord account first, or an import has to name it."),
    Known::new("account_not_linked", 404, "Discord account 80351110224678912 is not linked"),
    Known::new(
        "member_unknown",
        404,
        "account 80351110224678912 is not a member of guild 123456789012345678",
    ),
    Known::new("unknown_run", 404, "there is no run 019a2c8e-5b1d-7c3a-9f00-0123456789ab"),
    Known::new("unknown_job", 404, "there is no job 019a2c8e-5b1d-7c3a-9f00-0123456789ab"),
    Known::new(
        "unknown_queue",
        404,
        "there is no queue \"mail\"; there are interactive, normal, bulk",
    ),
    Known::new(
        "unknown_worker",
        404,
        "there is no process worker-17-0badcafe, or it was not heard of for a day",
    ),
    Known::new("worker_is_gone", 409, "process worker-17-0badcafe is lost: it hears no orders"),
    Known::new(
        "unknown_bulk_order",
        404,
        "there is no order 019a2c8e-5b1d-7c3a-9f00-0123456789ab about many jobs",
    ),
    Known::new("unknown_cause", 404, "there is no dead letter of the cause \"add_role|-|-|x\""),
    Known::new("unknown_schedule", 404, "there is no schedule hourly")
        .hint("GET /v1/schedules lists all."),
    Known::new("unknown_pause", 404, "there is no pause 019a2c8e-5b1d-7c3a-9f00-0123456789ab"),
    Known::new(
        "discord_unknown_guild",
        404,
        "Discord knows no such guild, or the bot is not in it",
    ),
    Known::new("body_too_slow", 408, "the body did not arrive within 5 s; nothing was changed"),
    Known::new(
        "run_is_over",
        409,
        "run 019a2c8e-5b1d-7c3a-9f00-0123456789ab is completed: only a running one can be cancelled",
    ),
    Known::new(
        "nothing_failed",
        409,
        "no job of run 019a2c8e-5b1d-7c3a-9f00-0123456789ab has failed for good",
    ),
    Known::new(
        "schedule_is_busy",
        409,
        "the work of an earlier tick of retention is not over, and two would do the same",
    )
    .hint("GET /v1/schedules names the job or run; wait for its end, or cancel it."),
    Known::new("guild_exists", 409, "guild 123456789012345678 (My Corporation) is already configured")
        .hint("Change it with PUT /discord/guilds/{guild_id}."),
    Known::new(
        "mapping_exists",
        409,
        "this guild already maps group 64b000000000000000000002 to role 987654321098765432",
    )
    .hint("Change it with PUT /discord/role-mappings/{mapping_id}."),
    Known::new(
        "job_is_final",
        409,
        "Job 019a2c8e-5b1d-7c3a-9f00-0123456789ab is completed: only a job that is not over can be cancelled",
    ),
    Known::new(
        "job_is_live",
        409,
        "Job 019a2c8e-5b1d-7c3a-9f00-0123456789ab is running: only a waiting job can be given another time",
    ),
    Known::new(
        "twin_is_live",
        409,
        "job 019a2c8e-5b1d-7c3a-9f00-0123456789ab was left alone: job 019a2c8e-5b1d-7c3a-9f00-0123456789ac does the \
         same, and is at work",
    )
    .hint("Look at GET /v1/jobs/019a2c8e-5b1d-7c3a-9f00-0123456789ac, or cancel it first."),
    Known::new("guild_disabled", 409, "guild 123456789012345678 is disabled"),
    Known::new("no_guild", 409, "no enabled guild is configured"),
    Known::new("account_taken", 409, "the Discord account is linked to another user")
        .hint("An operator may allow moves with ROLECALL_ALLOW_ACCOUNT_MOVE=true."),
    Known::new("bot_token_missing", 409, "this guild has no bot token stored")
        .hint("Send one with PUT /discord/guilds/{guild_id}."),
    Known::new(
        "bot_token_unreadable",
        409,
        "the stored bot token of this guild cannot be opened",
    )
    .hint("Put the old key back into ROLECALL_ENCRYPTION_KEYS, or send the token again."),
    Known::new("changed_meanwhile", 412, "somebody changed this meanwhile")
        .hint("Read it again, and send its new ETag as If-Match, or no If-Match at all."),
    Known::new("body_too_large", 413, "the body is larger than 1 MiB"),
    Known::new("unsupported_media_type", 415, "the body has to be application/json")
        .at("header.content-type", "expected application/json"),
    Known::new("validation_failed", 422, "validation failed")
        .at("/guild_id", "expected a Discord id: up to 20 digits, such as \"123456789012345678\""),
    Known::new("bot_token_invalid", 422, "Discord does not accept this bot token")
        .at("/bot_token", "Discord does not accept this bot token"),
    Known::new(
        "bot_not_in_guild",
        422,
        "the bot rolecall is not a member of guild 123456789012345678",
    )
    .at("/guild_id", "the bot rolecall is not a member of guild 123456789012345678"),
    Known::new(
        "bot_lacks_manage_roles",
        422,
        "the bot rolecall lacks the permission Manage Roles in My Corporation",
    )
    .at("/guild_id", "the bot rolecall lacks the permission Manage Roles in My Corporation")
    .hint("In Discord, Server Settings > Roles: give the bot's role Manage Roles."),
    Known::new("role_missing", 422, "the guild has no role 987654321098765432")
        .at("/discord_role_id", "role 987654321098765432 is not there"),
    Known::new("role_is_everyone", 422, "everybody has @everyone")
        .at("/discord_role_id", "@everyone is no role that can be given"),
    Known::new("role_managed", 422, "Discord lets nobody assign this role")
        .at("/discord_role_id", "the role belongs to an integration"),
    Known::new("role_above_bot", 422, "the bot cannot give or take role 987654321098765432")
        .at(
            "/discord_role_id",
            "Pilot is at position 9, the bot's highest role Rolecall at position 5",
        )
        .hint("In Discord, Server Settings > Roles: drag the bot's role above this one."),
    Known::new("discord_token_invalid", 422, "Discord does not accept the token (any more)")
        .hint("Log in through GET /discord/auth/login instead."),
    Known::new("discord_token_foreign", 422, "the token was made for another application")
        .hint("Log in through GET /discord/auth/login instead."),
    Known::new("discord_scope_missing", 422, "the token lacks the scope identify")
        .hint("Log in through GET /discord/auth/login instead."),
    Known::new("rate_limited", 429, "too many requests; try again in 2 s").later(2),
    Known::new("internal_error", 500, "something went wrong inside rolecall"),
    Known::new(
        "store_corrupt",
        500,
        "the store holds something that cannot be read; the log says what",
    ),
    Known::new("discord_missing_access", 502, "Discord answered 403 (50001 Missing Access)"),
    Known::new("discord_refused", 502, "Discord did not answer as expected"),
    Known::new(
        "store_unavailable",
        503,
        "the store did not answer; nothing is lost, try again in a moment",
    )
    .later(2),
    Known::new(
        "permissions_unavailable",
        503,
        "what this user may do could not be read, so nothing is allowed; try again in a moment",
    )
    .later(2),
    Known::new(
        "no_jwt_secret",
        503,
        "this process was started without JWT_SECRET and can check no token",
    ),
    Known::new("oauth_not_configured", 503, "logins at Discord are not configured").hint(
        "The operator has to set DISCORD_CLIENT_ID, DISCORD_CLIENT_SECRET and DISCORD_REDIRECT_URI.",
    ),
    Known::new("discord_rate_limited", 503, "Discord allows no further call at present").later(1),
    Known::new(
        "discord_unavailable",
        503,
        "Discord did not answer; nothing was changed, try again in a moment",
    )
    .later(5),
    Known::new(
        "timeout",
        504,
        "the answer took longer than 15 s; what was asked for may have been stored",
    )
    .later(2),
];
