//! Answers to requests with a key: `rolecall_replies`.

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::ports::Replies;
use rolecall_core::replies::{Admission, Asked, FREE, Kept, Reply, admit};
use rolecall_core::time::Timestamp;
use uuid::Uuid;

use super::MongoStore;
use super::documents::{Fields, date};
use super::errors::{is_duplicate, store_error};

/// The name of the collection.
pub(super) const REPLIES: &str = "rolecall_replies";
/// So often what is kept may change between a look and a write.
const TRIES: usize = 20;

impl MongoStore {
    fn replies(&self) -> Collection<Document> {
        self.collection(REPLIES)
    }
}

fn read(doc: &Document) -> Result<Kept, StoreError> {
    let f = Fields::new(REPLIES, doc);
    let reply = f.opt_text("reply")?;
    let reply = reply.map(|text| serde_json::from_str(&text).map_err(|_| f.broken("reply", "an answer")));
    let holder = f.parsed("holder")?;
    Ok(Kept {
        fingerprint: f.text("fingerprint")?,
        holder,
        // Of a document of an older version: its holder.
        work: f.opt_parsed("work")?.unwrap_or(holder),
        at: f.at("at")?,
        until: f.at("until")?,
        reply: reply.transpose()?,
    })
}

fn written(asked: &Asked, work: Uuid) -> Document {
    doc! {
        "_id": &asked.key,
        "fingerprint": &asked.fingerprint,
        "holder": asked.holder.to_string(),
        "work": work.to_string(),
        "at": date(asked.at),
        "until": date(asked.until),
    }
}

#[async_trait]
impl Replies for MongoStore {
    async fn begin(&self, asked: &Asked) -> Result<Admission, StoreError> {
        let replies = self.replies();
        for _ in 0..TRIES {
            let work = asked.holder;
            match replies.insert_one(written(asked, work)).await {
                Ok(_) => return Ok(Admission::Go { work }),
                Err(error) if is_duplicate(&error) => {}
                Err(error) => return Err(store_error(error)),
            }
            let found = replies
                .find_one(doc! { "_id": &asked.key })
                .await
                .map_err(store_error)?;
            let Some(found) = found else { continue };
            let kept = read(&found)?;
            let admission = admit(Some(&kept), asked);
            let Admission::Go { work } = admission else {
                return Ok(admission);
            };
            // Its place, if it is as it was read: of two, one takes it.
            let same = doc! { "_id": &asked.key, "holder": kept.holder.to_string(), "at": date(kept.at) };
            let taken = replies
                .replace_one(same, written(asked, work))
                .await
                .map_err(store_error)?;
            if taken.matched_count > 0 {
                return Ok(admission);
            }
        }
        // Somebody is at it, who- and whatever it is.
        Ok(Admission::UnderWay)
    }

    async fn end(&self, asked: &Asked, reply: Option<&Reply>) -> Result<(), StoreError> {
        let own = doc! { "_id": &asked.key, "holder": asked.holder.to_string() };
        let end = match reply {
            Some(reply) => {
                let text = serde_json::to_string(reply).map_err(|e| StoreError::Corrupt(e.to_string()))?;
                doc! { "reply": text }
            }
            None => doc! { "at": date(FREE) },
        };
        let ended = self.replies().update_one(own, doc! { "$set": end }).await;
        ended.map(drop).map_err(store_error)
    }

    async fn prune(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let old = doc! { "until": { "$lte": date(now) } };
        self.delete_batch(REPLIES, old, doc! { "until": 1 }, limit).await
    }
}
