//! What go-falcon's scheduler shows of the two tasks that rolecall does in its place (`scheduler_tasks`).
//!
//! Only what tells how the tasks go is written, and only where the documents are: whether they are switched on is
//! go-falcon's.

use std::time::Duration;

use async_trait::async_trait;
use mongodb::bson::{Bson, Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::ports::{SchedulerTask, SchedulerTasks, TaskEnd};
use rolecall_core::time::Timestamp;

use super::MongoStore;
use super::documents::date;
use super::errors::store_error;

const TASKS: &str = "scheduler_tasks";
/// The job or run that was counted last.
const COUNTED: &str = "metadata.rolecall_counted";

/// The status, unless somebody has paused the task or switched it off: then it stays.
fn status(name: &str) -> Document {
    doc! { "$cond": [{ "$in": ["$status", ["paused", "disabled"]] }, "$status", name] }
}

/// As Go keeps a length of time.
fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

/// A count of the metadata, one more if `more`.
fn counted(field: &str, more: bool) -> Document {
    let known = doc! { "$ifNull": [format!("$metadata.{field}"), 0_i64] };
    doc! { "$toLong": { "$add": [known, i64::from(more)] } }
}

impl MongoStore {
    async fn note(&self, filter: Document, set: Document) -> Result<(), StoreError> {
        let update = vec![doc! { "$set": set }];
        let answer = self.collection(TASKS).update_one(filter, update).await;
        answer.map(drop).map_err(store_error)
    }
}

#[async_trait]
impl SchedulerTasks for MongoStore {
    async fn began(
        &self,
        task: SchedulerTask,
        at: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        // Several schedulers tell of one tick, and a late one of an earlier tick.
        let filter = doc! { "_id": task.id(), "last_run": { "$not": { "$gte": date(at) } } };
        let next = next.map_or(Bson::Null, |at| date(at).into());
        let set = doc! {
            "status": status("running"),
            "last_run": date(at),
            "next_run": next,
            "updated_at": "$$NOW",
        };
        self.note(filter, set).await
    }

    async fn ended(&self, task: SchedulerTask, end: &TaskEnd) -> Result<(), StoreError> {
        let id = end.id.to_string();
        let filter = doc! { "_id": task.id(), COUNTED: { "$ne": &id } };
        let (well, took) = (end.error.is_none(), nanos(end.took));
        let runs = doc! { "$ifNull": ["$metadata.total_runs", 0_i64] };
        let average = doc! { "$ifNull": ["$metadata.average_runtime", 0_i64] };
        let sum = doc! { "$add": [{ "$multiply": [average, runs.clone()] }, took] };
        let average = doc! { "$toLong": { "$divide": [sum, { "$add": [runs, 1_i64] }] } };
        let error = doc! { "$literal": end.error.clone().unwrap_or_default() };
        let set = doc! {
            "status": status(if well { "completed" } else { "failed" }),
            "last_run_duration": took,
            "metadata.total_runs": counted("total_runs", true),
            "metadata.success_count": counted("success_count", well),
            "metadata.failure_count": counted("failure_count", !well),
            "metadata.average_runtime": average,
            "metadata.last_error": error,
            COUNTED: { "$literal": id },
            "updated_at": "$$NOW",
        };
        self.note(filter, set).await
    }
}
