//! What go-falcon's scheduler shows of its two Discord tasks.

use std::time::Duration;

use mongodb::bson::{DateTime, Document, doc};
use rolecall_adapters::store::mongo::MongoStore;
use rolecall_core::ports::{SchedulerTask, SchedulerTasks, TaskEnd};
use rolecall_core::time::Timestamp;
use uuid::Uuid;

use super::Mongo;
use crate::fixture::Fixture;
use crate::given::PAST;

const TASK: SchedulerTask = SchedulerTask::RoleSync;

/// As go-falcon writes it.
fn given(status: &str, enabled: bool) -> Document {
    doc! {
        "_id": TASK.id(), "name": "Discord Role Synchronization", "description": "Synchronizes roles",
        "type": "system", "schedule": "0 */15 * * * *", "status": status, "priority": "normal", "enabled": enabled,
        "config": { "task_name": "discord_role_sync", "parameters": { "timeout": "30m" } },
        "metadata": {
            "max_retries": 2_i32, "retry_interval": 600_000_000_000_i64, "timeout": 2_700_000_000_000_i64,
            "tags": ["system", "discord"], "is_system": true, "source": "system", "version": 1_i32,
            "success_count": 1_i64, "failure_count": 1_i64, "total_runs": 2_i64,
            "average_runtime": 2_000_000_000_i64,
        },
        "created_at": DateTime::from_millis(PAST.0), "updated_at": DateTime::from_millis(PAST.0),
    }
}

struct Stage {
    fixture: Mongo,
    store: MongoStore,
}

async fn stage(task: Option<Document>) -> Stage {
    let fixture = Mongo::fresh().await.unwrap();
    let store = MongoStore::connect(&fixture.uri, &fixture.database)
        .await
        .unwrap();
    let stage = Stage { fixture, store };
    if let Some(task) = task {
        let tasks = stage.fixture.database().await.collection("scheduler_tasks");
        tasks.insert_one(task).await.unwrap();
    }
    stage
}

impl Stage {
    async fn task(&self) -> Option<Document> {
        let tasks = self.fixture.database().await.collection("scheduler_tasks");
        tasks.find_one(doc! { "_id": TASK.id() }).await.unwrap()
    }

    async fn began(&self, minutes: u64) {
        let (at, next) = (later(minutes), later(minutes + 15));
        self.store.began(TASK, at, Some(next)).await.unwrap();
    }

    async fn ended(&self, id: u128, seconds: u64, error: Option<&str>) {
        let end = TaskEnd {
            id: Uuid::from_u128(id),
            took: Duration::from_secs(seconds),
            error: error.map(str::to_owned),
        };
        self.store.ended(TASK, &end).await.unwrap();
    }
}

fn later(minutes: u64) -> Timestamp {
    PAST + Duration::from_secs(60 * minutes)
}

fn at(minutes: u64) -> DateTime {
    DateTime::from_millis(later(minutes).0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_shows_its_last_and_next_run_and_its_counters() {
    let stage = stage(Some(given("pending", true))).await;
    stage.began(15).await;
    let task = stage.task().await.unwrap();
    assert_eq!(task.get_str("status"), Ok("running"));
    assert_eq!(task.get_datetime("last_run"), Ok(&at(15)));
    assert_eq!(task.get_datetime("next_run"), Ok(&at(30)));
    stage.ended(1, 8, None).await;
    // The same end again is the same end.
    stage.ended(1, 8, None).await;
    let task = stage.task().await.unwrap();
    assert_eq!(task.get_str("status"), Ok("completed"));
    assert_eq!(task.get_i64("last_run_duration"), Ok(8_000_000_000));
    let metadata = task.get_document("metadata").unwrap();
    for (name, wanted) in [
        ("total_runs", 3),
        ("success_count", 2),
        ("failure_count", 1),
        ("average_runtime", 4_000_000_000),
        ("timeout", 2_700_000_000_000),
    ] {
        assert_eq!(metadata.get_i64(name), Ok(wanted), "{name}");
    }
    stage.began(30).await;
    stage.ended(2, 4, Some("$Discord did not answer")).await;
    let task = stage.task().await.unwrap();
    assert_eq!(task.get_str("status"), Ok("failed"));
    let metadata = task.get_document("metadata").unwrap();
    assert_eq!(metadata.get_str("last_error"), Ok("$Discord did not answer"));
    assert_eq!(metadata.get_i64("failure_count"), Ok(2));
    // What is go-falcon's stays as it was.
    for name in [
        "name",
        "type",
        "schedule",
        "enabled",
        "priority",
        "config",
        "created_at",
    ] {
        assert_eq!(task.get(name), given("", true).get(name), "{name}");
    }
    assert!(task.get_datetime("updated_at").unwrap() > &at(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_earlier_tick_that_comes_late_changes_nothing() {
    let stage = stage(Some(given("pending", true))).await;
    stage.began(30).await;
    stage.ended(1, 1, None).await;
    let before = stage.task().await;
    stage.began(15).await;
    stage.began(30).await;
    assert_eq!(stage.task().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_is_switched_off_stays_so_and_a_missing_one_is_not_made() {
    let off = stage(Some(given("disabled", false))).await;
    off.began(15).await;
    off.ended(1, 1, None).await;
    let task = off.task().await.unwrap();
    assert_eq!(
        (task.get_str("status"), task.get_bool("enabled")),
        (Ok("disabled"), Ok(false))
    );
    assert_eq!(task.get_datetime("last_run"), Ok(&at(15)));
    let none = stage(None).await;
    none.began(15).await;
    none.ended(1, 1, None).await;
    assert_eq!(none.task().await, None);
}
