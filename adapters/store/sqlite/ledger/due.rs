//! What the relay asks and notes.

use rolecall_core::ids::JobId;
use rolecall_core::job::Lane;
use rolecall_core::ports::DueJob;
use rolecall_core::time::Timestamp;
use rusqlite::{Connection, params};

use crate::store::sqlite::sql::{Result, all, change, id, id_or_none, limit as at_most, one};

/// In the order of the index, so that no more is read than is given (and what was sent lately).
pub(super) fn due(
    db: &Connection,
    lane: Lane,
    sent_before: Timestamp,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<DueJob>> {
    all(
        db,
        "SELECT id, kind, guild_id FROM rolecall_jobs INDEXED BY rolecall_jobs_due \
         WHERE lane = ?1 AND state IN ('scheduled', 'available', 'retryable') AND run_at <= ?2 \
             AND (sent_at IS NULL OR sent_at < ?3) \
         ORDER BY run_at, id LIMIT ?4",
        params![lane.as_str(), now.0, sent_before.0, at_most(limit)],
        |row| {
            Ok(DueJob {
                id: id(row, 0)?,
                kind: row.get(1)?,
                guild_id: id_or_none(row, 2)?,
            })
        },
    )
}

pub(super) fn next_due(db: &Connection, lane: Lane, now: Timestamp) -> Result<Option<Timestamp>> {
    one(
        db,
        "SELECT run_at FROM rolecall_jobs INDEXED BY rolecall_jobs_due \
         WHERE lane = ?1 AND state IN ('scheduled', 'available', 'retryable') AND run_at > ?2 \
         ORDER BY run_at LIMIT 1",
        params![lane.as_str(), now.0],
        |row| Ok(Timestamp(row.get(0)?)),
    )
}

pub(super) fn mark_sent(db: &Connection, ids: &[JobId], now: Timestamp) -> Result<()> {
    for id in ids {
        change(
            db,
            "UPDATE rolecall_jobs SET sent_at = ?2 \
             WHERE id = ?1 AND state IN ('scheduled', 'available', 'retryable')",
            params![id.to_string(), now.0],
        )?;
    }
    Ok(())
}

/// The note of sending goes, too: it has to be sent again when its time has come.
pub(super) fn defer(db: &Connection, id: JobId, until: Timestamp, now: Timestamp) -> Result<()> {
    change(
        db,
        "UPDATE rolecall_jobs SET run_at = ?2, sent_at = NULL, \
             state = CASE WHEN state = 'available' AND ?2 > ?3 THEN 'scheduled' ELSE state END \
         WHERE id = ?1 AND state IN ('scheduled', 'available', 'retryable')",
        params![id.to_string(), until.0, now.0],
    )?;
    Ok(())
}
