//! Who did what (`rolecall_audit`), and where the chain of it begins and ends (`rolecall_audit_ends`).
//!
//! A write transaction has the file for itself, so whoever appends sees the newest head.

use async_trait::async_trait;
use rolecall_core::audit::{AuditFilter, AuditRecord, Draft, Ends, Mark, Via};
use rolecall_core::error::StoreError;
use rolecall_core::ports::Audit;
use rolecall_core::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};
use uuid::Uuid;

use super::SqliteStore;
use super::sql::{Result, all, change, count, id, json_or_none, limit as at_most, name, one, to_json};

const COLUMNS: &str = "seq, id, at, actor, via, action, target, before, after, reason, request_id, salt, details, \
                       adopted, prev, hash";

#[async_trait]
impl Audit for SqliteStore {
    async fn append(&self, draft: &Draft) -> std::result::Result<AuditRecord, StoreError> {
        let draft = draft.clone();
        self.write(move |db, _| append(db, &draft)).await
    }

    async fn list(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> std::result::Result<Vec<AuditRecord>, StoreError> {
        let filter = filter.clone();
        self.read(move |db| list(db, &filter, before, limit)).await
    }

    async fn after(&self, seq: u64, limit: usize) -> std::result::Result<Vec<AuditRecord>, StoreError> {
        self.read(move |db| {
            let from = seq.max(ends(db)?.pruned.seq);
            all(
                db,
                &format!("SELECT {COLUMNS} FROM rolecall_audit WHERE seq > ?1 ORDER BY seq LIMIT ?2"),
                params![whole(from), at_most(limit)],
                record,
            )
        })
        .await
    }

    async fn ends(&self) -> std::result::Result<Ends, StoreError> {
        self.read(ends).await
    }

    async fn erase(&self, subject: &str) -> std::result::Result<u64, StoreError> {
        let subject = subject.to_owned();
        self.write(move |db, _| {
            let erased = change(
                db,
                "UPDATE rolecall_audit SET before = NULL, after = NULL, reason = NULL, salt = NULL WHERE target = ?1 \
                 AND (before IS NOT NULL OR after IS NOT NULL OR reason IS NOT NULL)",
                [&subject],
            )?;
            Ok(rows(erased))
        })
        .await
    }

    async fn prunable(&self, before: Timestamp) -> std::result::Result<Option<Mark>, StoreError> {
        self.read(move |db| {
            let (pruned, head) = {
                let ends = ends(db)?;
                (ends.pruned.seq, ends.head.seq)
            };
            // The first that is young enough stays, and so does the newest.
            let kept = one(
                db,
                "SELECT seq FROM rolecall_audit WHERE at >= ?1 ORDER BY seq LIMIT 1",
                [before.0],
                |row| count(row, 0),
            )?;
            let last = kept.unwrap_or(head).min(head).saturating_sub(1);
            if last <= pruned {
                return Ok(None);
            }
            one(
                db,
                "SELECT seq, hash FROM rolecall_audit WHERE seq = ?1",
                [whole(last)],
                |row| mark(row, 0),
            )
        })
        .await
    }

    async fn prune(&self, last: &Mark, limit: usize) -> std::result::Result<u64, StoreError> {
        let last = last.clone();
        self.write(move |db, _| {
            change(
                db,
                "UPDATE rolecall_audit_ends SET pruned_seq = ?1, pruned_hash = ?2 WHERE pruned_seq < ?1",
                params![whole(last.seq), last.hash],
            )?;
            let deleted = change(
                db,
                "DELETE FROM rolecall_audit WHERE seq IN ( \
                     SELECT seq FROM rolecall_audit WHERE seq <= ?1 ORDER BY seq LIMIT ?2)",
                params![whole(last.seq), at_most(limit)],
            )?;
            Ok(rows(deleted))
        })
        .await
    }
}

fn whole(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

fn rows(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn append(db: &Connection, draft: &Draft) -> Result<AuditRecord> {
    let known = one(
        db,
        &format!("SELECT {COLUMNS} FROM rolecall_audit WHERE id = ?1"),
        [draft.id.to_string()],
        record,
    )?;
    if let Some(known) = known {
        return Ok(known);
    }
    let head = ends(db)?.head;
    let record = AuditRecord::chained(draft.clone(), head.seq + 1, &head.hash);
    let before = record.before.as_ref().map(to_json).transpose()?;
    let after = record.after.as_ref().map(to_json).transpose()?;
    change(
        db,
        &format!(
            "INSERT INTO rolecall_audit ({COLUMNS}) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
        ),
        params![
            whole(record.seq),
            record.id.to_string(),
            record.at.0,
            record.actor,
            record.via.as_str(),
            record.action,
            record.subject,
            before,
            after,
            record.reason,
            record.request_id,
            record.salt,
            record.details,
            record.adopted,
            record.prev,
            record.hash,
        ],
    )?;
    set_head(db, &Mark::from(&record))?;
    Ok(record)
}

fn set_head(db: &Connection, head: &Mark) -> Result<()> {
    let start = Mark::default();
    change(
        db,
        "INSERT INTO rolecall_audit_ends (id, pruned_seq, pruned_hash, head_seq, head_hash) VALUES (1, ?1, ?2, ?3, ?4) \
         ON CONFLICT (id) DO UPDATE SET head_seq = excluded.head_seq, head_hash = excluded.head_hash",
        params![whole(start.seq), start.hash, whole(head.seq), head.hash],
    )?;
    Ok(())
}

fn mark(row: &Row<'_>, column: usize) -> Result<Mark> {
    Ok(Mark {
        seq: count(row, column)?,
        hash: row.get(column + 1)?,
    })
}

fn ends(db: &Connection) -> Result<Ends> {
    let found = one(
        db,
        "SELECT pruned_seq, pruned_hash, head_seq, head_hash FROM rolecall_audit_ends",
        [],
        |row| {
            Ok(Ends {
                pruned: mark(row, 0)?,
                head: mark(row, 2)?,
            })
        },
    )?;
    Ok(found.unwrap_or_default())
}

pub(super) fn list(
    db: &Connection,
    filter: &AuditFilter,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<AuditRecord>> {
    // A row that another version wrote has no place yet.
    let mut condition = "seq > ?".to_owned();
    let mut values: Vec<Value> = vec![whole(ends(db)?.pruned.seq).into()];
    let texts = [
        (" AND actor = ?", filter.actor.as_ref()),
        (" AND action = ?", filter.action.as_ref()),
        (" AND target = ?", filter.subject.as_ref()),
    ];
    let numbers = [
        (" AND at >= ?", filter.since.map(|at| at.0)),
        (" AND at < ?", filter.until.map(|at| at.0)),
        (" AND seq < ?", before.map(whole)),
    ];
    for (sql, value) in texts {
        if let Some(value) = value {
            condition.push_str(sql);
            values.push(value.clone().into());
        }
    }
    for (sql, value) in numbers {
        if let Some(value) = value {
            condition.push_str(sql);
            values.push(value.into());
        }
    }
    all(
        db,
        &format!(
            "SELECT {COLUMNS} FROM rolecall_audit WHERE {condition} ORDER BY seq DESC LIMIT {}",
            at_most(limit)
        ),
        params_from_iter(values),
        record,
    )
}

fn record(row: &Row<'_>) -> Result<AuditRecord> {
    Ok(AuditRecord {
        seq: count(row, 0)?,
        id: id(row, 1)?,
        at: Timestamp(row.get(2)?),
        actor: row.get(3)?,
        via: name(row, 4, Via::from_name)?,
        action: row.get(5)?,
        subject: row.get(6)?,
        before: json_or_none(row, 7)?,
        after: json_or_none(row, 8)?,
        reason: row.get(9)?,
        request_id: row.get(10)?,
        salt: row.get(11)?,
        details: row.get(12)?,
        adopted: row.get(13)?,
        prev: row.get(14)?,
        hash: row.get(15)?,
    })
}

/// A row from before the chain: id, at, actor, action, target, before, after, request id.
fn unchained(row: &Row<'_>) -> Result<AuditRecord> {
    let actor: String = row.get(2)?;
    Ok(AuditRecord {
        seq: 0,
        id: id(row, 0)?,
        at: Timestamp(row.get(1)?),
        via: Via::of_actor(&actor),
        actor,
        action: row.get(3)?,
        subject: row.get(4)?,
        before: json_or_none(row, 5)?,
        after: json_or_none(row, 6)?,
        reason: None,
        request_id: row.get(7)?,
        salt: Some(Uuid::new_v4().simple().to_string()),
        details: String::new(),
        adopted: true,
        prev: String::new(),
        hash: String::new(),
    })
}

/// Takes rows from before the chain into it, the oldest first, and marks them.
pub(super) fn adopt(db: &Connection) -> Result<()> {
    let old = all(
        db,
        "SELECT id, at, actor, action, target, before, after, request_id FROM rolecall_audit WHERE seq IS NULL \
         ORDER BY at, id",
        [],
        unchained,
    )?;
    let mut head = ends(db)?.head;
    for mut record in old {
        record.seq = head.seq + 1;
        record.prev = head.hash;
        record.seal();
        change(
            db,
            "UPDATE rolecall_audit SET seq = ?2, via = ?3, salt = ?4, details = ?5, prev = ?6, hash = ?7, adopted = 1 \
             WHERE id = ?1",
            params![
                record.id.to_string(),
                whole(record.seq),
                record.via.as_str(),
                record.salt,
                record.details,
                record.prev,
                record.hash,
            ],
        )?;
        head = Mark::from(&record);
    }
    if head.seq > 0 {
        set_head(db, &head)?;
    }
    Ok(())
}
