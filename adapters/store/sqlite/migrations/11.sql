-- Answers to requests with an Idempotency-Key.
CREATE TABLE rolecall_replies (
    key         TEXT NOT NULL PRIMARY KEY,      -- digest of caller and key
    fingerprint TEXT NOT NULL,                  -- digest of method, path and body
    holder      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    until       INTEGER NOT NULL,
    reply       TEXT                            -- JSON; null: under way
) STRICT;

CREATE INDEX rolecall_replies_by_end ON rolecall_replies (until);
