-- Keys of machines.

CREATE TABLE rolecall_api_keys (
    id           TEXT NOT NULL PRIMARY KEY,
    name         TEXT NOT NULL,
    scopes       TEXT NOT NULL,                -- JSON
    hash         TEXT NOT NULL,                -- of the secret half, which is stored nowhere
    created_by   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT;

CREATE INDEX rolecall_api_keys_by_time ON rolecall_api_keys (created_at DESC, id DESC);
