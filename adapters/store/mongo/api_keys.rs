//! Keys of machines: `rolecall_api_keys`.

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{Bson, Document, doc};
use rolecall_core::api_key::{ApiKey, ApiKeyId, KeyHash, USE_NOTED_EVERY};
use rolecall_core::error::StoreError;
use rolecall_core::ports::ApiKeys;
use rolecall_core::time::Timestamp;

use super::MongoStore;
use super::documents::{Fields, all, date};
use super::errors::{is_duplicate, store_error};

/// The name of the collection.
pub(super) const API_KEYS: &str = "rolecall_api_keys";

impl MongoStore {
    fn api_keys(&self) -> Collection<Document> {
        self.collection(API_KEYS)
    }
}

fn read(doc: &Document) -> Result<ApiKey, StoreError> {
    let f = Fields::new(API_KEYS, doc);
    Ok(ApiKey {
        id: f.parsed("_id")?,
        name: f.text("name")?,
        scopes: f.texts("scopes")?.into_iter().collect(),
        hash: KeyHash(f.text("hash")?),
        created_by: f.text("created_by")?,
        created_at: f.at("created_at")?,
        expires_at: f.opt_at("expires_at")?,
        last_used_at: f.opt_at("last_used_at")?,
        revoked_at: f.opt_at("revoked_at")?,
    })
}

fn written(key: &ApiKey) -> Document {
    let scopes: Vec<&str> = key.scopes.iter().map(String::as_str).collect();
    doc! {
        "_id": key.id.as_str(),
        "name": &key.name,
        "scopes": scopes,
        "hash": &key.hash.0,
        "created_by": &key.created_by,
        "created_at": date(key.created_at),
        "expires_at": key.expires_at.map(date),
        "last_used_at": key.last_used_at.map(date),
        "revoked_at": key.revoked_at.map(date),
    }
}

#[async_trait]
impl ApiKeys for MongoStore {
    async fn insert(&self, key: &ApiKey) -> Result<bool, StoreError> {
        match self.api_keys().insert_one(written(key)).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(store_error(error)),
        }
    }

    async fn get(&self, id: &ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let found = self.api_keys().find_one(doc! { "_id": id.as_str() }).await;
        found.map_err(store_error)?.as_ref().map(read).transpose()
    }

    async fn list(&self) -> Result<Vec<ApiKey>, StoreError> {
        let keys = self.api_keys();
        let query = keys.find(doc! {}).sort(doc! { "created_at": -1, "_id": -1 });
        all(query).await?.iter().map(read).collect()
    }

    async fn revoke(&self, id: &ApiKeyId, at: Timestamp) -> Result<bool, StoreError> {
        let valid = doc! { "_id": id.as_str(), "revoked_at": Bson::Null };
        let revoked = doc! { "$set": { "revoked_at": date(at) } };
        let updated = self.api_keys().update_one(valid, revoked).await;
        Ok(updated.map_err(store_error)?.matched_count > 0)
    }

    async fn note_use(&self, id: &ApiKeyId, at: Timestamp) -> Result<bool, StoreError> {
        let due = doc! { "_id": id.as_str(), "$or": [
            { "last_used_at": Bson::Null },
            { "last_used_at": { "$lte": date(at - USE_NOTED_EVERY) } },
        ] };
        let noted = doc! { "$set": { "last_used_at": date(at) } };
        let updated = self.api_keys().update_one(due, noted).await;
        Ok(updated.map_err(store_error)?.matched_count > 0)
    }
}
