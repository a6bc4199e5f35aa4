-- What is remembered of schedules: which are on, up to when their ticks were looked at, and the newest ticks.

CREATE TABLE rolecall_schedules (
    name       TEXT NOT NULL PRIMARY KEY,
    enabled    INTEGER NOT NULL,
    seen_until INTEGER NOT NULL,
    missed     INTEGER NOT NULL,
    changed_by TEXT,
    changed_at INTEGER
) STRICT;

CREATE TABLE rolecall_schedule_ticks (
    schedule TEXT NOT NULL,
    at       INTEGER NOT NULL,
    outcome  TEXT NOT NULL,
    made     TEXT,
    asked_by TEXT,
    noted_at INTEGER NOT NULL,
    PRIMARY KEY (schedule, at)
) STRICT, WITHOUT ROWID;
