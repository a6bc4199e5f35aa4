//! Every stored secret.

use async_trait::async_trait;
use rolecall_core::error::StoreError;
use rolecall_core::ports::SealedFields;
use rolecall_core::secrets::{SecretKind, StoredSecret};
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::sql::{Result, all, change, limit as at_most};

#[async_trait]
impl SealedFields for SqliteStore {
    async fn page(
        &self,
        kind: SecretKind,
        after: Option<&str>,
        other_than: Option<&str>,
        limit: usize,
    ) -> std::result::Result<Vec<StoredSecret>, StoreError> {
        // An empty text is before every record's name, and the beginning of every text.
        let after = after.unwrap_or_default().to_owned();
        let other_than = other_than.map(str::to_owned);
        self.read(move |db| page(db, kind, &after, other_than.as_deref(), limit))
            .await
    }

    async fn replace(&self, secret: &StoredSecret, text: &str) -> std::result::Result<bool, StoreError> {
        let (secret, text) = (secret.clone(), text.to_owned());
        self.write(move |db, _| {
            let (table, field, name) = columns(secret.kind);
            let replaced = change(
                db,
                &format!("UPDATE {table} SET {field} = ?3 WHERE {name} = ?1 AND {field} = ?2"),
                [&secret.record, &secret.text, &text],
            )?;
            Ok(replaced == 1)
        })
        .await
    }
}

/// Table, column of the secret, and column that names the record.
const fn columns(kind: SecretKind) -> (&'static str, &'static str, &'static str) {
    (kind.collection(), kind.field(), kind.named_by())
}

fn page(
    db: &Connection,
    kind: SecretKind,
    after: &str,
    other_than: Option<&str>,
    limit: usize,
) -> Result<Vec<StoredSecret>> {
    let (table, field, name) = columns(kind);
    all(
        db,
        &format!(
            "SELECT {name}, {field} FROM {table} \
             WHERE {name} > ?1 AND {field} <> '' AND (?2 IS NULL OR substr({field}, 1, length(?2)) <> ?2) \
             ORDER BY {name} LIMIT ?3"
        ),
        params![after, other_than, at_most(limit)],
        |row| {
            let record: String = row.get(0)?;
            Ok(StoredSecret {
                kind,
                name: record.clone(),
                record,
                text: row.get(1)?,
            })
        },
    )
}
