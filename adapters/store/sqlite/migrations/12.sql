-- What processes tell of themselves, and how many jobs ended by minute.

CREATE TABLE rolecall_workers (
    id           TEXT NOT NULL PRIMARY KEY,
    release      TEXT NOT NULL,
    host         TEXT NOT NULL,
    pid          INTEGER NOT NULL,
    roles        TEXT NOT NULL,             -- JSON, an array of names
    slots        INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    running      INTEGER NOT NULL,
    drains       INTEGER NOT NULL,
    skew_ms      INTEGER,
    stopped      INTEGER NOT NULL,
    seen_at      INTEGER NOT NULL,
    drain_by     TEXT,                      -- these four: the order to drain, if there is one
    drain_reason TEXT,
    drain_at     INTEGER,
    drain_exit   INTEGER
) STRICT;

CREATE TABLE rolecall_job_minutes (
    minute INTEGER NOT NULL,
    lane   TEXT NOT NULL,
    count  TEXT NOT NULL,                   -- what was counted
    n      INTEGER NOT NULL,
    PRIMARY KEY (minute, lane, count)
) STRICT, WITHOUT ROWID;
