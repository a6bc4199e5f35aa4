-- How far a job is and why it was told to wait, the canary of a pause, and what operators said of causes.

ALTER TABLE rolecall_jobs ADD COLUMN waits TEXT;     -- JSON, the newest
ALTER TABLE rolecall_jobs ADD COLUMN progress TEXT;  -- JSON

ALTER TABLE rolecall_pauses ADD COLUMN canary TEXT;  -- JSON

CREATE TABLE rolecall_cause_marks (
    fingerprint TEXT NOT NULL PRIMARY KEY,
    said        TEXT NOT NULL,
    until       INTEGER,
    at          INTEGER NOT NULL,
    author      TEXT NOT NULL,
    reason      TEXT NOT NULL
) STRICT;
