-- Who is told of events, and what was told.

CREATE TABLE rolecall_webhooks (
    webhook_id TEXT NOT NULL PRIMARY KEY,
    revision   INTEGER NOT NULL,
    secret     TEXT NOT NULL,           -- sealed; empty for a sink without one
    old_secret TEXT NOT NULL,           -- sealed; empty: none
    created_at INTEGER NOT NULL,
    document   TEXT NOT NULL            -- the rest, as JSON
) STRICT;

CREATE TABLE rolecall_alarms (
    key   TEXT NOT NULL PRIMARY KEY,
    since INTEGER NOT NULL,
    told  INTEGER NOT NULL
) STRICT;
