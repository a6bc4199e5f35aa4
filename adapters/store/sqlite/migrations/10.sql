-- The audit trail becomes a chain. Rows that are there get their places and hashes when the file is brought up to date.

ALTER TABLE rolecall_audit ADD COLUMN seq INTEGER;
ALTER TABLE rolecall_audit ADD COLUMN via TEXT;
ALTER TABLE rolecall_audit ADD COLUMN reason TEXT;
ALTER TABLE rolecall_audit ADD COLUMN salt TEXT;            -- null: what was told was erased
ALTER TABLE rolecall_audit ADD COLUMN details TEXT;         -- these three in hex
ALTER TABLE rolecall_audit ADD COLUMN prev TEXT;
ALTER TABLE rolecall_audit ADD COLUMN hash TEXT;
ALTER TABLE rolecall_audit ADD COLUMN adopted INTEGER NOT NULL DEFAULT 0;

DROP INDEX rolecall_audit_by_time;
DROP INDEX rolecall_audit_by_target;
CREATE UNIQUE INDEX rolecall_audit_by_seq ON rolecall_audit (seq);
CREATE INDEX rolecall_audit_by_target ON rolecall_audit (target, seq);
CREATE INDEX rolecall_audit_by_actor ON rolecall_audit (actor, seq);
CREATE INDEX rolecall_audit_by_action ON rolecall_audit (action, seq);
CREATE INDEX rolecall_audit_by_time ON rolecall_audit (at, seq);

-- Where the chain begins and ends; one row.
CREATE TABLE rolecall_audit_ends (
    id          INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    pruned_seq  INTEGER NOT NULL,
    pruned_hash TEXT NOT NULL,
    head_seq    INTEGER NOT NULL,
    head_hash   TEXT NOT NULL
) STRICT;
