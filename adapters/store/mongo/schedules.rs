//! What is remembered of schedules: `rolecall_schedules` and `rolecall_schedule_ticks`.

use async_trait::async_trait;
use mongodb::bson::{Document, doc};
use mongodb::options::UpdateModifications;
use rolecall_core::error::StoreError;
use rolecall_core::ports::Schedules;
use rolecall_core::schedule::{ScheduleState, TICKS_KEPT, TickOutcome, TickRecord};
use rolecall_core::time::Timestamp;

use super::MongoStore;
use super::documents::{Fields, all, count, date, put};
use super::errors::{is_duplicate, store_error};

const SCHEDULES: &str = "rolecall_schedules";
/// The name of the collection of ticks.
pub(super) const TICKS: &str = "rolecall_schedule_ticks";

impl MongoStore {
    /// Says whether a document was changed or made.
    async fn put_one(
        &self,
        collection: &str,
        filter: Document,
        update: impl Into<UpdateModifications>,
        upsert: bool,
    ) -> Result<bool, StoreError> {
        let collection = self.collection(collection);
        match collection.update_one(filter, update).upsert(upsert).await {
            Ok(done) => Ok(done.matched_count > 0 || done.upserted_id.is_some()),
            // There is one already that the filter does not name.
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(store_error(error)),
        }
    }
}

fn state(doc: &Document) -> Result<ScheduleState, StoreError> {
    let f = Fields::new(SCHEDULES, doc);
    Ok(ScheduleState {
        name: f.text("_id")?,
        enabled: f.flag(&["enabled"])?.unwrap_or(true),
        seen_until: f.at("seen_until")?,
        missed: f.number("missed")?,
        changed: f.opt_text("changed_by")?.zip(f.opt_at("changed_at")?),
    })
}

fn tick(doc: &Document) -> Result<TickRecord, StoreError> {
    let f = Fields::new(TICKS, doc);
    let outcome = TickOutcome::from_name(&f.text("outcome")?);
    Ok(TickRecord {
        schedule: f.text("schedule")?,
        at: f.at("at")?,
        outcome: outcome.ok_or_else(|| f.broken("outcome", "an outcome of a tick"))?,
        made: f.opt_parsed("made")?,
        by: f.opt_text("asked_by")?,
        noted_at: f.at("noted_at")?,
    })
}

#[async_trait]
impl Schedules for MongoStore {
    async fn states(&self) -> Result<Vec<ScheduleState>, StoreError> {
        let schedules = self.collection(SCHEDULES);
        let query = schedules.find(doc! {}).sort(doc! { "_id": 1 });
        all(query).await?.iter().map(state).collect()
    }

    async fn begin(&self, name: &str, at: Timestamp) -> Result<(), StoreError> {
        let new = doc! { "$setOnInsert": { "enabled": true, "seen_until": date(at), "missed": 0_i64 } };
        self.put_one(SCHEDULES, doc! { "_id": name }, new, true)
            .await
            .map(drop)
    }

    async fn see(
        &self,
        name: &str,
        from: Timestamp,
        until: Timestamp,
        missed: u64,
    ) -> Result<bool, StoreError> {
        let seen = doc! { "$set": { "seen_until": date(until) }, "$inc": { "missed": count(missed) } };
        let filter = doc! { "_id": name, "seen_until": date(from) };
        self.put_one(SCHEDULES, filter, seen, false).await
    }

    async fn switch(&self, name: &str, enabled: bool, by: &str, at: Timestamp) -> Result<bool, StoreError> {
        // One that is not known yet is on.
        self.begin(name, at).await?;
        let mut switched = doc! {
            "$set": { "enabled": enabled, "changed_by": by, "changed_at": date(at) },
        };
        if enabled {
            switched.insert("$max", doc! { "seen_until": date(at) });
        }
        let filter = doc! { "_id": name, "enabled": !enabled };
        self.put_one(SCHEDULES, filter, switched, false).await
    }

    async fn note(&self, tick: &TickRecord) -> Result<(), StoreError> {
        let id = format!("{}:{}", tick.schedule, tick.at.0);
        let mut fields = doc! {
            "schedule": &tick.schedule,
            "at": date(tick.at),
            "outcome": tick.outcome.as_str(),
            "noted_at": date(tick.noted_at),
        };
        put(&mut fields, "made", tick.made.map(|id| id.to_string()));
        put(&mut fields, "asked_by", tick.by.clone());
        if tick.outcome == TickOutcome::Missed {
            let new = doc! { "$setOnInsert": fields };
            self.put_one(TICKS, doc! { "_id": id }, new, true).await?;
        } else {
            let begun = TickOutcome::Begun.as_str();
            let filter = doc! { "_id": id, "outcome": { "$ne": begun } };
            self.put_one(TICKS, filter, doc! { "$set": fields }, true).await?;
        }
        let ticks = self.collection(TICKS);
        let of_it = doc! { "schedule": &tick.schedule };
        let newest_first = doc! { "at": -1 };
        let query = ticks
            .find(of_it)
            .sort(newest_first)
            .skip(TICKS_KEPT as u64)
            .limit(1);
        let Some(old) = all(query).await?.into_iter().next() else {
            return Ok(());
        };
        let old = Fields::new(TICKS, &old).at("at")?;
        let older = doc! { "schedule": &tick.schedule, "at": { "$lte": date(old) } };
        ticks.delete_many(older).await.map(drop).map_err(store_error)
    }

    async fn ticks(&self, name: &str, limit: usize) -> Result<Vec<TickRecord>, StoreError> {
        let ticks = self.collection(TICKS);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = ticks.find(doc! { "schedule": name });
        let query = query.sort(doc! { "at": -1 }).limit(limit);
        all(query).await?.iter().map(tick).collect()
    }
}
