//! Processes and queues over HTTP.

use rolecall_core::worker::Beat;
use serde_json::{Value, json};

use super::access_tests::{Served, served};
use super::operators_tests::ADMIN;
use crate::processes::{Parts, described};

impl Served {
    /// A process that tells of itself as this one.
    pub(super) async fn beats(&self, beat: Beat) -> String {
        let process = described(&self.app, Parts::WORKER);
        self.app.services.workers.beat(&process, &beat).await.unwrap();
        process.id
    }

    async fn told(&mut self, id: &str, order: &str, body: Value) -> (u16, Value) {
        let path = format!("/v1/workers/{id}/{order}");
        let (status, _, body) = self.json("post", &path, body).await;
        (status, body)
    }
}

#[tokio::test]
async fn a_process_is_listed_with_what_it_runs_and_can_be_drained_and_undrained() {
    let mut served = served(&[]).await;
    let id = served.beats(Beat::default()).await;
    let job = served.stored(5, 7).await;
    let ledger = &served.app.services.ledger;
    ledger
        .claim(job, &id, std::time::Duration::from_secs(60))
        .await
        .unwrap();
    let workers = served.got("/v1/workers").await;
    let worker = &workers["workers"][0];
    assert_eq!(
        (&worker["id"], &worker["status"], &worker["roles"]),
        (&json!(id), &json!("alive"), &json!(["worker", "scheduler"]))
    );
    assert_eq!(worker["queues"], json!(["interactive", "normal", "bulk"]));
    let held = &worker["jobs"][0];
    assert_eq!((&held["id"], &held["guild_id"]), (&json!(job), &json!("5")));
    let left = held["lease_left_ms"].as_i64().unwrap();
    assert!((1..=60_000).contains(&left), "{held}");

    let order = json!({"exit": true, "reason": "a new machine"});
    let (status, body) = served.told(&id, "drain", order).await;
    assert_eq!((status, &body["status"]), (200, &json!("draining")), "{body}");
    let drain = &body["drain"];
    assert_eq!(
        (&drain["by"], &drain["reason"], &drain["exit"]),
        (&json!(ADMIN), &json!("a new machine"), &json!(true))
    );
    let (status, body) = served.told(&id, "undrain", Value::Null).await;
    assert_eq!(
        (status, &body["status"], &body["drain"]),
        (200, &json!("alive"), &Value::Null)
    );
    let records = served.records(&format!("worker:{id}")).await;
    let actions: Vec<&str> = records.iter().map(|r| r.action.as_str()).collect();
    assert_eq!(actions, ["worker.undrained", "worker.drained"]);
}

#[tokio::test]
async fn a_process_that_hears_nothing_is_ordered_nothing() {
    let mut served = served(&[]).await;
    let (status, body) = served.told("nobody", "drain", Value::Null).await;
    assert_eq!((status, &body["code"]), (404, &json!("unknown_worker")));
    let stopped = Beat {
        stopped: true,
        ..Beat::default()
    };
    let id = served.beats(stopped).await;
    let (status, body) = served.told(&id, "drain", Value::Null).await;
    assert_eq!((status, &body["code"]), (409, &json!("worker_is_gone")));
    let (status, _) = served.told(&id, "drain", json!({"exit": "soon"})).await;
    assert_eq!(status, 422);
    assert!(served.records(&format!("worker:{id}")).await.is_empty());
}

#[tokio::test]
async fn a_queue_tells_what_waits_and_since_when_unless_it_is_paused() {
    let mut served = served(&[]).await;
    served.stored(5, 7).await;
    let bulk = served.got("/v1/queues/bulk").await;
    assert_eq!(bulk["queue"]["depth"]["available"], 1, "{bulk}");
    let age = bulk["queue"]["oldest_due_age_ms"].as_i64().unwrap();
    assert!(age < 3_600_000, "since it was stored: {bulk}");
    assert_eq!(bulk["queue"]["last_hour"]["error_rate"], Value::Null);
    assert_eq!(bulk["minutes"].as_array().unwrap().len(), 60);
    assert_eq!(bulk["quarters"].as_array().unwrap().len(), 96);
    let pause = json!({"query": "kind:add_role", "reason": "wait"});
    let (status, _, _) = served.json("post", "/v1/pauses", pause).await;
    assert_eq!(status, 201);
    let queues = served.got("/v1/queues").await;
    let queues = queues["queues"].as_array().unwrap();
    assert_eq!(queues.len(), 3);
    assert!(
        queues.iter().all(|queue| queue["oldest_due_at"].is_null()),
        "{queues:?}"
    );
    let (status, _, body) = served.json("get", "/v1/queues/mail", Value::Null).await;
    assert_eq!((status, &body["code"]), (404, &json!("unknown_queue")));
}
