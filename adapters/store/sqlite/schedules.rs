//! What is remembered of schedules (`rolecall_schedules`, `rolecall_schedule_ticks`).

use async_trait::async_trait;
use rolecall_core::error::StoreError;
use rolecall_core::ports::Schedules;
use rolecall_core::schedule::{ScheduleState, TICKS_KEPT, TickOutcome, TickRecord};
use rolecall_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::sql::{Result, all, change, count, id_or_none, limit as at_most, name as named, text};

#[async_trait]
impl Schedules for SqliteStore {
    async fn states(&self) -> std::result::Result<Vec<ScheduleState>, StoreError> {
        self.read(|db| {
            all(
                db,
                "SELECT name, enabled, seen_until, missed, changed_by, changed_at FROM rolecall_schedules ORDER BY name",
                [],
                state,
            )
        })
        .await
    }

    async fn begin(&self, name: &str, at: Timestamp) -> std::result::Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |db, _| {
            change(
                db,
                "INSERT INTO rolecall_schedules (name, enabled, seen_until, missed) VALUES (?1, 1, ?2, 0) \
                 ON CONFLICT (name) DO NOTHING",
                params![name, at.0],
            )?;
            Ok(())
        })
        .await
    }

    async fn see(
        &self,
        name: &str,
        from: Timestamp,
        until: Timestamp,
        missed: u64,
    ) -> std::result::Result<bool, StoreError> {
        let (name, missed) = (name.to_owned(), i64::try_from(missed).unwrap_or(i64::MAX));
        self.write(move |db, _| {
            let changed = change(
                db,
                "UPDATE rolecall_schedules SET seen_until = ?3, missed = missed + ?4 \
                 WHERE name = ?1 AND seen_until = ?2",
                params![name, from.0, until.0, missed],
            )?;
            Ok(changed == 1)
        })
        .await
    }

    async fn switch(
        &self,
        name: &str,
        enabled: bool,
        by: &str,
        at: Timestamp,
    ) -> std::result::Result<bool, StoreError> {
        let (name, by) = (name.to_owned(), by.to_owned());
        self.write(move |db, _| {
            // One that is not known yet is on.
            change(
                db,
                "INSERT INTO rolecall_schedules (name, enabled, seen_until, missed) VALUES (?1, 1, ?2, 0) \
                 ON CONFLICT (name) DO NOTHING",
                params![name, at.0],
            )?;
            let changed = change(
                db,
                "UPDATE rolecall_schedules SET enabled = ?2, changed_by = ?3, changed_at = ?4, \
                     seen_until = CASE WHEN ?2 THEN max(seen_until, ?4) ELSE seen_until END \
                 WHERE name = ?1 AND enabled <> ?2",
                params![name, enabled, by, at.0],
            )?;
            Ok(changed == 1)
        })
        .await
    }

    async fn note(&self, tick: &TickRecord) -> std::result::Result<(), StoreError> {
        let tick = tick.clone();
        self.write(move |db, _| note(db, &tick)).await
    }

    async fn ticks(&self, name: &str, limit: usize) -> std::result::Result<Vec<TickRecord>, StoreError> {
        let name = name.to_owned();
        self.read(move |db| {
            all(
                db,
                "SELECT schedule, at, outcome, made, asked_by, noted_at FROM rolecall_schedule_ticks \
                 WHERE schedule = ?1 ORDER BY at DESC LIMIT ?2",
                params![name, at_most(limit)],
                tick_record,
            )
        })
        .await
    }
}

fn note(db: &Connection, tick: &TickRecord) -> Result<()> {
    change(
        db,
        "INSERT INTO rolecall_schedule_ticks (schedule, at, outcome, made, asked_by, noted_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (schedule, at) DO UPDATE SET outcome = excluded.outcome, made = excluded.made, \
             asked_by = excluded.asked_by, noted_at = excluded.noted_at \
         WHERE outcome <> ?7 AND excluded.outcome <> ?8",
        params![
            tick.schedule,
            tick.at.0,
            tick.outcome.as_str(),
            text(tick.made),
            tick.by,
            tick.noted_at.0,
            TickOutcome::Begun.as_str(),
            TickOutcome::Missed.as_str(),
        ],
    )?;
    change(
        db,
        "DELETE FROM rolecall_schedule_ticks WHERE schedule = ?1 AND at <= ( \
             SELECT at FROM rolecall_schedule_ticks WHERE schedule = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2)",
        params![tick.schedule, at_most(TICKS_KEPT)],
    )?;
    Ok(())
}

fn state(row: &Row<'_>) -> Result<ScheduleState> {
    let (by, at): (Option<String>, Option<i64>) = (row.get(4)?, row.get(5)?);
    Ok(ScheduleState {
        name: row.get(0)?,
        enabled: row.get(1)?,
        seen_until: Timestamp(row.get(2)?),
        missed: count(row, 3)?,
        changed: by.zip(at.map(Timestamp)),
    })
}

fn tick_record(row: &Row<'_>) -> Result<TickRecord> {
    Ok(TickRecord {
        schedule: row.get(0)?,
        at: Timestamp(row.get(1)?),
        outcome: named(row, 2, TickOutcome::from_name)?,
        made: id_or_none(row, 3)?,
        by: row.get(4)?,
        noted_at: Timestamp(row.get(5)?),
    })
}
