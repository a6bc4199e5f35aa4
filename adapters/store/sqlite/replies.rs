//! Answers to requests with a key (`rolecall_replies`).

use async_trait::async_trait;
use rolecall_core::error::StoreError;
use rolecall_core::ports::Replies;
use rolecall_core::replies::{Admission, Asked, FREE, Kept, Reply, admit};
use rolecall_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::sql::{Result, change, id, id_or_none, json_or_none, limit as at_most, one, to_json};

#[async_trait]
impl Replies for SqliteStore {
    async fn begin(&self, asked: &Asked) -> std::result::Result<Admission, StoreError> {
        let asked = asked.clone();
        self.write(move |db, _| begin(db, &asked)).await
    }

    async fn end(&self, asked: &Asked, reply: Option<&Reply>) -> std::result::Result<(), StoreError> {
        let (key, holder, reply) = (asked.key.clone(), asked.holder.to_string(), reply.cloned());
        self.write(move |db, _| {
            match &reply {
                Some(reply) => change(
                    db,
                    "UPDATE rolecall_replies SET reply = ?3 WHERE key = ?1 AND holder = ?2",
                    params![key, holder, to_json(reply)?],
                )?,
                None => change(
                    db,
                    "UPDATE rolecall_replies SET at = ?3 WHERE key = ?1 AND holder = ?2",
                    params![key, holder, FREE.0],
                )?,
            };
            Ok(())
        })
        .await
    }

    async fn prune(&self, now: Timestamp, limit: usize) -> std::result::Result<u64, StoreError> {
        self.write(move |db, _| {
            let deleted = change(
                db,
                "DELETE FROM rolecall_replies WHERE key IN ( \
                     SELECT key FROM rolecall_replies WHERE until <= ?1 ORDER BY until LIMIT ?2)",
                params![now.0, at_most(limit)],
            )?;
            Ok(u64::try_from(deleted).unwrap_or(u64::MAX))
        })
        .await
    }
}

fn begin(db: &Connection, asked: &Asked) -> Result<Admission> {
    let found = one(
        db,
        "SELECT fingerprint, holder, at, until, reply, work FROM rolecall_replies WHERE key = ?1",
        [&asked.key],
        kept,
    )?;
    let admission = admit(found.as_ref(), asked);
    if let Admission::Go { work } = admission {
        change(
            db,
            "INSERT OR REPLACE INTO rolecall_replies (key, fingerprint, holder, at, until, work) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                asked.key,
                asked.fingerprint,
                asked.holder.to_string(),
                asked.at.0,
                asked.until.0,
                work.to_string(),
            ],
        )?;
    }
    Ok(admission)
}

fn kept(row: &Row<'_>) -> Result<Kept> {
    let holder = id(row, 1)?;
    Ok(Kept {
        fingerprint: row.get(0)?,
        holder,
        work: id_or_none(row, 5)?.unwrap_or(holder),
        at: Timestamp(row.get(2)?),
        until: Timestamp(row.get(3)?),
        reply: json_or_none(row, 4)?,
    })
}
