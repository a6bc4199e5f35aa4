//! What is wrong now, and was told: `rolecall_alarms`.

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::ports::Alarms;
use rolecall_core::time::Timestamp;
use rolecall_core::webhook::Alarm;

use super::MongoStore;
use super::documents::{Fields, all, date};
use super::errors::{is_duplicate, store_error};

const ALARMS: &str = "rolecall_alarms";

impl MongoStore {
    fn alarms(&self) -> Collection<Document> {
        self.collection(ALARMS)
    }
}

fn read(doc: &Document) -> Result<Alarm, StoreError> {
    let f = Fields::new(ALARMS, doc);
    Ok(Alarm {
        key: f.text("_id")?,
        since: f.at("since")?,
        told: f.flag(&["told"])?.unwrap_or(false),
    })
}

#[async_trait]
impl Alarms for MongoStore {
    async fn raise(&self, key: &str, since: Timestamp) -> Result<Alarm, StoreError> {
        let new = doc! { "_id": key, "since": date(since), "told": false };
        match self.alarms().insert_one(new).await {
            Ok(_) => {}
            Err(error) if is_duplicate(&error) => {}
            Err(error) => return Err(store_error(error)),
        }
        let stands = self
            .alarms()
            .find_one(doc! { "_id": key })
            .await
            .map_err(store_error)?;
        match stands {
            Some(stands) => read(&stands),
            None => Err(StoreError::unavailable(
                "an alarm was cleared while it was raised",
            )),
        }
    }

    async fn told(&self, key: &str) -> Result<(), StoreError> {
        let told = doc! { "$set": { "told": true } };
        let updated = self.alarms().update_one(doc! { "_id": key }, told).await;
        updated.map(drop).map_err(store_error)
    }

    async fn clear(&self, key: &str) -> Result<bool, StoreError> {
        let removed = self.alarms().delete_one(doc! { "_id": key }).await;
        Ok(removed.map_err(store_error)?.deleted_count > 0)
    }

    async fn list(&self) -> Result<Vec<Alarm>, StoreError> {
        let alarms = self.alarms();
        let query = alarms.find(doc! {}).sort(doc! { "_id": 1 });
        all(query).await?.iter().map(read).collect()
    }
}
