//! Keys of machines (`rolecall_api_keys`).

use async_trait::async_trait;
use rolecall_core::api_key::{ApiKey, ApiKeyId, KeyHash, USE_NOTED_EVERY};
use rolecall_core::error::StoreError;
use rolecall_core::ports::ApiKeys;
use rolecall_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::sql::{Result, all, change, id, json, one, to_json};

const COLUMNS: &str = "id, name, scopes, hash, created_by, created_at, expires_at, last_used_at, revoked_at";

#[async_trait]
impl ApiKeys for SqliteStore {
    async fn insert(&self, key: &ApiKey) -> std::result::Result<bool, StoreError> {
        let key = key.clone();
        self.write(move |db, _| insert(db, &key)).await
    }

    async fn get(&self, id: &ApiKeyId) -> std::result::Result<Option<ApiKey>, StoreError> {
        let id = id.clone();
        self.read(move |db| {
            let sql = format!("SELECT {COLUMNS} FROM rolecall_api_keys WHERE id = ?1");
            one(db, &sql, [id.as_str()], key)
        })
        .await
    }

    async fn list(&self) -> std::result::Result<Vec<ApiKey>, StoreError> {
        self.read(|db| {
            let sql = format!("SELECT {COLUMNS} FROM rolecall_api_keys ORDER BY created_at DESC, id DESC");
            all(db, &sql, [], key)
        })
        .await
    }

    async fn revoke(&self, id: &ApiKeyId, at: Timestamp) -> std::result::Result<bool, StoreError> {
        let id = id.clone();
        self.write(move |db, _| {
            let sql = "UPDATE rolecall_api_keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
            Ok(change(db, sql, params![id.as_str(), at.0])? > 0)
        })
        .await
    }

    async fn note_use(&self, id: &ApiKeyId, at: Timestamp) -> std::result::Result<bool, StoreError> {
        let id = id.clone();
        self.write(move |db, _| {
            let sql = "UPDATE rolecall_api_keys SET last_used_at = ?2 \
                       WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at <= ?3)";
            Ok(change(db, sql, params![id.as_str(), at.0, (at - USE_NOTED_EVERY).0])? > 0)
        })
        .await
    }
}

fn insert(db: &Connection, key: &ApiKey) -> Result<bool> {
    let stored = change(
        db,
        &format!(
            "INSERT INTO rolecall_api_keys ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
             ON CONFLICT (id) DO NOTHING"
        ),
        params![
            key.id.as_str(),
            key.name,
            to_json(&key.scopes)?,
            key.hash.0,
            key.created_by,
            key.created_at.0,
            key.expires_at.map(|at| at.0),
            key.last_used_at.map(|at| at.0),
            key.revoked_at.map(|at| at.0),
        ],
    )?;
    Ok(stored > 0)
}

fn key(row: &Row<'_>) -> Result<ApiKey> {
    let moment = |column: usize| -> Result<_> { Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp)) };
    Ok(ApiKey {
        id: id(row, 0)?,
        name: row.get(1)?,
        scopes: json(row, 2)?,
        hash: KeyHash(row.get(3)?),
        created_by: row.get(4)?,
        created_at: Timestamp(row.get(5)?),
        expires_at: moment(6)?,
        last_used_at: moment(7)?,
        revoked_at: moment(8)?,
    })
}
