//! What is done under an `Idempotency-Key` is done once.

use std::time::Duration;

use axum::http::Method;
use rolecall_core::Timestamp;
use rolecall_core::ports::JobFilter;
use rolecall_core::replies::{Admission, Asked};
use rolecall_core::secrets::SecretKind;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use super::access_tests::{Served, served, token};
use super::audit_tests::running;
use super::http::repeats;

const KEY: (&str, &str) = ("idempotency-key", "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"");
/// The same without quotes.
const BARE: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";
const PAUSE: &str = r#"{"query": "kind:add_role", "reason": "once"}"#;

#[tokio::test]
async fn a_request_that_is_repeated_with_its_key_is_answered_as_before_and_done_once() {
    let mut served = served(&[]).await;
    let (status, headers, first) = served.text("post", "/v1/pauses", &[KEY], PAUSE).await;
    assert_eq!(
        (status, headers.get("idempotency-replayed")),
        (201, None),
        "{first}"
    );
    // Written in another way, and the key bare: it is the same request.
    let bare = ("idempotency-key", BARE);
    let (status, headers, again) = served
        .text(
            "post",
            "/v1/pauses",
            &[bare],
            r#"{"reason":"once","query":"kind:add_role"}"#,
        )
        .await;
    assert_eq!((status, again), (201, first.clone()));
    assert_eq!(headers["idempotency-replayed"], "true");
    assert_eq!(headers["content-type"], "application/json");
    let other = r#"{"query": "kind:add_role", "reason": "another"}"#;
    let (status, _, body) = served.text("post", "/v1/pauses", &[KEY], other).await;
    assert_eq!(
        (status, &body["code"]),
        (422, &json!("idempotency_key_reused")),
        "{body}"
    );
    let (status, _, body) = served.text("post", "/v1/bulk", &[KEY], PAUSE).await;
    assert_eq!(
        (status, &body["code"]),
        (422, &json!("idempotency_key_reused")),
        "{body}"
    );
    assert_eq!(served.actions().await, ["pause.added"]);
    // Without it, or with another, it is another request.
    let fresh = ("idempotency-key", "another");
    for headers in [&[][..], &[fresh]] {
        let (status, _, pause) = served.text("post", "/v1/pauses", headers, PAUSE).await;
        assert_eq!(status, 201);
        assert_ne!(pause["id"], first["id"]);
    }
}

#[tokio::test]
async fn a_key_belongs_to_its_caller_and_opens_nothing() {
    let mut served = served(&[("ROLECALL_JOBS_MANAGE_GROUPS", "managers")]).await;
    let (_, _, first) = served.text("post", "/v1/pauses", &[KEY], PAUSE).await;
    let plain = token("bob", true);
    let bearer = format!("Bearer {plain}");
    let as_bob = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        KEY,
    ];
    let answer = served.ask("post", "/v1/pauses", &as_bob, PAUSE).await;
    assert_eq!(answer.status(), 201);
    let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    let bobs: Value = serde_json::from_slice(&bytes).unwrap();
    assert_ne!(bobs["id"], first["id"]);
    let nobody = served.ask("post", "/v1/pauses", &[KEY], PAUSE).await;
    assert_eq!(nobody.status(), 401);
    // A refusal is not kept: who may later gets a real answer.
    let plain = served.plain.clone();
    let bearer = format!("Bearer {plain}");
    let other = ("idempotency-key", "k-2");
    let as_ada = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        other,
    ];
    assert_eq!(
        served.ask("post", "/v1/pauses", &as_ada, PAUSE).await.status(),
        403
    );
    let (status, _, _) = served.text("post", "/v1/pauses", &[other], PAUSE).await;
    assert_eq!(status, 201);
}

#[tokio::test]
async fn what_was_wrong_is_answered_as_before_with_the_trace_of_the_first_request() {
    let mut served = served(&[]).await;
    let (status, first_headers, first) = served.text("post", "/v1/pauses", &[KEY], "{}").await;
    assert_eq!((status, &first["code"]), (422, &json!("validation_failed")));
    let (status, headers, again) = served.text("post", "/v1/pauses", &[KEY], "{}").await;
    assert_eq!((status, &again), (422, &first));
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(headers["idempotency-replayed"], "true");
    assert_ne!(headers["x-request-id"], first_headers["x-request-id"]);
    for bad in ["", "\"", "a\"b", &"x".repeat(256)] {
        let (status, _, body) = served
            .text("post", "/v1/pauses", &[("idempotency-key", bad)], PAUSE)
            .await;
        assert_eq!(
            (status, &body["code"]),
            (400, &json!("idempotency_key_invalid")),
            "{bad:?}"
        );
    }
    let twice = [KEY, ("idempotency-key", "b")];
    let (status, _, _) = served.text("post", "/v1/pauses", &twice, PAUSE).await;
    assert_eq!(status, 400);
    assert_eq!(served.actions().await, Vec::<String>::new());
}

#[tokio::test]
async fn while_a_request_is_under_way_its_repeat_is_told_so_and_one_whose_process_died_is_done_again() {
    let mut served = served(&[]).await;
    super::callers_tests::with_ada(&served).await;
    // Another process began it.
    let first = Uuid::now_v7();
    let admitted = served.begun(BARE, "/v1/runs", "{}", first, 0).await;
    assert_eq!(admitted, Admission::Go { work: first });
    let (status, headers, body) = served.text("post", "/v1/runs", &[KEY], "{}").await;
    assert_eq!(
        (status, &body["code"]),
        (409, &json!("request_under_way")),
        "{body}"
    );
    assert_eq!(headers["retry-after"], "1");
    // It began a minute ago, and nothing was heard of it since.
    served
        .dies_before_the_answer_is_kept(BARE, "/v1/runs", "{}", &json!(first))
        .await;
    let (status, _, run) = served.text("post", "/v1/runs", &[KEY], "{}").await;
    assert_eq!(status, 202, "{run}");
    // If the dead one had stored its run, it would be this one.
    assert_eq!(run["id"], json!(first));
}

/// A POST that makes something: where, with what, and the name of what it made in its answer.
async fn makers(served: &mut Served) -> Vec<(String, Value, &'static str)> {
    let dead = served.dead(5, 1).await;
    let run = running(served).await;
    let hook = json!({"url": "https://ops.example.com/rolecall"});
    let (_, _, endpoint) = served.json("post", "/v1/webhooks", hook.clone()).await;
    let endpoint = endpoint["id"].as_str().unwrap();
    let bulk = json!({"action": "cancel", "query": "guild:5"});
    vec![
        (
            "/v1/pauses".to_owned(),
            serde_json::from_str(PAUSE).unwrap(),
            "id",
        ),
        ("/v1/bulk".to_owned(), bulk, "id"),
        (format!("/v1/jobs/{dead}/clone"), json!({}), "id"),
        (format!("/v1/runs/{run}/retry"), json!({}), "id"),
        ("/v1/schedules/retention/run".to_owned(), json!({}), "job_id"),
        ("/v1/webhooks".to_owned(), hook, "id"),
        (format!("/v1/webhooks/{endpoint}/test"), json!({}), "job_id"),
    ]
}

impl Served {
    /// How much there is of everything that a POST may make.
    async fn stock(&self) -> (u64, usize, usize) {
        let services = &self.app.services;
        let jobs = services.ledger.counts(&JobFilter::default()).await.unwrap();
        let pauses = services.pauses.list().await.unwrap();
        let endpoints = services.webhooks.list().await.unwrap();
        (jobs.iter().map(|(_, n)| n).sum(), pauses.len(), endpoints.len())
    }

    /// The answer is kept no longer.
    async fn its_time_is_over(&self) {
        let services = &self.app.services;
        let long_after = services.clock.now() + Duration::from_secs(10 * 86_400);
        assert_eq!(services.replies.prune(long_after, 9).await.unwrap(), 1);
    }

    /// The secret of the one endpoint, and the one before it.
    async fn secrets(&self) -> [Value; 2] {
        let services = &self.app.services;
        let stored = services.webhooks.list().await.unwrap().remove(0);
        let id = stored.endpoint.id.to_string();
        [
            (SecretKind::WebhookSecret, &stored.secret),
            (SecretKind::OldWebhookSecret, &stored.old_secret),
        ]
        .map(|(kind, sealed)| {
            let secret = services.vault.open(sealed, &kind.place(&id)).unwrap();
            json!(secret.expose_secret())
        })
    }

    /// As if the process had died after the act and before its answer was kept, a minute ago.
    async fn dies_before_the_answer_is_kept(&self, key: &str, place: &str, body: &str, work: &Value) {
        self.its_time_is_over().await;
        let work = work.as_str().unwrap().parse().unwrap();
        let admitted = self.begun(key, place, body, work, 61_000).await;
        assert_eq!(admitted, Admission::Go { work });
    }

    /// A request of ada that came so many milliseconds ago, to another process.
    async fn begun(&self, key: &str, place: &str, body: &str, holder: Uuid, ago: i64) -> Admission {
        let now = self.app.services.clock.now();
        let asked = Asked {
            key: repeats::name_of("user:ada", key),
            fingerprint: repeats::fingerprint(&Method::POST, place, body.as_bytes()),
            holder,
            at: Timestamp(now.0 - ago),
            until: now + Duration::from_secs(3_600),
        };
        self.app.services.replies.begin(&asked).await.unwrap()
    }
}

#[tokio::test]
async fn what_was_made_before_a_process_died_is_made_once_whatever_it_is() {
    let mut served = served(&[]).await;
    for (n, (place, body, name)) in makers(&mut served).await.into_iter().enumerate() {
        let key = format!("died-{n}");
        let headers = [("idempotency-key", key.as_str())];
        let (status, _, first) = served.text("post", &place, &headers, &body.to_string()).await;
        assert!((200..300).contains(&status), "{place}: {status} {first}");
        let stock = served.stock().await;
        let body = body.to_string();
        served
            .dies_before_the_answer_is_kept(&key, &place, &body, &first[name])
            .await;
        let (again, _, second) = served.text("post", &place, &headers, &body).await;
        assert_eq!(
            (again, &second[name]),
            (status, &first[name]),
            "{place}: {second}"
        );
        assert!(first[name].is_string(), "{place}: {first}");
        assert_eq!(served.stock().await, stock, "{place}");
        served.its_time_is_over().await;
    }
}

#[tokio::test]
async fn an_order_whose_jobs_have_moved_on_meanwhile_is_answered_all_the_same() {
    let mut served = served(&[]).await;
    let place = format!("/v1/runs/{}/retry", running(&served).await);
    let (_, _, first) = served.text("post", &place, &[KEY], "{}").await;
    served
        .dies_before_the_answer_is_kept(BARE, &place, "{}", &first["id"])
        .await;
    let failed = served
        .app
        .services
        .ledger
        .list(&JobFilter::default(), None, 9)
        .await
        .unwrap();
    for job in failed.iter().filter(|job| job.state.is_final()) {
        let again = rolecall_core::ports::Redrive::default();
        served.app.services.control.redrive(job.id, &again).await.unwrap();
    }
    let (status, _, second) = served.text("post", &place, &[KEY], "{}").await;
    assert_eq!((status, &second["id"]), (202, &first["id"]), "{second}");
    // Whoever asks anew is told that there is nothing to do.
    let (status, _, other) = served.text("post", &place, &[], "{}").await;
    assert_eq!((status, &other["code"]), (409, &json!("nothing_failed")));
}

#[tokio::test]
async fn a_secret_that_died_with_its_process_is_replaced_by_the_one_that_is_told() {
    let mut served = served(&[]).await;
    let hook = json!({"url": "https://ops.example.com/rolecall"}).to_string();
    let (_, _, first) = served.text("post", "/v1/webhooks", &[KEY], &hook).await;
    served
        .dies_before_the_answer_is_kept(BARE, "/v1/webhooks", &hook, &first["id"])
        .await;
    let (status, _, second) = served.text("post", "/v1/webhooks", &[KEY], &hook).await;
    assert_eq!((status, &second["id"]), (201, &first["id"]));
    let (told, lost) = (
        second["secret"].as_str().unwrap(),
        first["secret"].as_str().unwrap(),
    );
    assert_ne!(told, lost);
    let services = &served.app.services;
    let stored = services.webhooks.list().await.unwrap().remove(0);
    let place = SecretKind::WebhookSecret.place(&stored.endpoint.id.to_string());
    let secret = services.vault.open(&stored.secret, &place).unwrap();
    assert_eq!(secret.expose_secret(), told);
}

#[tokio::test]
async fn a_key_whose_time_is_over_is_as_good_as_new() {
    let mut served = served(&[]).await;
    super::callers_tests::with_ada(&served).await;
    let other = r#"{"query": "kind:remove_role", "reason": "another"}"#;
    for (place, bodies) in [("/v1/runs", ["{}", "{}"]), ("/v1/pauses", [PAUSE, other])] {
        let mut made = Vec::new();
        for body in bodies {
            let (status, _, answer) = served.text("post", place, &[KEY], body).await;
            assert!((200..300).contains(&status), "{place}: {status} {answer}");
            made.push(answer["id"].clone());
            served.its_time_is_over().await;
        }
        assert_ne!(made[0], made[1], "{place}");
    }
    assert_eq!(served.app.services.pauses.list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_secret_that_is_replaced_again_because_a_process_died_leaves_what_receivers_know() {
    let mut served = served(&[]).await;
    let hook = json!({"url": "https://ops.example.com/rolecall"}).to_string();
    let (_, _, made) = served.text("post", "/v1/webhooks", &[], &hook).await;
    let rotate = format!("/v1/webhooks/{}/rotate", made["id"].as_str().unwrap());
    served.text("post", &rotate, &[KEY], "{}").await;
    let first = served.app.services.webhooks.list().await.unwrap().remove(0);
    let work = json!(first.endpoint.rotated_by);
    served
        .dies_before_the_answer_is_kept(BARE, &rotate, "{}", &work)
        .await;
    let (status, _, told) = served.text("post", &rotate, &[KEY], "{}").await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(
        served.secrets().await.each_ref(),
        [&told["secret"], &made["secret"]]
    );
    let stored = served.app.services.webhooks.list().await.unwrap().remove(0);
    assert_eq!(stored.endpoint.old_secret_until, first.endpoint.old_secret_until);
    // Another request replaces what was told.
    let (_, _, next) = served.text("post", &rotate, &[], "{}").await;
    assert_eq!(
        served.secrets().await.each_ref(),
        [&next["secret"], &told["secret"]]
    );
}

#[tokio::test]
async fn a_schedule_that_is_run_again_because_a_process_died_has_one_tick() {
    let mut served = served(&[]).await;
    let place = "/v1/schedules/retention/run";
    let (_, _, first) = served.text("post", place, &[KEY], "{}").await;
    served
        .dies_before_the_answer_is_kept(BARE, place, "{}", &first["job_id"])
        .await;
    let (status, _, second) = served.text("post", place, &[KEY], "{}").await;
    assert_eq!((status, &second["job_id"]), (202, &first["job_id"]));
    let all = served.got("/v1/schedules").await;
    let schedules = all["schedules"].as_array().unwrap();
    let retention = schedules.iter().find(|s| s["name"] == "retention").unwrap();
    assert_eq!(retention["results"].as_array().unwrap().len(), 1, "{retention}");
}
