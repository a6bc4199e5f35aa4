//! What the relay asks and notes.

use rolecall_core::ids::JobId;
use rolecall_core::job::{Job, Lane};
use rolecall_core::pause::Held;
use rolecall_core::ports::{DueJob, Obstacles};
use rolecall_core::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use crate::store::sqlite::sql::{Result, all, change, count, id, id_or_none, limit as at_most, one};

/// In the order of the index, so that no more is read than is given (and what was sent lately).
pub(super) fn due(
    db: &Connection,
    lane: Lane,
    sent_before: Timestamp,
    paused: &[Held],
    limit: usize,
    now: Timestamp,
) -> Result<Vec<DueJob>> {
    let mut values: Vec<Value> = vec![
        lane.as_str().to_owned().into(),
        now.0.into(),
        sent_before.0.into(),
    ];
    let free = free(lane, paused, &mut values);
    let sql = format!(
        "SELECT id, kind, guild_id, sent_at IS NOT NULL FROM rolecall_jobs INDEXED BY rolecall_jobs_due \
         WHERE lane = ? AND state IN ('scheduled', 'available', 'retryable') AND run_at <= ? \
             AND (sent_at IS NULL OR sent_at < ?){free} \
         ORDER BY run_at, id LIMIT {}",
        at_most(limit)
    );
    all(db, &sql, params_from_iter(values), |row| {
        Ok(DueJob {
            id: id(row, 0)?,
            kind: row.get(1)?,
            guild_id: id_or_none(row, 2)?,
            sent_before: row.get(3)?,
        })
    })
}

/// The condition that nothing holds a job of this lane back.
fn free(lane: Lane, paused: &[Held], values: &mut Vec<Value>) -> String {
    paused
        .iter()
        .filter(|held| held.lane.is_none_or(|paused| paused == lane))
        .map(|held| format!(" AND NOT ({})", is_held(held, values)))
        .collect()
}

/// What stands in the way of a job. What is due before it is counted in the order in which it is sent.
pub(super) fn obstacles(db: &Connection, job: &Job, paused: &[Held], now: Timestamp) -> Result<Obstacles> {
    let busy_with = match &job.concurrency {
        None => None,
        Some(key) => one(
            db,
            "SELECT id FROM rolecall_jobs WHERE running_key = ?1",
            [key],
            |row| id(row, 0),
        )?,
    };
    let mut values: Vec<Value> = vec![
        job.lane.as_str().to_owned().into(),
        now.0.into(),
        job.run_at.0.into(),
        job.id.to_string().into(),
    ];
    let free = free(job.lane, paused, &mut values);
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM rolecall_jobs INDEXED BY rolecall_jobs_due \
         WHERE lane = ? AND state IN ('scheduled', 'available', 'retryable') AND run_at <= ? \
             AND (run_at, id) < (?, ?){free} LIMIT {})",
        Obstacles::MOST_AHEAD
    );
    let ahead = one(db, &sql, params_from_iter(values), |row| count(row, 0))?;
    Ok(Obstacles {
        busy_with: busy_with.filter(|other| *other != job.id),
        ahead: ahead.unwrap_or_default(),
    })
}

/// The condition of a pause. `IS`, because a job without a guild is not of this guild, whatever SQL makes of nothing.
fn is_held(held: &Held, values: &mut Vec<Value>) -> String {
    let mut condition = "TRUE".to_owned();
    let named = [
        ("kind", held.kind.clone()),
        ("guild_id", held.guild_id.map(|id| id.to_string())),
        ("fingerprint", held.fingerprint.clone()),
    ];
    for (column, value) in named {
        if let Some(value) = value {
            condition.push_str(&format!(" AND {column} IS ?"));
            values.push(value.into());
        }
    }
    condition
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

pub(super) fn mark_unsent(db: &Connection, ids: &[JobId]) -> Result<()> {
    for id in ids {
        change(
            db,
            "UPDATE rolecall_jobs SET sent_at = NULL \
             WHERE id = ?1 AND state IN ('scheduled', 'available', 'retryable')",
            [id.to_string()],
        )?;
    }
    Ok(())
}

/// The note of sending goes, too: it has to be sent again when its time has come.
/// `false`: it does not wait.
pub(super) fn defer(db: &Connection, id: JobId, until: Timestamp, now: Timestamp) -> Result<bool> {
    let put_off = change(
        db,
        "UPDATE rolecall_jobs SET run_at = ?2, sent_at = NULL, \
             state = CASE WHEN state = 'available' AND ?2 > ?3 THEN 'scheduled' ELSE state END \
         WHERE id = ?1 AND state IN ('scheduled', 'available', 'retryable')",
        params![id.to_string(), until.0, now.0],
    )?;
    Ok(put_off == 1)
}
