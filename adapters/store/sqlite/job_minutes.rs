//! How many jobs ended, by minute (`rolecall_job_minutes`): a row a count.

use async_trait::async_trait;
use rolecall_core::error::StoreError;
use rolecall_core::job::Lane;
use rolecall_core::ports::JobMinutes;
use rolecall_core::throughput::{Counts, KEPT, Minute};
use rolecall_core::time::Timestamp;
use rusqlite::params;

use super::SqliteStore;
use super::sql::{all, change, count, name};

#[async_trait]
impl JobMinutes for SqliteStore {
    async fn add(&self, minutes: &[Minute]) -> Result<(), StoreError> {
        if minutes.is_empty() {
            return Ok(());
        }
        let minutes = minutes.to_vec();
        self.write(move |db, now| {
            for minute in &minutes {
                for (what, n) in minute.counts.named() {
                    let n = i64::try_from(n).unwrap_or(i64::MAX);
                    change(
                        db,
                        "INSERT INTO rolecall_job_minutes (minute, lane, count, n) VALUES (?1, ?2, ?3, ?4) \
                         ON CONFLICT (minute, lane, count) DO UPDATE SET n = n + excluded.n",
                        params![minute.at.0, minute.lane.as_str(), what, n],
                    )?;
                }
            }
            let forgotten = now - KEPT;
            change(
                db,
                "DELETE FROM rolecall_job_minutes WHERE minute < ?1",
                [forgotten.0],
            )?;
            Ok(())
        })
        .await
    }

    async fn since(&self, from: Timestamp) -> Result<Vec<Minute>, StoreError> {
        let rows = self
            .read(move |db| {
                all(
                    db,
                    "SELECT minute, lane, count, n FROM rolecall_job_minutes WHERE minute >= ?1 ORDER BY minute, lane",
                    [from.0],
                    |row| {
                        let lane = name(row, 1, Lane::from_name)?;
                        Ok((Timestamp(row.get(0)?), lane, row.get::<_, String>(2)?, count(row, 3)?))
                    },
                )
            })
            .await?;
        let mut minutes: Vec<Minute> = Vec::new();
        for (at, lane, what, n) in rows {
            if minutes.last().is_none_or(|m| (m.at, m.lane) != (at, lane)) {
                let counts = Counts::default();
                minutes.push(Minute { at, lane, counts });
            }
            if let Some(minute) = minutes.last_mut() {
                minute.counts.add_named(&what, n);
            }
        }
        Ok(minutes)
    }
}
