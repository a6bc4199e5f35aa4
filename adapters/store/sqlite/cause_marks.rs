//! What operators said of causes of dead letters (`rolecall_cause_marks`).

use async_trait::async_trait;
use rolecall_core::dead_letter::{Mark, Said};
use rolecall_core::error::StoreError;
use rolecall_core::ports::CauseMarks;
use rolecall_core::time::Timestamp;
use rusqlite::{Row, params};

use super::SqliteStore;
use super::errors::Fault;
use super::sql::{Result, all, change};

#[async_trait]
impl CauseMarks for SqliteStore {
    async fn put(&self, mark: &Mark) -> std::result::Result<(), StoreError> {
        let mark = mark.clone();
        self.write(move |db, _| {
            let until = match mark.said {
                Said::Resolved => None,
                Said::Ignored(until) => until,
            };
            change(
                db,
                "INSERT OR REPLACE INTO rolecall_cause_marks (fingerprint, said, until, at, author, reason) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    mark.fingerprint,
                    mark.said.as_str(),
                    until.map(|at| at.0),
                    mark.at.0,
                    mark.by,
                    mark.reason,
                ],
            )?;
            Ok(())
        })
        .await
    }

    async fn list(&self) -> std::result::Result<Vec<Mark>, StoreError> {
        self.read(|db| {
            all(
                db,
                "SELECT fingerprint, said, until, at, author, reason FROM rolecall_cause_marks ORDER BY fingerprint",
                [],
                mark,
            )
        })
        .await
    }

    async fn remove(&self, fingerprint: &str) -> std::result::Result<bool, StoreError> {
        let fingerprint = fingerprint.to_owned();
        self.write(move |db, _| {
            let sql = "DELETE FROM rolecall_cause_marks WHERE fingerprint = ?1";
            Ok(change(db, sql, [&fingerprint])? == 1)
        })
        .await
    }
}

fn mark(row: &Row<'_>) -> Result<Mark> {
    let said: String = row.get(1)?;
    let until = row.get::<_, Option<i64>>(2)?.map(Timestamp);
    Ok(Mark {
        fingerprint: row.get(0)?,
        said: Said::from_parts(&said, until).ok_or_else(|| Fault::unreadable(said))?,
        at: Timestamp(row.get(3)?),
        by: row.get(4)?,
        reason: row.get(5)?,
    })
}
