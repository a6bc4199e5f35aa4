-- What operators do to jobs and hold back, and the columns by which they find jobs.

ALTER TABLE rolecall_jobs ADD COLUMN cancel_by TEXT;        -- only while running: who asked to cancel it
ALTER TABLE rolecall_jobs ADD COLUMN redriven_at INTEGER;
ALTER TABLE rolecall_jobs ADD COLUMN error_code TEXT;       -- these three are parts of the newest failed attempt
ALTER TABLE rolecall_jobs ADD COLUMN discord_code INTEGER;
ALTER TABLE rolecall_jobs ADD COLUMN error_message TEXT;

-- Only of failed jobs, which are few: the indexes cost nothing for the others.
CREATE INDEX rolecall_jobs_by_fingerprint ON rolecall_jobs (fingerprint, inserted_at, id)
    WHERE fingerprint IS NOT NULL;
CREATE INDEX rolecall_jobs_by_error_code ON rolecall_jobs (error_code, inserted_at, id)
    WHERE error_code IS NOT NULL;
CREATE INDEX rolecall_jobs_by_discord_code ON rolecall_jobs (discord_code, inserted_at, id)
    WHERE discord_code IS NOT NULL;
CREATE INDEX rolecall_jobs_by_parent ON rolecall_jobs (parent_id, inserted_at, id) WHERE parent_id IS NOT NULL;
CREATE INDEX rolecall_jobs_by_role ON rolecall_jobs (role_id, inserted_at, id) WHERE role_id IS NOT NULL;

CREATE TABLE rolecall_pauses (
    id          TEXT NOT NULL PRIMARY KEY,
    lane        TEXT,
    kind        TEXT,
    guild_id    TEXT,
    fingerprint TEXT,
    reason      TEXT NOT NULL,
    author      TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    until       INTEGER
) STRICT;
