//! What operators see and do over HTTP: lists by queries, why a job waits, orders about single jobs, pauses.

use std::time::Duration;

use rolecall_core::cause::Cause;
use rolecall_core::job::{Attempt, JobState};
use rolecall_core::ports::{Claim, Settlement, permission};
use rolecall_core::run::RunKind;
use rolecall_core::{JobId, RunId, Timestamp};
use rolecall_jobs::add_role::AddRole;
use rolecall_jobs::kernel::queue::Enqueue;
use serde_json::{Value, json};

use super::access_tests::{Served, served};
use crate::testing::running;

pub(super) const ADMIN: &str = "user:ada";

impl Served {
    /// A full run at work, without a job yet.
    pub(super) async fn running_run(&self) -> RunId {
        let services = &self.app.services;
        let run = running(RunKind::Full, Cause::new("test", ""), services.clock.now());
        services.runs.insert(&run).await.unwrap();
        run.id
    }

    /// Stores a job that gives a role of a guild; the same numbers are the same job.
    pub(super) async fn stored(&self, guild: u64, account: u64) -> JobId {
        self.stored_in(None, guild, account).await
    }

    async fn stored_in(&self, run: Option<RunId>, guild: u64, account: u64) -> JobId {
        let job: AddRole = serde_json::from_value(json!({
            "guild_id": guild.to_string(),
            "discord_id": account.to_string(),
            "user_id": format!("user-{account}"),
            "role_id": "77",
        }))
        .unwrap();
        let mut enqueue = Enqueue::new(&job, Cause::new("test", "a test"));
        enqueue.0.run_id = run;
        let inserted = self.app.queue.insert(vec![enqueue]).await.unwrap();
        inserted[0].id()
    }

    pub(super) async fn claimed(&self, id: JobId) -> i64 {
        let ledger = &self.app.services.ledger;
        match ledger.claim(id, "worker", Duration::from_secs(60)).await.unwrap() {
            Claim::Claimed(job) => job.fence,
            other => panic!("{other:?}"),
        }
    }

    /// A job that failed for good because the bot may not.
    pub(super) async fn dead(&self, guild: u64, account: u64) -> JobId {
        self.dead_of(None, guild, account).await
    }

    /// The same, as part of a run.
    pub(super) async fn dead_of(&self, run: Option<RunId>, guild: u64, account: u64) -> JobId {
        let id = self.stored_in(run, guild, account).await;
        let fence = self.claimed(id).await;
        self.failed(id, fence, JobState::Discarded, None).await;
        id
    }

    async fn failed(&self, id: JobId, fence: i64, state: JobState, run_at: Option<Timestamp>) {
        let attempt = Attempt {
            number: 1,
            worker: "worker".to_owned(),
            started_at: Timestamp(1_000),
            ended_at: Timestamp(2_000),
            result: "discard".to_owned(),
            error_class: Some("permanent".to_owned()),
            error_code: Some("discord_missing_permissions".to_owned()),
            message: Some("Discord answered 403: the role is above the bot's".to_owned()),
            remedy: Some("Drag the bot's role up.".to_owned()),
            http_status: Some(403),
            discord_code: Some(50_013),
            route: Some("PUT /roles/{role_id}".to_owned()),
        };
        let settlement = Settlement {
            state,
            run_at,
            give_back: false,
            outcome: None,
            attempt: Some(attempt),
            fingerprint: Some("add_role|PUT /roles/{role_id}|403|50013".to_owned()),
            wait: None,
        };
        let ledger = &self.app.services.ledger;
        assert!(ledger.settle(id, fence, settlement).await.unwrap());
    }

    pub(super) async fn got(&mut self, path: &str) -> Value {
        let (status, _, body) = self.json("get", path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(super) async fn listed(&mut self, query: &str) -> Vec<String> {
        let body = self.got(&format!("/v1/jobs?{query}")).await;
        let jobs = body["jobs"].as_array().unwrap();
        let total: u64 = body["counts"]
            .as_object()
            .unwrap()
            .values()
            .map(|n| n.as_u64().unwrap())
            .sum();
        assert_eq!(body["total"], total, "{body}");
        jobs.iter()
            .map(|j| j["id"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(super) async fn order(&mut self, id: JobId, order: &str, body: Value) -> (u16, Value) {
        let (status, _, body) = self.json("post", &format!("/v1/jobs/{id}/{order}"), body).await;
        (status, body)
    }

    pub(super) async fn records(&self, target: &str) -> Vec<rolecall_core::audit::AuditRecord> {
        let filter = rolecall_core::audit::AuditFilter::about(target);
        self.app.services.audit.list(&filter, None, 10).await.unwrap()
    }
}

fn causes(job: &Value) -> Vec<&str> {
    let all = job["waits_for"].as_array().unwrap();
    all.iter().map(|wait| wait["cause"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn jobs_are_found_by_a_query_and_by_what_people_paste() {
    let mut served = served(&[]).await;
    let (a, b) = (
        served.dead(5, 141_234_567_890_123_456).await,
        served.stored(6, 8).await,
    );
    let (dead, live) = (vec![a.to_string()], vec![b.to_string()]);
    for query in [
        "q=state:discarded%20guild:5",
        "q=code:50013%20%22ABOVE%20the%22",
        "q=%3C@141234567890123456%3E",
        "q=141234567890123456",
        "code=discord_missing_permissions&since=1h",
        "fingerprint=add_role%7CPUT%20/roles/%7Brole_id%7D%7C403%7C50013",
        "guild=5&q=above",
    ] {
        assert_eq!(served.listed(query).await, dead, "{query}");
    }
    assert_eq!(served.listed(&format!("q={b}")).await, live);
    assert_eq!(served.listed("q=queue:bulk%20state:available").await, live);
    assert_eq!(served.listed("role=77").await, [live[0].clone(), dead[0].clone()]);
    assert!(served.listed("until=1h").await.is_empty());
    let page = served.got("/v1/jobs?since=1h&limit=1").await;
    assert_eq!(
        (&page["total"], &page["counts"]["discarded"]),
        (&json!(2), &json!(1))
    );
    let cursor = page["next"].as_str().unwrap();
    let second = format!("since=1h&limit=1&cursor={cursor}");
    let body = served.got(&format!("/v1/jobs?{second}")).await;
    assert_eq!(body["jobs"][0]["id"], dead[0]);
    let (status, _, body) = served
        .json("get", &format!("/v1/jobs?since=2h&cursor={cursor}"), Value::Null)
        .await;
    assert_eq!((status, &body["code"]), (400, &json!("invalid_cursor")));
    let (status, _, body) = served
        .json("get", "/v1/jobs?q=colour:red%20state:x", Value::Null)
        .await;
    assert_eq!(
        (status, body["errors"].as_array().unwrap().len()),
        (422, 2),
        "{body}"
    );
}

#[tokio::test]
async fn a_pause_of_a_kind_that_is_none_is_refused_with_those_that_are() {
    let mut served = served(&[]).await;
    let slip = json!({"query": "kind:remove_roles", "reason": "the import looks wrong"});
    let (status, _, refused) = served.json("post", "/v1/pauses", slip).await;
    assert_eq!(status, 422, "{refused}");
    let told = &refused["errors"][0];
    assert_eq!(told["location"], "/query", "{refused}");
    assert!(
        told["message"].as_str().unwrap().contains("remove_role,"),
        "{refused}"
    );
    assert_eq!(served.got("/v1/pauses").await["pauses"], json!([]));
    let right = json!({"query": "kind:remove_role", "reason": "the import looks wrong"});
    let (status, _, pause) = served.json("post", "/v1/pauses", right).await;
    assert_eq!(status, 201, "{pause}");
}

#[tokio::test]
async fn a_job_says_why_it_waits_and_what_happened_to_it() {
    let mut served = served(&[]).await;
    let first = served.stored(5, 7).await;
    let other = served.stored(5, 8).await;
    let third = served.stored(6, 8).await;
    let job = served.got(&format!("/v1/jobs/{third}")).await;
    assert_eq!(causes(&job), ["behind", "not_sent"]);
    assert_eq!(job["waits_for"][0]["jobs"], 2);
    let pause = json!({"query": "guild:5", "reason": "the bot was moved", "for": "1h"});
    let (status, _, pause) = served.json("post", "/v1/pauses", pause).await;
    assert_eq!(status, 201, "{pause}");
    // What is held back stands in nobody's way.
    let job = served.got(&format!("/v1/jobs/{third}")).await;
    assert_eq!(causes(&job), ["not_sent"]);
    let job = served.got(&format!("/v1/jobs/{other}")).await;
    assert_eq!(causes(&job)[0], "paused");
    assert_eq!(job["waits_for"][0]["pause_id"], pause["id"]);
    let listed = served.got("/v1/jobs").await;
    let held: Vec<&Value> = listed["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|j| &j["paused_by"]["reason"])
        .collect();
    assert_eq!(
        held,
        [
            &Value::Null,
            &json!("the bot was moved"),
            &json!("the bot was moved")
        ]
    );

    let fence = served.claimed(first).await;
    let later = served.app.services.clock.now() + Duration::from_secs(600);
    served
        .failed(first, fence, JobState::Retryable, Some(later))
        .await;
    let (status, _, _) = served
        .json(
            "delete",
            &format!("/v1/pauses/{}", pause["id"].as_str().unwrap()),
            Value::Null,
        )
        .await;
    assert_eq!(status, 204);
    let job = served.got(&format!("/v1/jobs/{first}")).await;
    assert_eq!(causes(&job), ["backoff"]);
    assert!(
        job["waits_for"][0]["message"]
            .as_str()
            .unwrap()
            .starts_with("Failed 1 of ")
    );
    assert_eq!(job["attempts"][0]["error"]["discord_code"], 50_013);
    let events: Vec<&str> = job["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["event"].as_str().unwrap())
        .collect();
    // This attempt's clock was set to 1970.
    assert_eq!(events, ["attempt_began", "attempt_ended", "stored", "due"]);
}

#[tokio::test]
async fn a_job_that_is_busy_names_the_one_that_runs() {
    let mut served = served(&[]).await;
    let first = served.dead(5, 7).await;
    let (status, again) = served.order(first, "clone", json!({"reason": "once more"})).await;
    assert_eq!(status, 201, "{again}");
    let id: JobId = again["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(again["parent"]["id"], first.to_string());
    let parent = served.got(&format!("/v1/jobs/{first}")).await;
    assert_eq!(parent["children"]["newest"][0]["id"], id.to_string());
    assert_eq!(parent["children"]["total"], 1);
    served.claimed(id).await;
    let set = json!({"guild_id": "5", "discord_id": "7", "user_id": "user-7", "role_id": "78"});
    let other: AddRole = serde_json::from_value(set).unwrap();
    let other = Enqueue::new(&other, Cause::new("test", ""));
    let other = served.app.queue.insert(vec![other]).await.unwrap()[0].id();
    let job = served.got(&format!("/v1/jobs/{other}")).await;
    assert_eq!(causes(&job), ["busy", "not_sent"]);
    assert_eq!(job["waits_for"][0]["job_id"], id.to_string());
    let (status, body) = served.order(first, "clone", Value::Null).await;
    assert_eq!((status, &body["code"]), (409, &json!("twin_is_live")), "{body}");
    assert!(body["detail"].as_str().unwrap().contains(&id.to_string()));
}

#[tokio::test]
async fn orders_change_a_job_once_and_are_recorded_with_who_why_and_which_request() {
    let mut served = served(&[]).await;
    let dead = served.dead(5, 7).await;
    let (status, body) = served.order(dead, "cancel", json!({})).await;
    assert_eq!((status, &body["code"]), (409, &json!("job_is_final")), "{body}");
    assert!(served.records(&format!("job:{dead}")).await.is_empty());

    let path = format!("/v1/jobs/{dead}/retry");
    let (status, _, job) = served
        .text(
            "post",
            &path,
            &[("x-request-id", "r-1")],
            r#"{"reason": "moved up"}"#,
        )
        .await;
    assert_eq!((status, &job["state"]), (200, &json!("available")), "{job}");
    let records = served.records(&format!("job:{dead}")).await;
    assert_eq!((records.len(), records[0].action.as_str()), (1, "job.redriven"));
    assert_eq!(
        (records[0].actor.as_str(), records[0].request_id.as_deref()),
        (ADMIN, Some("r-1"))
    );
    let after = records[0].after.as_ref().unwrap();
    assert_eq!(
        (records[0].reason.as_deref(), &after["state"]),
        (Some("moved up"), &json!("available"))
    );
    assert_eq!(records[0].before.as_ref().unwrap()["state"], "discarded");

    let (status, body) = served.order(dead, "retry", json!({})).await;
    assert_eq!((status, &body["code"]), (409, &json!("job_is_live")), "{body}");
    let (status, job) = served.order(dead, "reschedule", json!({"in": "10m"})).await;
    assert_eq!((status, &job["state"]), (200, &json!("scheduled")));
    assert_eq!(causes(&job), ["delayed"]);
    let (status, _) = served
        .order(dead, "reschedule", json!({"run_at": "2020-01-01T00:00:00Z"}))
        .await;
    assert_eq!(status, 200);
    served.claimed(dead).await;
    let (status, body) = served.order(dead, "discard", json!({})).await;
    assert_eq!((status, &body["code"]), (409, &json!("job_is_live")), "{body}");
    let (status, job) = served.order(dead, "cancel", json!({"reason": "enough"})).await;
    assert_eq!((status, &job["state"]), (202, &json!("running")));
    assert_eq!(job["cancel_by"], "user:ada (enough)");

    let waiting = served.stored(5, 9).await;
    let (status, job) = served.order(waiting, "discard", json!({})).await;
    assert_eq!((status, &job["state"]), (200, &json!("discarded")));
    let twin = served.stored(5, 9).await;
    let (status, body) = served.order(waiting, "retry", json!({})).await;
    assert_eq!((status, &body["code"]), (409, &json!("twin_is_live")), "{body}");
    assert!(body["detail"].as_str().unwrap().contains(&twin.to_string()));
    for (order, body, expected) in [
        ("reschedule", json!({}), 422),
        ("reschedule", json!({"in": "soon"}), 422),
        (
            "reschedule",
            json!({"in": "1m", "run_at": "2099-01-01T00:00:00Z"}),
            422,
        ),
        ("cancel", json!({"why": "x"}), 422),
    ] {
        assert_eq!(
            served.order(waiting, order, body.clone()).await.0,
            expected,
            "{order} {body}"
        );
    }
}

#[tokio::test]
async fn a_pause_is_made_listed_and_ended_by_who_may_manage_jobs() {
    let mut served = served(&[]).await;
    let reader = served.key(&[permission::JOBS_READ], 60_000).await;
    assert_eq!(served.bearer("get", "/v1/pauses", &reader).await.0, 200);
    let refused = served.bearer("post", "/v1/pauses", &reader).await;
    assert_eq!(refused, (403, "permission_denied".to_owned()));
    let body = json!({"query": "queue:bulk kind:add_role", "reason": "looking"});
    let (status, _, pause) = served.json("post", "/v1/pauses", body).await;
    assert_eq!(
        (status, &pause["holds"]),
        (201, &json!("queue:bulk kind:add_role"))
    );
    assert_eq!(
        (&pause["author"], &pause["until"], &pause["is_on"]),
        (&json!(ADMIN), &Value::Null, &json!(true))
    );
    let listed = served.got("/v1/pauses").await;
    assert_eq!(listed["pauses"], json!([pause]));
    let path = format!("/v1/pauses/{}", pause["id"].as_str().unwrap());
    assert_eq!(served.json("delete", &path, Value::Null).await.0, 204);
    let (status, _, body) = served.json("delete", &path, Value::Null).await;
    assert_eq!((status, &body["code"]), (404, &json!("unknown_pause")));
    let records = served
        .records(&format!("pause:{}", pause["id"].as_str().unwrap()))
        .await;
    let acts: Vec<&str> = records.iter().map(|r| r.action.as_str()).collect();
    assert_eq!(acts, ["pause.ended", "pause.added"]);
    assert!(records.iter().all(|r| r.request_id.is_some()));
}
