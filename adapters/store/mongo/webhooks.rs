//! Who is told of events: `rolecall_webhooks`.

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::ports::Webhooks;
use rolecall_core::webhook::{Endpoint, EndpointId, StoredEndpoint};

use super::MongoStore;
use super::documents::{Fields, all, date};
use super::errors::{is_duplicate, store_error};

/// The name of the collection.
pub(super) const WEBHOOKS: &str = "rolecall_webhooks";

impl MongoStore {
    fn webhooks(&self) -> Collection<Document> {
        self.collection(WEBHOOKS)
    }
}

fn read(doc: &Document) -> Result<StoredEndpoint, StoreError> {
    let f = Fields::new(WEBHOOKS, doc);
    let endpoint: Endpoint = match doc.get_document("endpoint") {
        Ok(endpoint) => bson::from_document(endpoint.clone())
            .map_err(|e| StoreError::corrupt(format!("{WEBHOOKS}: an endpoint cannot be read: {e}")))?,
        Err(_) => return Err(f.broken("endpoint", "a document")),
    };
    Ok(StoredEndpoint {
        endpoint,
        revision: f.number("revision")?,
        secret: f.text("secret")?,
        old_secret: f.text("old_secret")?,
    })
}

/// What a change may write.
fn changeable(new: &StoredEndpoint, revision: i64) -> Result<Document, StoreError> {
    Ok(doc! {
        "revision": revision,
        "secret": &new.secret,
        "old_secret": &new.old_secret,
        "endpoint": bson::to_document(&new.endpoint).map_err(StoreError::corrupt)?,
    })
}

#[async_trait]
impl Webhooks for MongoStore {
    async fn insert(&self, new: &StoredEndpoint) -> Result<bool, StoreError> {
        let id = new.endpoint.id.to_string();
        let mut document =
            doc! { "_id": &id, "webhook_id": &id, "created_at": date(new.endpoint.created_at) };
        document.extend(changeable(new, new.revision)?);
        match self.webhooks().insert_one(document).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(store_error(error)),
        }
    }

    async fn get(&self, id: EndpointId) -> Result<Option<StoredEndpoint>, StoreError> {
        let found = self.webhooks().find_one(doc! { "_id": id.to_string() }).await;
        found.map_err(store_error)?.as_ref().map(read).transpose()
    }

    async fn list(&self) -> Result<Vec<StoredEndpoint>, StoreError> {
        let webhooks = self.webhooks();
        let query = webhooks.find(doc! {}).sort(doc! { "created_at": 1, "_id": 1 });
        all(query).await?.iter().map(read).collect()
    }

    async fn replace(&self, old: &StoredEndpoint, new: &StoredEndpoint) -> Result<bool, StoreError> {
        let as_read = doc! {
            "_id": old.endpoint.id.to_string(),
            "revision": old.revision,
            "secret": &old.secret,
            "old_secret": &old.old_secret,
        };
        let new = doc! { "$set": changeable(new, old.revision + 1)? };
        let updated = self.webhooks().update_one(as_read, new).await;
        Ok(updated.map_err(store_error)?.matched_count == 1)
    }

    async fn remove(&self, id: EndpointId) -> Result<bool, StoreError> {
        let removed = self.webhooks().delete_one(doc! { "_id": id.to_string() }).await;
        Ok(removed.map_err(store_error)?.deleted_count > 0)
    }
}
