//! Every stored secret, document by document: of a record that is there twice, both.

use async_trait::async_trait;
use mongodb::bson::{Bson, Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::ports::SealedFields;
use rolecall_core::secrets::{SecretKind, StoredSecret};

use super::MongoStore;
use super::documents::{Fields, all, id_value};
use super::errors::store_error;

#[async_trait]
impl SealedFields for MongoStore {
    async fn page(
        &self,
        kind: SecretKind,
        after: Option<&str>,
        other_than: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredSecret>, StoreError> {
        let field = kind.field();
        let mut wanted = vec![doc! { field: { "$type": "string", "$ne": "" } }];
        wanted.extend(after.map(behind));
        // Marks are made of letters, digits and a few signs, of which only the dot means something in a pattern.
        wanted.extend(other_than.map(|mark| {
            let pattern = format!("^{}", mark.replace('.', "\\."));
            doc! { field: { "$not": { "$regex": pattern } } }
        }));
        let documents = self.collection(kind.collection());
        let query = documents
            .find(doc! { "$and": wanted })
            .sort(doc! { "_id": 1 })
            .limit(i64::try_from(limit).unwrap_or(i64::MAX).max(1))
            .projection(doc! { field: 1, kind.named_by(): 1 });
        all(query).await?.iter().map(|doc| read(kind, doc)).collect()
    }

    async fn replace(&self, secret: &StoredSecret, text: &str) -> Result<bool, StoreError> {
        let field = secret.kind.field();
        let unchanged = doc! { "_id": id_value(&secret.record), field: &secret.text };
        let documents = self.collection(secret.kind.collection());
        let answer = documents
            .update_one(unchanged, doc! { "$set": { field: text } })
            .await;
        Ok(answer.map_err(store_error)?.matched_count == 1)
    }
}

/// Documents after this one. Texts sort before `ObjectId`s, and a comparison only finds what is of its own type.
fn behind(record: &str) -> Document {
    match id_value(record) {
        Bson::String(text) => {
            doc! { "$or": [{ "_id": { "$gt": text } }, { "_id": { "$type": "objectId" } }] }
        }
        id => doc! { "_id": { "$gt": id } },
    }
}

fn read(kind: SecretKind, doc: &Document) -> Result<StoredSecret, StoreError> {
    let f = Fields::new(kind.collection(), doc);
    let name = match kind {
        SecretKind::Verifier => f.text(kind.named_by())?,
        // An id of Discord, whatever type it has.
        _ => f.parsed::<String>(kind.named_by())?,
    };
    Ok(StoredSecret {
        kind,
        record: f.id("_id")?,
        name,
        text: f.text(kind.field())?,
    })
}
