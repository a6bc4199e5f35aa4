-- Times are milliseconds since 1970, ids and written names are text, truth is 0 or 1.

CREATE TABLE rolecall_jobs (
    id             TEXT NOT NULL PRIMARY KEY,
    kind           TEXT NOT NULL,
    version        INTEGER NOT NULL,
    payload        TEXT NOT NULL,              -- JSON
    lane           TEXT NOT NULL,
    state          TEXT NOT NULL,
    run_at         INTEGER NOT NULL,
    attempt        INTEGER NOT NULL DEFAULT 0,
    max_attempts   INTEGER NOT NULL,
    crashes        INTEGER NOT NULL DEFAULT 0,
    snoozes        INTEGER NOT NULL DEFAULT 0,
    fence          INTEGER NOT NULL DEFAULT 0,
    lease_owner    TEXT,                       -- these four only while running
    lease_until    INTEGER,
    claimed_at     INTEGER,
    running_key    TEXT,                       -- = concurrency
    unique_key     TEXT,                       -- only while live
    concurrency    TEXT,
    run_id         TEXT,
    parent_id      TEXT,
    guild_id       TEXT,
    user_id        TEXT,
    discord_id     TEXT,
    role_id        TEXT,
    actor          TEXT NOT NULL,
    reason         TEXT NOT NULL,
    trace          TEXT,
    attempts       TEXT NOT NULL DEFAULT '[]', -- JSON
    outcome        TEXT,                       -- JSON; the next four are parts of it, for sums
    effect         TEXT,
    effect_reason  TEXT,
    granted        INTEGER NOT NULL DEFAULT 0,
    revoked        INTEGER NOT NULL DEFAULT 0,
    fingerprint    TEXT,
    inserted_at    INTEGER NOT NULL,
    sent_at        INTEGER,
    finished_at    INTEGER
) STRICT;

-- What the ledger promises is kept by these two, whatever processes write the file.
CREATE UNIQUE INDEX rolecall_jobs_unique ON rolecall_jobs (unique_key) WHERE unique_key IS NOT NULL;
CREATE UNIQUE INDEX rolecall_jobs_running ON rolecall_jobs (running_key) WHERE running_key IS NOT NULL;

-- A partial index is used only by a query that repeats its condition literally.
CREATE INDEX rolecall_jobs_due ON rolecall_jobs (lane, run_at, id)
    WHERE state IN ('scheduled', 'available', 'retryable');
CREATE INDEX rolecall_jobs_lease ON rolecall_jobs (lease_until) WHERE state = 'running';

-- Lists, newest first. Running jobs are few, and found by their lease; without them in the two indexes that change
-- with the state, a claim and a settlement cost less.
CREATE INDEX rolecall_jobs_by_state ON rolecall_jobs (state, inserted_at, id) WHERE state <> 'running';
CREATE INDEX rolecall_jobs_by_kind ON rolecall_jobs (kind, inserted_at, id);
CREATE INDEX rolecall_jobs_by_run ON rolecall_jobs (run_id, state, inserted_at, id)
    WHERE run_id IS NOT NULL AND state <> 'running';
CREATE INDEX rolecall_jobs_by_guild ON rolecall_jobs (guild_id, inserted_at, id) WHERE guild_id IS NOT NULL;
CREATE INDEX rolecall_jobs_by_user ON rolecall_jobs (user_id, inserted_at, id) WHERE user_id IS NOT NULL;
CREATE INDEX rolecall_jobs_by_account ON rolecall_jobs (discord_id, inserted_at, id) WHERE discord_id IS NOT NULL;

CREATE TABLE discord_guild_configs (
    guild_id    TEXT NOT NULL PRIMARY KEY,
    guild_name  TEXT NOT NULL,
    bot_token   TEXT,                          -- sealed
    is_enabled  INTEGER NOT NULL,
    bot_user_id TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE discord_role_mappings (
    id                TEXT NOT NULL PRIMARY KEY,
    guild_id          TEXT NOT NULL,
    group_id          TEXT NOT NULL,
    group_name        TEXT NOT NULL,
    discord_role_id   TEXT NOT NULL,
    discord_role_name TEXT NOT NULL,
    priority          INTEGER NOT NULL,
    is_active         INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    UNIQUE (guild_id, group_id)
) STRICT;

CREATE TABLE discord_users (
    discord_id    TEXT NOT NULL PRIMARY KEY,
    user_id       TEXT NOT NULL,
    username      TEXT NOT NULL,
    access_token  TEXT,                        -- these two sealed
    refresh_token TEXT,
    token_expiry  INTEGER,
    needs_consent INTEGER NOT NULL,
    is_active     INTEGER NOT NULL,
    linked_at     INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

CREATE INDEX discord_users_by_user ON discord_users (user_id);
CREATE INDEX discord_users_by_expiry ON discord_users (token_expiry) WHERE token_expiry IS NOT NULL;

CREATE TABLE discord_sync_status (
    id          TEXT NOT NULL PRIMARY KEY,
    sync_type   TEXT NOT NULL,
    scope       TEXT NOT NULL,                 -- JSON
    dry_run     INTEGER NOT NULL,
    status      TEXT NOT NULL,
    actor       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    results     TEXT                           -- JSON
) STRICT;

CREATE INDEX discord_sync_status_by_start ON discord_sync_status (started_at, id);
CREATE INDEX discord_sync_status_running ON discord_sync_status (started_at, id) WHERE status = 'running';

-- Which guilds a run names.
CREATE TABLE rolecall_run_guilds (
    guild_id   TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    run_id     TEXT NOT NULL REFERENCES discord_sync_status (id) ON DELETE CASCADE,
    PRIMARY KEY (guild_id, started_at, run_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX rolecall_run_guilds_by_run ON rolecall_run_guilds (run_id);

CREATE TABLE rolecall_directory_users (
    user_id TEXT NOT NULL PRIMARY KEY,
    name    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rolecall_directory_groups (
    id   TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE rolecall_directory_memberships (
    user_id  TEXT NOT NULL REFERENCES rolecall_directory_users (user_id) ON DELETE CASCADE,
    group_id TEXT NOT NULL REFERENCES rolecall_directory_groups (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, group_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX rolecall_directory_memberships_by_group ON rolecall_directory_memberships (group_id);
