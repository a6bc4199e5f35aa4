//! What is wrong now, and was told (`rolecall_alarms`).

use async_trait::async_trait;
use rolecall_core::error::StoreError;
use rolecall_core::ports::Alarms;
use rolecall_core::time::Timestamp;
use rolecall_core::webhook::Alarm;
use rusqlite::{Row, params};

use super::SqliteStore;
use super::errors::Fault;
use super::sql::{Result, all, change, one};

#[async_trait]
impl Alarms for SqliteStore {
    async fn raise(&self, key: &str, since: Timestamp) -> std::result::Result<Alarm, StoreError> {
        let key = key.to_owned();
        self.write(move |db, _| {
            let sql = "INSERT INTO rolecall_alarms (key, since, told) VALUES (?1, ?2, 0) ON CONFLICT (key) DO NOTHING";
            change(db, sql, params![key, since.0])?;
            let stands = one(db, "SELECT key, since, told FROM rolecall_alarms WHERE key = ?1", [&key], alarm)?;
            stands.ok_or_else(|| Fault::unreadable("an alarm that was just stored is gone"))
        })
        .await
    }

    async fn told(&self, key: &str) -> std::result::Result<(), StoreError> {
        let key = key.to_owned();
        self.write(move |db, _| {
            change(db, "UPDATE rolecall_alarms SET told = 1 WHERE key = ?1", [&key]).map(drop)
        })
        .await
    }

    async fn clear(&self, key: &str) -> std::result::Result<bool, StoreError> {
        let key = key.to_owned();
        self.write(move |db, _| Ok(change(db, "DELETE FROM rolecall_alarms WHERE key = ?1", [&key])? == 1))
            .await
    }

    async fn list(&self) -> std::result::Result<Vec<Alarm>, StoreError> {
        self.read(|db| {
            all(
                db,
                "SELECT key, since, told FROM rolecall_alarms ORDER BY key",
                [],
                alarm,
            )
        })
        .await
    }
}

fn alarm(row: &Row<'_>) -> Result<Alarm> {
    Ok(Alarm {
        key: row.get(0)?,
        since: Timestamp(row.get(1)?),
        told: row.get(2)?,
    })
}
