//! What the relay asks.

use mongodb::bson::{Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::ids::JobId;
use rolecall_core::job::{Job, Lane};
use rolecall_core::pause::Held;
use rolecall_core::ports::{DueJob, Obstacles};
use rolecall_core::time::Timestamp;

use super::document::{JOBS, rank};
use super::limit_of;
use crate::store::mongo::MongoStore;
use crate::store::mongo::documents::{Fields, all, date, put};
use crate::store::mongo::errors::store_error;

/// Equality on the lane, a range on the time, sorted as the index is.
pub(super) async fn due(
    store: &MongoStore,
    lane: Lane,
    sent_before: Timestamp,
    paused: &[Held],
    limit: usize,
) -> Result<Vec<DueJob>, StoreError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let now = store.clock().await?;
    let unsent = vec![
        doc! { "sent_at": { "$exists": false } },
        doc! { "sent_at": { "$lt": date(sent_before) } },
    ];
    let mut filter = doc! { "waiting_lane": rank(lane), "run_at": { "$lte": date(now) }, "$or": unsent };
    leave_out(&mut filter, lane, paused);
    let jobs = store.jobs();
    let query = jobs
        .find(filter)
        .projection(doc! { "kind": 1, "guild_id": 1, "sent_at": 1 })
        .sort(doc! { "run_at": 1, "_id": 1 })
        .limit(limit_of(limit));
    let documents = all(query).await?;
    let read = |doc: &Document| {
        let f = Fields::new(JOBS, doc);
        Ok::<_, StoreError>(DueJob {
            id: f.parsed("_id")?,
            kind: f.text("kind")?,
            guild_id: f.opt_parsed("guild_id")?,
            sent_before: doc.contains_key("sent_at"),
        })
    };
    let mut due = Vec::new();
    for doc in &documents {
        match read(doc) {
            Ok(job) => due.push(job),
            // One unreadable job must not keep the others from being sent.
            Err(why) => tracing::error!("A job cannot be sent: {why}"),
        }
    }
    Ok(due)
}

/// Leaves out what is held back.
fn leave_out(filter: &mut Document, lane: Lane, paused: &[Held]) {
    let held: Vec<Document> = paused
        .iter()
        .filter(|held| held.lane.is_none_or(|paused| paused == lane))
        .map(is_held)
        .collect();
    if !held.is_empty() {
        filter.insert("$nor", held);
    }
}

/// What stands in the way of a job. What is due before it is counted in the order in which it is sent.
pub(super) async fn obstacles(
    store: &MongoStore,
    job: &Job,
    paused: &[Held],
) -> Result<Obstacles, StoreError> {
    let jobs = store.jobs();
    let running = match &job.concurrency {
        None => None,
        Some(key) => jobs
            .find_one(doc! { "concurrency_key": key })
            .projection(doc! { "_id": 1 })
            .await
            .map_err(store_error)?,
    };
    let busy_with = running
        .map(|doc| Fields::new(JOBS, &doc).parsed("_id"))
        .transpose()?;
    let (now, at) = (date(store.clock().await?), date(job.run_at));
    let earlier = [
        doc! { "run_at": { "$lt": at } },
        doc! { "run_at": at, "_id": { "$lt": job.id.to_string() } },
    ];
    let mut filter =
        doc! { "waiting_lane": rank(job.lane), "run_at": { "$lte": now }, "$or": earlier.to_vec() };
    leave_out(&mut filter, job.lane, paused);
    let ahead = jobs.count_documents(filter).limit(Obstacles::MOST_AHEAD).await;
    Ok(Obstacles {
        busy_with: busy_with.filter(|other| *other != job.id),
        ahead: ahead.map_err(store_error)?,
    })
}

/// The condition of a pause of this lane.
fn is_held(held: &Held) -> Document {
    let mut condition = Document::new();
    put(&mut condition, "kind", held.kind.clone());
    put(&mut condition, "guild_id", held.guild_id.map(|id| id.to_string()));
    put(&mut condition, "fingerprint", held.fingerprint.clone());
    condition
}

/// By the server's clock; what is claimed or over meanwhile is left alone.
pub(super) async fn mark_sent(store: &MongoStore, ids: &[JobId]) -> Result<(), StoreError> {
    mark(store, ids, &doc! { "$set": { "sent_at": "$$NOW" } }).await
}

pub(super) async fn mark_unsent(store: &MongoStore, ids: &[JobId]) -> Result<(), StoreError> {
    mark(store, ids, &doc! { "$unset": "sent_at" }).await
}

async fn mark(store: &MongoStore, ids: &[JobId], change: &Document) -> Result<(), StoreError> {
    for chunk in ids.chunks(1_000) {
        let ids: Vec<String> = chunk.iter().map(ToString::to_string).collect();
        let waiting = doc! { "_id": { "$in": ids }, "waiting_lane": { "$exists": true } };
        store
            .jobs()
            .update_many(waiting, vec![change.clone()])
            .await
            .map_err(store_error)?;
    }
    Ok(())
}

/// The first time in the future.
pub(super) async fn next_due(store: &MongoStore, lane: Lane) -> Result<Option<Timestamp>, StoreError> {
    let now = store.clock().await?;
    let filter = doc! { "waiting_lane": rank(lane), "run_at": { "$gt": date(now) } };
    let first = store
        .jobs()
        .find_one(filter)
        .projection(doc! { "run_at": 1 })
        .sort(doc! { "run_at": 1, "_id": 1 })
        .await
        .map_err(store_error)?;
    first.map(|doc| Fields::new(JOBS, &doc).at("run_at")).transpose()
}
