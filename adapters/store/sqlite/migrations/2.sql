-- Settings and health of guilds, conditions of mappings, profiles of accounts, states of OAuth flows, who did what.

ALTER TABLE discord_guild_configs ADD COLUMN record_id TEXT;                    -- 24 hex digits
ALTER TABLE discord_guild_configs ADD COLUMN settings TEXT NOT NULL DEFAULT '{}'; -- JSON
ALTER TABLE discord_guild_configs ADD COLUMN health TEXT;                       -- JSON
ALTER TABLE discord_guild_configs ADD COLUMN created_by INTEGER;
UPDATE discord_guild_configs SET record_id = lower(hex(randomblob(12)));

ALTER TABLE discord_role_mappings ADD COLUMN conditions TEXT NOT NULL DEFAULT '{}'; -- JSON
ALTER TABLE discord_role_mappings ADD COLUMN created_by INTEGER;

ALTER TABLE discord_users ADD COLUMN record_id TEXT;                            -- 24 hex digits
ALTER TABLE discord_users ADD COLUMN global_name TEXT;
ALTER TABLE discord_users ADD COLUMN avatar TEXT;
ALTER TABLE discord_users ADD COLUMN scopes TEXT NOT NULL DEFAULT '[]';         -- JSON
ALTER TABLE discord_users ADD COLUMN guilds TEXT NOT NULL DEFAULT '[]';         -- JSON
ALTER TABLE discord_users ADD COLUMN last_sync INTEGER;
UPDATE discord_users SET record_id = lower(hex(randomblob(12)));

-- Ids are numbers kept as text: of two, the longer one is the greater one.
CREATE INDEX discord_users_by_linked ON discord_users (linked_at DESC, length(discord_id) DESC, discord_id DESC);

CREATE TABLE discord_oauth_states (
    state        TEXT NOT NULL PRIMARY KEY,    -- hashed
    browser      TEXT NOT NULL,                -- hashed
    user_id      TEXT,
    verifier     TEXT NOT NULL,                -- sealed
    redirect_url TEXT,
    scopes       TEXT NOT NULL,                -- JSON
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    used         INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX discord_oauth_states_by_expiry ON discord_oauth_states (expires_at);

CREATE TABLE rolecall_audit (
    id         TEXT NOT NULL PRIMARY KEY,
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    target     TEXT NOT NULL,
    before     TEXT,                           -- these two JSON
    after      TEXT,
    request_id TEXT
) STRICT;

CREATE INDEX rolecall_audit_by_time ON rolecall_audit (at, id);
CREATE INDEX rolecall_audit_by_target ON rolecall_audit (target, at, id);
