//! How many jobs ended, by minute: `rolecall_job_minutes`, a document a minute and lane.

use async_trait::async_trait;
use mongodb::bson::{Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::ports::JobMinutes;
use rolecall_core::throughput::{Counts, Minute};
use rolecall_core::time::Timestamp;

use super::MongoStore;
use super::documents::{Fields, all, count, date};
use super::ledger::lane;

pub(super) const MINUTES: &str = "rolecall_job_minutes";

fn read(doc: &Document) -> Result<Minute, StoreError> {
    let f = Fields::new(MINUTES, doc);
    let mut counts = Counts::default();
    if let Some(stored) = f.opt_document("counts")? {
        for name in stored.names() {
            counts.add_named(name, stored.number(name)?);
        }
    }
    Ok(Minute {
        at: f.at("minute")?,
        lane: lane(f)?,
        counts,
    })
}

/// The document of a minute and lane, and what is added to it.
fn added(minute: &Minute) -> (Document, Document) {
    let id = format!("{} {}", minute.at, minute.lane);
    let counts: Document = minute
        .counts
        .named()
        .map(|(name, n)| (format!("counts.{name}"), count(n).into()))
        .collect();
    let place = doc! { "minute": date(minute.at), "lane": minute.lane.as_str() };
    (doc! { "_id": id }, doc! { "$inc": counts, "$setOnInsert": place })
}

#[async_trait]
impl JobMinutes for MongoStore {
    async fn add(&self, minutes: &[Minute]) -> Result<(), StoreError> {
        let some = minutes.iter().filter(|m| m.counts != Counts::default());
        self.update_each(MINUTES, true, some.map(added).collect()).await
    }

    async fn since(&self, from: Timestamp) -> Result<Vec<Minute>, StoreError> {
        let minutes = self.collection(MINUTES);
        let query = minutes
            .find(doc! { "minute": { "$gte": date(from) } })
            .sort(doc! { "minute": 1 });
        all(query).await?.iter().map(read).collect()
    }
}
