//! What processes tell of themselves (`rolecall_workers`).

use async_trait::async_trait;
use rolecall_core::error::StoreError;
use rolecall_core::ports::{Heard, Workers};
use rolecall_core::time::Timestamp;
use rolecall_core::worker::{Beat, Drain, KEPT, Process, Role, Worker};
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::sql::{Result, all, change, json, one, to_json};

#[async_trait]
impl Workers for SqliteStore {
    async fn beat(&self, process: &Process, told: &Beat) -> std::result::Result<Heard, StoreError> {
        let (process, told) = (process.clone(), *told);
        self.write(move |db, now| beat(db, &process, &told, now)).await
    }

    async fn list(&self, since: Timestamp) -> std::result::Result<Vec<Worker>, StoreError> {
        self.read(move |db| {
            all(
                db,
                "SELECT drain_by, drain_reason, drain_at, drain_exit, id, release, host, pid, roles, slots, started_at, \
                     running, drains, skew_ms, stopped, seen_at \
                 FROM rolecall_workers WHERE seen_at >= ?1 ORDER BY id",
                [since.0],
                worker,
            )
        })
        .await
    }

    async fn order_drain(&self, id: &str, order: Option<&Drain>) -> std::result::Result<bool, StoreError> {
        let (id, order) = (id.to_owned(), order.cloned());
        self.write(move |db, _| {
            let changed = change(
                db,
                "UPDATE rolecall_workers SET drain_by = ?2, drain_reason = ?3, drain_at = ?4, drain_exit = ?5 \
                 WHERE id = ?1",
                params![
                    id,
                    order.as_ref().map(|d| &d.by),
                    order.as_ref().map(|d| &d.reason),
                    order.as_ref().map(|d| d.at.0),
                    order.as_ref().map(|d| d.exit),
                ],
            )?;
            Ok(changed == 1)
        })
        .await
    }
}

fn beat(db: &Connection, process: &Process, told: &Beat, now: Timestamp) -> Result<Heard> {
    change(
        db,
        "INSERT INTO rolecall_workers (id, release, host, pid, roles, slots, started_at, running, drains, skew_ms, \
             stopped, seen_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
         ON CONFLICT (id) DO UPDATE SET running = excluded.running, drains = excluded.drains, \
             skew_ms = excluded.skew_ms, stopped = excluded.stopped, seen_at = excluded.seen_at",
        params![
            process.id,
            process.release,
            process.host,
            process.pid,
            to_json(&process.roles)?,
            process.slots,
            process.started_at.0,
            told.running,
            told.drains,
            told.skew_ms,
            told.stopped,
            now.0,
        ],
    )?;
    // A few rows: a look at each of them costs nothing.
    let forgotten = now - KEPT;
    change(
        db,
        "DELETE FROM rolecall_workers WHERE seen_at < ?1",
        [forgotten.0],
    )?;
    let order = one(
        db,
        "SELECT drain_by, drain_reason, drain_at, drain_exit FROM rolecall_workers WHERE id = ?1",
        [&process.id],
        drain,
    )?;
    Ok(Heard {
        now,
        drain: order.flatten(),
    })
}

/// The first four columns.
fn drain(row: &Row<'_>) -> Result<Option<Drain>> {
    let (by, at): (Option<String>, Option<i64>) = (row.get(0)?, row.get(2)?);
    let Some((by, at)) = by.zip(at) else {
        return Ok(None);
    };
    Ok(Some(Drain {
        by,
        reason: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
        at: Timestamp(at),
        exit: row.get::<_, Option<bool>>(3)?.unwrap_or_default(),
    }))
}

fn worker(row: &Row<'_>) -> Result<Worker> {
    Ok(Worker {
        drain: drain(row)?,
        process: Process {
            id: row.get(4)?,
            release: row.get(5)?,
            host: row.get(6)?,
            pid: row.get(7)?,
            roles: json::<Vec<Role>>(row, 8)?,
            slots: row.get(9)?,
            started_at: Timestamp(row.get(10)?),
        },
        beat: Beat {
            running: row.get(11)?,
            drains: row.get(12)?,
            skew_ms: row.get(13)?,
            stopped: row.get(14)?,
        },
        seen_at: Timestamp(row.get(15)?),
    })
}
