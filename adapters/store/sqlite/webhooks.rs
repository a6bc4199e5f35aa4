//! Who is told of events (`rolecall_webhooks`).

use async_trait::async_trait;
use rolecall_core::error::StoreError;
use rolecall_core::ports::Webhooks;
use rolecall_core::webhook::{EndpointId, StoredEndpoint};
use rusqlite::{Row, params};

use super::SqliteStore;
use super::sql::{Result, all, change, json, one, to_json};

const SELECT: &str = "SELECT document, revision, secret, old_secret FROM rolecall_webhooks";

#[async_trait]
impl Webhooks for SqliteStore {
    async fn insert(&self, new: &StoredEndpoint) -> std::result::Result<bool, StoreError> {
        let new = new.clone();
        self.write(move |db, _| {
            let sql = "INSERT INTO rolecall_webhooks (webhook_id, revision, secret, old_secret, created_at, document) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (webhook_id) DO NOTHING";
            let stored = change(
                db,
                sql,
                params![
                    new.endpoint.id.to_string(),
                    new.revision,
                    new.secret,
                    new.old_secret,
                    new.endpoint.created_at.0,
                    to_json(&new.endpoint)?,
                ],
            )?;
            Ok(stored == 1)
        })
        .await
    }

    async fn get(&self, id: EndpointId) -> std::result::Result<Option<StoredEndpoint>, StoreError> {
        self.read(move |db| {
            one(
                db,
                &format!("{SELECT} WHERE webhook_id = ?1"),
                [id.to_string()],
                endpoint,
            )
        })
        .await
    }

    async fn list(&self) -> std::result::Result<Vec<StoredEndpoint>, StoreError> {
        self.read(|db| {
            all(
                db,
                &format!("{SELECT} ORDER BY created_at, webhook_id"),
                [],
                endpoint,
            )
        })
        .await
    }

    async fn replace(
        &self,
        old: &StoredEndpoint,
        new: &StoredEndpoint,
    ) -> std::result::Result<bool, StoreError> {
        let (old, new) = (old.clone(), new.clone());
        self.write(move |db, _| {
            let sql = "UPDATE rolecall_webhooks SET revision = revision + 1, secret = ?5, old_secret = ?6, document = ?7 \
                       WHERE webhook_id = ?1 AND revision = ?2 AND secret = ?3 AND old_secret = ?4";
            let replaced = change(
                db,
                sql,
                params![
                    old.endpoint.id.to_string(),
                    old.revision,
                    old.secret,
                    old.old_secret,
                    new.secret,
                    new.old_secret,
                    to_json(&new.endpoint)?,
                ],
            )?;
            Ok(replaced == 1)
        })
        .await
    }

    async fn remove(&self, id: EndpointId) -> std::result::Result<bool, StoreError> {
        self.write(move |db, _| {
            let sql = "DELETE FROM rolecall_webhooks WHERE webhook_id = ?1";
            Ok(change(db, sql, [id.to_string()])? == 1)
        })
        .await
    }
}

fn endpoint(row: &Row<'_>) -> Result<StoredEndpoint> {
    Ok(StoredEndpoint {
        endpoint: json(row, 0)?,
        revision: row.get(1)?,
        secret: row.get(2)?,
        old_secret: row.get(3)?,
    })
}
