//! The store itself.

use std::sync::mpsc;
use std::time::Duration;

use async_trait::async_trait;
use rolecall_core::error::StoreError;
use rolecall_core::ports::StoreHealth;
use rusqlite::Connection;

use super::SqliteStore;
use super::schema;
use super::sql::{Result, all, one};

#[async_trait]
impl StoreHealth for SqliteStore {
    async fn ping(&self) -> std::result::Result<(), StoreError> {
        self.read(|db| {
            // A look at a table and not only `SELECT 1`, which needs no file.
            one(db, "SELECT 1 FROM rolecall_jobs LIMIT 1", [], |_| Ok(()))?;
            Ok(())
        })
        .await?;
        if self.inner.writer.is_failing() {
            // Reading needs no room on the disk, so it is tried whether there is some again.
            self.try_writing().await?;
        }
        Ok(())
    }

    async fn try_writing(&self) -> std::result::Result<(), StoreError> {
        self.write(|db, _| {
            let version = schema::version(db)?;
            Ok(db.pragma_update(None, "user_version", version)?)
        })
        .await
    }

    async fn prepare(&self) -> std::result::Result<Vec<String>, StoreError> {
        // Opening the file has made everything; this only looks whether it is still so.
        let found = self.read(schema::version).await?;
        if found == schema::newest() {
            return Ok(Vec::new());
        }
        Ok(vec![format!(
            "The data file is of version {found} now, and this program knows {}: another rolecall changed it. \
             Restart this one, with the newest program.",
            schema::newest()
        )])
    }

    async fn describe(&self) -> std::result::Result<Vec<(String, String)>, StoreError> {
        let version = self.read(schema::version).await?;
        let path = &self.inner.path;
        let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
        Ok([
            ("kind", format!("SQLite {}", rusqlite::version())),
            ("file", path.display().to_string()),
            ("size", format!("{} MB", bytes.div_ceil(1_000_000))),
            ("version", version.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into())
    }
}

/// As [`check`], for so long at most. `None`: that was not enough.
pub(super) fn check_for(db: &Connection, most: Duration) -> Result<Option<Vec<String>>> {
    let (handle, (done, is_done)) = (db.get_interrupt_handle(), mpsc::channel::<()>());
    let watch = std::thread::spawn(move || {
        if is_done.recv_timeout(most) == Err(mpsc::RecvTimeoutError::Timeout) {
            handle.interrupt();
        }
    });
    let found = check(db);
    drop(done);
    // It only waits for the end of the channel.
    let _ = watch.join();
    match found {
        Ok(found) => Ok(Some(found)),
        Err(fault) if fault.is_interrupted() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// What is damaged, in SQLite's words.
pub(super) fn check(db: &Connection) -> Result<Vec<String>> {
    let found = all(db, "PRAGMA quick_check", [], |row| Ok(row.get::<_, String>(0)?))?;
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}
