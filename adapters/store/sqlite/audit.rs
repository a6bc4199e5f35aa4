//! Who did what (`rolecall_audit`).

use async_trait::async_trait;
use rolecall_core::audit::AuditRecord;
use rolecall_core::error::StoreError;
use rolecall_core::ports::Audit;
use rolecall_core::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};
use uuid::Uuid;

use super::SqliteStore;
use super::sql::{Result, all, change, id, json_or_none, limit as at_most, to_json};

#[async_trait]
impl Audit for SqliteStore {
    async fn append(&self, record: &AuditRecord) -> std::result::Result<(), StoreError> {
        let record = record.clone();
        self.write(move |db, _| append(db, &record)).await
    }

    async fn list(
        &self,
        target: Option<&str>,
        after: Option<(Timestamp, Uuid)>,
        limit: usize,
    ) -> std::result::Result<Vec<AuditRecord>, StoreError> {
        let target = target.map(str::to_owned);
        self.read(move |db| list(db, target, after, limit)).await
    }

    async fn blank(&self, target: &str) -> std::result::Result<u64, StoreError> {
        let target = target.to_owned();
        self.write(move |db, _| {
            let blanked = change(
                db,
                "UPDATE rolecall_audit SET before = NULL, after = NULL \
                 WHERE target = ?1 AND (before IS NOT NULL OR after IS NOT NULL)",
                [&target],
            )?;
            Ok(u64::try_from(blanked).unwrap_or(u64::MAX))
        })
        .await
    }
}

fn append(db: &Connection, record: &AuditRecord) -> Result<()> {
    change(
        db,
        "INSERT INTO rolecall_audit (id, at, actor, action, target, before, after, request_id) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO NOTHING",
        params![
            record.id.to_string(),
            record.at.0,
            record.actor,
            record.action,
            record.target,
            told(record.before.as_ref()).map(to_json).transpose()?,
            told(record.after.as_ref()).map(to_json).transpose()?,
            record.request_id,
        ],
    )?;
    Ok(())
}

/// A null that is told is the same as nothing.
fn told(value: Option<&serde_json::Value>) -> Option<&serde_json::Value> {
    value.filter(|value| !value.is_null())
}

fn list(
    db: &Connection,
    target: Option<String>,
    after: Option<(Timestamp, Uuid)>,
    limit: usize,
) -> Result<Vec<AuditRecord>> {
    let mut condition = "TRUE".to_owned();
    let mut values: Vec<Value> = Vec::new();
    if let Some(target) = target {
        condition.push_str(" AND target = ?");
        values.push(target.into());
    }
    if let Some((at, id)) = after {
        condition.push_str(" AND (at, id) < (?, ?)");
        values.push(at.0.into());
        values.push(id.to_string().into());
    }
    all(
        db,
        &format!(
            "SELECT id, at, actor, action, target, before, after, request_id FROM rolecall_audit \
             WHERE {condition} ORDER BY at DESC, id DESC LIMIT {}",
            at_most(limit)
        ),
        params_from_iter(values),
        record,
    )
}

fn record(row: &Row<'_>) -> Result<AuditRecord> {
    Ok(AuditRecord {
        id: id(row, 0)?,
        at: Timestamp(row.get(1)?),
        actor: row.get(2)?,
        action: row.get(3)?,
        target: row.get(4)?,
        before: json_or_none(row, 5)?,
        after: json_or_none(row, 6)?,
        request_id: row.get(7)?,
    })
}
