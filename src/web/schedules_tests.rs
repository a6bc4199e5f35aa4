//! Schedules over HTTP: what is told of them, and what operators do to them.

use rolecall_core::Timestamp;
use rolecall_core::audit::AuditFilter;
use rolecall_core::job::JobState;
use rolecall_core::ports::JobFilter;
use serde_json::{Value, json};

use super::access_tests::{Served, served};
use super::operators_tests::ADMIN;

impl Served {
    async fn ordered(&mut self, name: &str, order: &str, body: Value) -> (u16, Value) {
        let (status, _, body) = self
            .json("post", &format!("/v1/schedules/{name}/{order}"), body)
            .await;
        (status, body)
    }

    /// One schedule of the list.
    async fn schedule(&mut self, name: &str) -> Value {
        let all = self.got("/v1/schedules").await;
        let all = all["schedules"].as_array().unwrap().clone();
        assert_eq!(all.len(), 5);
        all.into_iter().find(|schedule| schedule["name"] == name).unwrap()
    }
}

#[tokio::test]
async fn a_schedule_tells_its_rules_and_its_next_ticks_in_utc_and_in_its_zone() {
    let mut served = served(&[
        ("ROLECALL_TIME_ZONE", "Asia/Kolkata"),
        ("DISCORD_SYNC_INTERVAL", "6h"),
    ])
    .await;
    let sync = served.schedule("discord_role_sync").await;
    let told = [
        "cron",
        "zone",
        "missed_policy",
        "overlap_policy",
        "enabled",
        "missed",
        "results",
    ]
    .map(|field| sync[field].clone());
    let expected = json!(["0 0 */6 * * *", "Asia/Kolkata", "once", "skip", true, 0, []]);
    assert_eq!(json!(told), expected);
    let next = sync["next"].as_array().unwrap();
    assert_eq!(next.len(), 3);
    for tick in next {
        let utc = Timestamp::from_rfc3339(tick["at"].as_str().unwrap()).unwrap();
        assert!(utc > served.app.services.clock.now());
        let local = tick["local"].as_str().unwrap();
        assert!(local.ends_with(":00:00+05:30"), "{local}");
        assert_eq!(Timestamp::from_rfc3339(local), Some(utc));
    }
    assert_eq!(served.schedule("discord_health").await["missed_policy"], "skip");
}

#[tokio::test]
async fn a_schedule_that_is_run_by_hand_is_told_with_who_asked_and_what_became_of_it() {
    let mut served = served(&[]).await;
    let (status, headers, body) = served
        .json(
            "post",
            "/v1/schedules/retention/run",
            json!({"reason": "the disk is nearly full"}),
        )
        .await;
    assert_eq!(status, 202, "{body}");
    let job = body["job_id"].as_str().unwrap().to_owned();
    assert_eq!(headers["location"], format!("/v1/jobs/{job}"));
    let shown = served.got(&format!("/v1/jobs/{job}")).await;
    assert_eq!(shown["kind"], "retention");
    assert_eq!(shown["cause"]["actor"], ADMIN);
    let tick = served.schedule("retention").await["results"][0].clone();
    let told = ["outcome", "late", "asked_by", "job_id", "state"].map(|field| tick[field].clone());
    assert_eq!(json!(told), json!(["begun", false, ADMIN, job, "available"]));

    // It is not over, and two would do the same.
    let (status, body) = served.ordered("retention", "run", Value::Null).await;
    assert_eq!((status, &body["code"]), (409, &json!("schedule_is_busy")));
    let filter = JobFilter {
        kind: Some("retention".to_owned()),
        ..JobFilter::default()
    };
    let counts = served.app.services.ledger.counts(&filter).await.unwrap();
    assert_eq!(counts, [(JobState::Available, 1)]);

    // Without a guild there is nothing to sync.
    let (status, body) = served.ordered("discord_role_sync", "run", Value::Null).await;
    assert_eq!(
        (status, &body["run_id"], &body["job_id"]),
        (200, &Value::Null, &Value::Null)
    );
    let (status, body) = served.ordered("hourly", "run", Value::Null).await;
    assert_eq!((status, &body["code"]), (404, &json!("unknown_schedule")));
    let (status, _) = served.ordered("retention", "run", json!({"reason": 5})).await;
    assert_eq!(status, 422);

    let audit = served
        .app
        .services
        .audit
        .list(&AuditFilter::about("schedule:retention"), None, 9)
        .await
        .unwrap();
    // The second order was recorded, and refused.
    let acts: Vec<&str> = audit.iter().map(|record| record.action.as_str()).collect();
    assert_eq!(acts, ["audit.not_done", "schedule.run", "schedule.run"]);
    let first = &audit[2];
    assert_eq!(first.actor, ADMIN);
    assert_eq!(first.reason.as_deref(), Some("the disk is nearly full"));
    assert!(first.request_id.is_some());
}

#[tokio::test]
async fn a_schedule_is_switched_off_and_on_and_each_change_is_recorded_once() {
    let mut served = served(&[]).await;
    for order in ["disable", "disable", "enable", "enable"] {
        let (status, body) = served.ordered("discord_health", order, Value::Null).await;
        assert_eq!(
            (status, body["enabled"].as_bool()),
            (200, Some(order == "enable"))
        );
        assert_eq!(body["changed_by"], ADMIN);
    }
    let (status, _) = served.ordered("hourly", "disable", Value::Null).await;
    assert_eq!(status, 404);
    let about = AuditFilter::about("schedule:discord_health");
    let audit = served.app.services.audit.list(&about, None, 9).await.unwrap();
    let acts: Vec<&str> = audit.iter().map(|record| record.action.as_str()).collect();
    assert_eq!(acts, ["schedule.enabled", "schedule.disabled"]);
}
