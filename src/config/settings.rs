//! Every variable that is read, with its default and meaning. `.env.example` is compared with this.

/// A variable.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// Its default, as it would be written; empty if there is none.
    pub default: &'static str,
    /// What it is for.
    pub meaning: &'static str,
}

const fn setting(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting {
        name,
        default,
        meaning,
    }
}

/// All of them, in the order of `.env.example`.
pub const SETTINGS: &[Setting] = &[
    setting(
        "MONGODB_URI",
        "",
        "MongoDB with everything that is stored; not set: one SQLite file in ROLECALL_DATA_DIR",
    ),
    setting("MONGO_URL", "", "read when MONGODB_URI is not set"),
    setting("MONGODB_URL", "", "read when MONGODB_URI is not set"),
    setting("MONGODB_DATABASE", "falcon", "name of the database"),
    setting(
        "REDIS_URL",
        "",
        "Redis that carries jobs between processes; not set: one process does all",
    ),
    setting("REDIS_TLS_URL", "", "read when REDIS_URL is not set"),
    setting(
        "ROLECALL_DATA_DIR",
        "",
        "folder of the embedded store; default ~/.local/share/rolecall",
    ),
    setting(
        "ROLECALL_NEW_DATABASE",
        "make",
        "make: where the embedded store has no database, a new one is made; refuse: that is an error, for disks that may be \
         missing",
    ),
    setting(
        "ROLECALL_INSTALLATION",
        "",
        "name of this installation, part of every Redis key; default: the database's name",
    ),
    setting("HOST", "0.0.0.0", "address to listen on"),
    setting("PORT", "8080", "port to listen on"),
    setting(
        "API_PREFIX",
        "",
        "further prefix of the /discord paths; they always answer without one and under /api",
    ),
    setting(
        "JWT_SECRET",
        "",
        "key of the JWTs that callers bring, at least 32 characters; embedded: made at the first start",
    ),
    setting(
        "ROLECALL_ENCRYPTION_KEYS",
        "",
        "keys that stored tokens are sealed with, as id:base64 of 32 bytes, comma-separated, newest first; not set: derived from JWT_SECRET",
    ),
    setting(
        "CORS_ALLOWED_ORIGINS",
        "",
        "origins of browsers' pages that may call this interface with cookies, comma-separated, such as https://react.eveonline.it; not set: that of FRONTEND_URL, if it is set",
    ),
    setting(
        "API_RATE_LIMIT_PER_MINUTE",
        "1200",
        "requests that one user may make in a minute; 0: no limit",
    ),
    setting(
        "API_RATE_LIMIT_BURST",
        "200",
        "requests that one user may make at once",
    ),
    setting(
        "API_ADDRESS_RATE_LIMIT_PER_MINUTE",
        "1200",
        "requests without a valid token that one address may make in a minute; 0: no limit",
    ),
    setting(
        "API_ADDRESS_RATE_LIMIT_BURST",
        "200",
        "requests without a valid token that one address may make at once",
    ),
    setting(
        "API_TRUSTED_PROXIES",
        "0",
        "how many proxies stand in front and add the caller to X-Forwarded-For; 0: that header is not believed",
    ),
    setting(
        "API_SYNC_WAIT",
        "10s",
        "how long POST /discord/sync/user/{id} waits at most for its sync to end, up to 12s; 0: never",
    ),
    setting(
        "ROLECALL_ADMIN_GROUPS",
        "",
        "groups whose members may do everything, comma-separated: ids, or names where ROLECALL_DIRECTORY is imported or the store is embedded",
    ),
    setting(
        "ROLECALL_GUILDS_MANAGE_GROUPS",
        "",
        "groups whose members have discord:guilds:manage (guilds, mappings, roles)",
    ),
    setting(
        "ROLECALL_SYNC_MANAGE_GROUPS",
        "",
        "groups whose members have discord:sync:manage (syncs)",
    ),
    setting(
        "ROLECALL_JOBS_READ_GROUPS",
        "",
        "groups whose members have jobs:read (jobs and runs, to look at)",
    ),
    setting(
        "ROLECALL_JOBS_MANAGE_GROUPS",
        "",
        "groups whose members have jobs:manage",
    ),
    setting(
        "ROLECALL_SYNC_NEEDS_PERMISSION",
        "true",
        "false: every person with a valid token may ask for syncs and look at runs and jobs, as in the original; API keys need their scope in any case",
    ),
    setting(
        "ROLECALL_READ_ONLY",
        "false",
        "true: nothing can be changed over HTTP, whoever asks; commands, schedules and logins at Discord go on",
    ),
    setting(
        "GO_FALCON_COMPAT_ANY_JWT",
        "false",
        "true: whoever has a valid token may do everything, as in the original; only to replace it before permissions are given out",
    ),
    setting(
        "DISCORD_DEFAULT_BOT_TOKEN",
        "",
        "token of the bot of guilds that are added without one",
    ),
    setting(
        "DISCORD_API_BASE_URL",
        "https://discord.com/api/v10",
        "where Discord is; point it at the simulator to try things",
    ),
    setting(
        "DISCORD_CLIENT_ID",
        "",
        "the Discord application, for joining people to guilds",
    ),
    setting("DISCORD_CLIENT_SECRET", "", "its secret"),
    setting(
        "DISCORD_REDIRECT_URI",
        "",
        "where Discord sends people back to, as registered with the application: https://HOST/discord/auth/callback; not set: nobody can link an account",
    ),
    setting(
        "DISCORD_SCOPES",
        "identify guilds guilds.join",
        "what people are asked for; without guilds.join nobody can be joined to a guild",
    ),
    setting(
        "DISCORD_AUTHORIZE_URL",
        "https://discord.com/oauth2/authorize",
        "the page where people consent",
    ),
    setting("DISCORD_STATE_EXPIRY", "15m", "how long a login may take"),
    setting(
        "FRONTEND_URL",
        "https://go.eveonline.it",
        "the frontend that people come back to",
    ),
    setting(
        "ROLECALL_LANDING_PATH",
        "/user/characters",
        "path of the frontend after a login; the outcome is in the query, as discord=…",
    ),
    setting(
        "ROLECALL_ERROR_PATH",
        "",
        "path of the frontend after a login that failed; default: ROLECALL_LANDING_PATH",
    ),
    setting(
        "ROLECALL_REDIRECT_ALLOW",
        "",
        "further addresses that redirect_url of a login may name: origins, or origins with the beginning of a path, separated by spaces",
    ),
    setting(
        "COOKIE_DURATION",
        "24h",
        "how long a session lasts that a login begins",
    ),
    setting(
        "COOKIE_DOMAIN",
        ".eveonline.it",
        "domain of the session's cookie; ignored where DISCORD_REDIRECT_URI is on another one",
    ),
    setting(
        "ROLECALL_ALLOW_ACCOUNT_MOVE",
        "false",
        "whether an account that is linked to another user may be taken over by who proves to own it",
    ),
    setting(
        "DISCORD_SYNC_INTERVAL",
        "15m",
        "how often all guilds are synced: minutes that divide an hour, or hours that divide a day; of others, the next shorter",
    ),
    setting(
        "DISCORD_TOKEN_REFRESH_THRESHOLD",
        "24h",
        "tokens that end within this time are refreshed",
    ),
    setting(
        "DISCORD_RATE_LIMIT_DELAY",
        "0s",
        "shortest time between two calls of one budget; Discord's own limits are kept anyway",
    ),
    setting(
        "API_IDEMPOTENCY_KEPT",
        "24h",
        "how long the answer to a POST with an Idempotency-Key is kept, to be repeated",
    ),
    setting(
        "ROLECALL_RETENTION_JOBS",
        "7d",
        "how long jobs are kept that are done or were cancelled; never: for ever",
    ),
    setting(
        "ROLECALL_RETENTION_DISCARDED_JOBS",
        "90d",
        "how long jobs are kept that failed for good",
    ),
    setting(
        "ROLECALL_RETENTION_RUNS",
        "90d",
        "how long finished runs (records of syncs) are kept",
    ),
    setting(
        "ROLECALL_RETENTION_AUDIT",
        "365d",
        "how long it is kept who changed what",
    ),
    setting(
        "ROLECALL_RETENTION_OAUTH_STATES",
        "24h",
        "how long logins at Discord are kept that are over or took too long; MongoDB drops them after an hour by itself",
    ),
    setting(
        "ROLECALL_RETENTION_INACTIVE_LINKS",
        "never",
        "how long linked accounts are kept that are switched off",
    ),
    setting(
        "GO_FALCON_SCHEDULER_TASKS",
        "keep",
        "keep: go-falcon's scheduler_tasks show when rolecall last did its two Discord tasks; off: they are left alone",
    ),
    setting(
        "ROLECALL_DIRECTORY",
        "auto",
        "where groups come from: auto, go-falcon or imported",
    ),
    setting(
        "ROLECALL_MAX_REMOVAL_SHARE",
        "0.25",
        "a sync that would take a role from a larger share of a guild's linked members is held",
    ),
    setting(
        "ROLECALL_MAX_REMOVAL_FLOOR",
        "20",
        "so many members may lose a role in one sync whatever their share",
    ),
    setting(
        "ROLECALL_TIME_ZONE",
        "UTC",
        "zone of the times at which something happens by the clock, such as Europe/Berlin",
    ),
    setting(
        "ROLECALL_WORKER_SLOTS",
        "64",
        "jobs that one process runs at once, at most; three at least, one for each lane",
    ),
    setting(
        "SHUTDOWN_GRACE_SECS",
        "25",
        "how long running jobs may take to end after SIGTERM",
    ),
    setting(
        "HEALTH_PORT",
        "",
        "port on which a worker or scheduler answers /livez and /readyz",
    ),
    setting(
        "ROLECALL_METRICS_ADDR",
        "",
        "address and port on which any process answers /metrics without a token, such as 127.0.0.1:9464; on PORT, /metrics needs jobs:read",
    ),
    setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        "collector that traces are sent to by OTLP over HTTP, such as http://localhost:4318; not set: none are sent",
    ),
    setting(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "",
        "the same, as the whole address (with /v1/traces); comes before OTEL_EXPORTER_OTLP_ENDPOINT",
    ),
    setting(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "",
        "headers of what is sent to the collector, as name=value, comma-separated; may hold its key",
    ),
    setting(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "http/protobuf",
        "http/protobuf is the one that is spoken",
    ),
    setting("OTEL_SERVICE_NAME", "rolecall", "name of the service in traces"),
    setting(
        "OTEL_TRACES_SAMPLER",
        "parentbased_always_on",
        "which traces are sent, as OpenTelemetry names it: parentbased_traceidratio with OTEL_TRACES_SAMPLER_ARG=0.1 sends a tenth",
    ),
    setting(
        "OTEL_TRACES_SAMPLER_ARG",
        "",
        "the argument of OTEL_TRACES_SAMPLER",
    ),
    setting(
        "OTEL_SDK_DISABLED",
        "false",
        "true: no traces are sent, whatever else is set",
    ),
    setting(
        "ROLECALL_QUEUE_LATE_AFTER",
        "15m",
        "operators are told that a queue is late when its first job waits for longer than this",
    ),
    setting(
        "ROLECALL_WEBHOOKS_ALLOW_HTTP",
        "false",
        "true: endpoints of events may have addresses without TLS; only where nobody can listen",
    ),
    setting(
        "ROLECALL_WEBHOOKS_ALLOW_PRIVATE",
        "false",
        "true: endpoints of events may be on this machine or in a private network",
    ),
    setting("LOG_FORMAT", "auto", "auto, json or pretty"),
    setting("RUST_LOG", "info", "what is logged, such as info,rolecall=debug"),
    setting(
        "ROLECALL_SIMULATOR_SPEED",
        "1",
        "how much faster the simulator's clock runs; only with a simulator",
    ),
];

/// Whether it is listed.
pub fn is_known(name: &str) -> bool {
    SETTINGS.iter().any(|s| s.name == name)
}

/// The text of `.env.example`.
pub fn env_example() -> String {
    let mut out = String::from(
        "# Every setting of rolecall with its default. Nothing has to be set to try it: then everything is kept in one\n\
         # SQLite file, and one process does all. Secrets can also be given as files: NAME_FILE=/run/secrets/name.\n",
    );
    for s in SETTINGS {
        out.push_str(&format!("\n# {}\n#{}={}\n", s.meaning, s.name, s.default));
    }
    out
}
