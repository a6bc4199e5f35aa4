//! What is done under an `Idempotency-Key` is done once.

use std::time::Duration;

use axum::http::Method;
use rolecall_core::Timestamp;
use rolecall_core::ports::JobFilter;
use rolecall_core::replies::{Admission, Asked};
use rolecall_core::secrets::SecretKind;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::access_tests::{Served, served, token};
use super::audit_tests::running;
use super::http::repeats;

const KEY: (&str, &str) = ("idempotency-key", "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"");
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
    let bare = ("idempotency-key", "8e03978e-40d5-43dd-bc93-6894a57f9324");
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
    let now = served.app.services.clock.now();
    let name = repeats::name_of("user:ada", "8e03978e-40d5-43dd-bc93-6894a57f9324");
    let begun = |at: Timestamp| Asked {
        key: name.clone(),
        fingerprint: repeats::fingerprint(&Method::POST, "/v1/runs", b"{}"),
        holder: uuid::Uuid::now_v7(),
        at,
        until: now + Duration::from_secs(3_600),
    };
    // Another process began it.
    let other = begun(now);
    let replies = served.app.services.replies.clone();
    assert_eq!(replies.begin(&other).await.unwrap(), Admission::Go);
    let (status, headers, body) = served.text("post", "/v1/runs", &[KEY], "{}").await;
    assert_eq!(
        (status, &body["code"]),
        (409, &json!("request_under_way")),
        "{body}"
    );
    assert_eq!(headers["retry-after"], "1");
    replies.end(&other, None).await.unwrap();
    // It began a minute ago, and nothing was heard of it since.
    let dead = begun(Timestamp(now.0 - 61_000));
    assert_eq!(replies.begin(&dead).await.unwrap(), Admission::Go);
    let (status, _, run) = served.text("post", "/v1/runs", &[KEY], "{}").await;
    assert_eq!(status, 202, "{run}");
    // If the dead one had stored its run, it would be this one.
    assert_eq!(run["id"], repeats::repeatable(&name).to_string());
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

    /// As if the process had died after the act and before its answer was kept, and its key had become free.
    async fn dies_before_the_answer_is_kept(&self) {
        let services = &self.app.services;
        let long_after = services.clock.now() + Duration::from_secs(10 * 86_400);
        assert_eq!(services.replies.prune(long_after, 9).await.unwrap(), 1);
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
        served.dies_before_the_answer_is_kept().await;
        let (again, _, second) = served.text("post", &place, &headers, &body.to_string()).await;
        assert_eq!(
            (again, &second[name]),
            (status, &first[name]),
            "{place}: {second}"
        );
        assert!(first[name].is_string(), "{place}: {first}");
        assert_eq!(served.stock().await, stock, "{place}");
        served.dies_before_the_answer_is_kept().await;
    }
}

#[tokio::test]
async fn an_order_whose_jobs_have_moved_on_meanwhile_is_answered_all_the_same() {
    let mut served = served(&[]).await;
    let place = format!("/v1/runs/{}/retry", running(&served).await);
    let (_, _, first) = served.text("post", &place, &[KEY], "{}").await;
    served.dies_before_the_answer_is_kept().await;
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
    served.dies_before_the_answer_is_kept().await;
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
