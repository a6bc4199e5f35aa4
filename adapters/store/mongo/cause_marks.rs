//! What operators said of causes of dead letters: `rolecall_cause_marks`.

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use rolecall_core::dead_letter::{Mark, Said};
use rolecall_core::error::StoreError;
use rolecall_core::ports::CauseMarks;

use super::MongoStore;
use super::documents::{Fields, all, date, put};
use super::errors::store_error;

const MARKS: &str = "rolecall_cause_marks";

impl MongoStore {
    fn marks(&self) -> Collection<Document> {
        self.collection(MARKS)
    }
}

fn read(doc: &Document) -> Result<Mark, StoreError> {
    let f = Fields::new(MARKS, doc);
    let said = Said::from_parts(&f.text("said")?, f.opt_at("until")?);
    Ok(Mark {
        fingerprint: f.text("_id")?,
        said: said.ok_or_else(|| f.broken("said", "what can be said of a cause"))?,
        at: f.at("at")?,
        by: f.text("author")?,
        reason: f.text("reason")?,
    })
}

#[async_trait]
impl CauseMarks for MongoStore {
    async fn put(&self, mark: &Mark) -> Result<(), StoreError> {
        let mut doc = doc! {
            "_id": &mark.fingerprint,
            "said": mark.said.as_str(),
            "at": date(mark.at),
            "author": &mark.by,
            "reason": &mark.reason,
        };
        if let Said::Ignored(until) = mark.said {
            put(&mut doc, "until", until.map(date));
        }
        let this = doc! { "_id": &mark.fingerprint };
        let put = self.marks().replace_one(this, doc).upsert(true).await;
        put.map(drop).map_err(store_error)
    }

    async fn list(&self) -> Result<Vec<Mark>, StoreError> {
        let marks = self.marks();
        let query = marks.find(doc! {}).sort(doc! { "_id": 1 });
        all(query).await?.iter().map(read).collect()
    }

    async fn remove(&self, fingerprint: &str) -> Result<bool, StoreError> {
        let removed = self.marks().delete_one(doc! { "_id": fingerprint }).await;
        Ok(removed.map_err(store_error)?.deleted_count > 0)
    }
}
