//! Who did what: `rolecall_audit`.

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{self, Bson, Document, doc};
use rolecall_core::audit::AuditRecord;
use rolecall_core::error::StoreError;
use rolecall_core::ports::Audit;
use rolecall_core::time::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::MongoStore;
use super::documents::{Fields, all, date};
use super::errors::{is_duplicate, store_error};

/// The name of the collection.
pub(super) const AUDIT: &str = "rolecall_audit";

impl MongoStore {
    fn audit(&self) -> Collection<Document> {
        self.collection(AUDIT)
    }
}

fn read(doc: &Document) -> Result<AuditRecord, StoreError> {
    let f = Fields::new(AUDIT, doc);
    let told = |field: &str| {
        let value = f.value(field).cloned().map(bson::from_bson::<Value>);
        value.transpose().map_err(|_| f.broken(field, "JSON"))
    };
    Ok(AuditRecord {
        id: f.parsed("_id")?,
        at: f.at("at")?,
        actor: f.text("actor")?,
        action: f.text("action")?,
        target: f.text("target")?,
        before: told("before")?,
        after: told("after")?,
        request_id: f.opt_text("request_id")?,
    })
}

fn written(record: &AuditRecord) -> Result<Document, StoreError> {
    let told = |value: &Option<Value>| {
        let value = value.as_ref().map_or(Ok(Bson::Null), bson::to_bson);
        value.map_err(|e| StoreError::Corrupt(format!("audit record {} cannot be stored: {e}", record.id)))
    };
    Ok(doc! {
        "_id": record.id.to_string(),
        "at": date(record.at),
        "actor": &record.actor,
        "action": &record.action,
        "target": &record.target,
        "before": told(&record.before)?,
        "after": told(&record.after)?,
        "request_id": record.request_id.as_deref(),
    })
}

#[async_trait]
impl Audit for MongoStore {
    async fn append(&self, record: &AuditRecord) -> Result<(), StoreError> {
        match self.audit().insert_one(written(record)?).await {
            Ok(_) => Ok(()),
            // It was appended before, and perhaps blanked since.
            Err(error) if is_duplicate(&error) => Ok(()),
            Err(error) => Err(store_error(error)),
        }
    }

    async fn list(
        &self,
        target: Option<&str>,
        after: Option<(Timestamp, Uuid)>,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut filter = target.map_or_else(Document::new, |target| doc! { "target": target });
        if let Some((at, id)) = after {
            let at = date(at);
            let older = [
                doc! { "at": { "$lt": at } },
                doc! { "at": at, "_id": { "$lt": id.to_string() } },
            ];
            filter.insert("$or", older.to_vec());
        }
        let audit = self.audit();
        let query = audit
            .find(filter)
            .sort(doc! { "at": -1, "_id": -1 })
            .limit(i64::try_from(limit).unwrap_or(i64::MAX));
        all(query).await?.iter().map(read).collect()
    }

    async fn blank(&self, target: &str) -> Result<u64, StoreError> {
        let told = doc! { "target": target, "$or": [
            { "before": { "$ne": Bson::Null } },
            { "after": { "$ne": Bson::Null } },
        ] };
        let nothing = doc! { "$set": { "before": Bson::Null, "after": Bson::Null } };
        let blanked = self.audit().update_many(told, nothing).await;
        Ok(blanked.map_err(store_error)?.matched_count)
    }
}
