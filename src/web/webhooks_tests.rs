//! Endpoints over HTTP, and what is sent to a real receiver.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use rolecall_core::cause::Cause;
use rolecall_core::dead_letter::Said;
use rolecall_core::error::JobError;
use rolecall_core::job::Job as Record;
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::JobFilter;
use rolecall_jobs::deliver_webhook::DeliverWebhook;
use rolecall_jobs::kernel::event_watch::EventWatch;
use rolecall_jobs::kernel::job::Job;
use serde_json::{Value, json};
use sha2::Sha256;

use super::access_tests::{Served, served};
use crate::testing::context_of;

const OPEN: [(&str, &str); 2] = [
    ("ROLECALL_WEBHOOKS_ALLOW_HTTP", "true"),
    ("ROLECALL_WEBHOOKS_ALLOW_PRIVATE", "true"),
];

/// What an endpoint answers, in turn, and what it was sent.
#[derive(Clone, Default)]
struct Receiver {
    answers: Arc<Mutex<Vec<u16>>>,
    sent: Arc<Mutex<Vec<(HeaderMap, String)>>>,
}

impl Receiver {
    async fn start(answers: &[u16]) -> (Self, String) {
        let receiver = Self::default();
        *receiver.answers.lock().unwrap() = answers.iter().rev().copied().collect();
        let routes = Router::new().fallback(take).with_state(receiver.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (receiver, url)
    }

    fn header(&self, n: usize, name: &str) -> String {
        let sent = self.sent.lock().unwrap();
        sent[n].0[name].to_str().unwrap().to_owned()
    }

    fn body(&self, n: usize) -> String {
        self.sent.lock().unwrap()[n].1.clone()
    }

    /// Whether message `n` is signed with this secret.
    fn is_signed(&self, n: usize, secret: &str) -> bool {
        let key = BASE64_STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap())
            .unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        for part in [
            &self.header(n, "webhook-id"),
            ".",
            &self.header(n, "webhook-timestamp"),
            ".",
            &self.body(n),
        ] {
            mac.update(part.as_bytes());
        }
        let wanted = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        self.header(n, "webhook-signature")
            .split(' ')
            .any(|one| one == wanted)
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> StatusCode {
    receiver.sent.lock().unwrap().push((headers, body));
    let answer = receiver.answers.lock().unwrap().pop().unwrap_or(200);
    StatusCode::from_u16(answer).unwrap()
}

impl Served {
    async fn endpoint(&mut self, body: Value) -> (String, String) {
        let (status, headers, made) = self.json("post", "/v1/webhooks", body).await;
        assert_eq!(status, 201, "{made:#}");
        assert_eq!(headers["cache-control"], "no-store");
        (
            format!("/v1/webhooks/{}", made["id"].as_str().unwrap()),
            made["secret"].as_str().unwrap_or_default().to_owned(),
        )
    }

    /// Deliveries, the oldest first.
    async fn deliveries(&self, kind: &str) -> Vec<Record> {
        let filter = JobFilter {
            kind: Some(kind.to_owned()),
            ..JobFilter::default()
        };
        let mut all = self.app.services.ledger.list(&filter, None, 99).await.unwrap();
        all.reverse();
        all
    }

    /// Does a delivery once, as a worker would.
    async fn deliver(&self, job: &Record) -> Result<Outcome, JobError> {
        let (context, _lease) = context_of::<DeliverWebhook>(&self.app);
        let delivery: DeliverWebhook = serde_json::from_value(job.payload.clone()).unwrap();
        delivery.run(&context).await
    }

    fn watch(&self) -> EventWatch {
        EventWatch {
            services: Arc::clone(&self.app.services),
            queue: self.app.queue.clone(),
            worker: "worker-1".to_owned(),
        }
    }
}

#[tokio::test]
async fn a_message_has_the_same_id_at_every_attempt_and_both_signatures_while_its_secret_is_replaced() {
    let mut served = served(&OPEN).await;
    let (receiver, url) = Receiver::start(&[500, 302, 204]).await;
    let (place, secret) = served.endpoint(json!({ "url": url })).await;
    let (status, _, _) = served.json("post", &format!("{place}/test"), json!({})).await;
    assert_eq!(status, 202);
    let job = served.deliveries("deliver_webhook").await.remove(0);
    assert_eq!(served.deliver(&job).await.unwrap_err().http_status, Some(500));
    assert!(receiver.is_signed(0, &secret));
    assert!(!receiver.is_signed(0, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    let (status, _, rotated) = served.json("post", &format!("{place}/rotate"), json!({})).await;
    assert_eq!(status, 200, "{rotated:#}");
    assert_eq!(served.deliver(&job).await.unwrap_err().code, "webhook_redirects");
    let shown = served.got(&place).await;
    assert_eq!((&shown["failures"], &shown["secret"]), (&json!(2), &Value::Null));
    served.deliver(&job).await.unwrap();
    assert_eq!(served.got(&place).await["failures"], 0);
    let new = rotated["secret"].as_str().unwrap();
    for n in [1, 2] {
        assert!(
            receiver.is_signed(n, &secret) && receiver.is_signed(n, new),
            "{n}"
        );
        assert_eq!(receiver.header(n, "webhook-id"), receiver.header(0, "webhook-id"));
        assert_eq!(receiver.body(n), receiver.body(0));
    }
    let body: Value = serde_json::from_str(&receiver.body(0)).unwrap();
    assert_eq!(body["type"], "webhook.test");
    assert!(!job.payload.to_string().contains("whsec_"));
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_switched_off_and_the_others_are_told() {
    let mut served = served(&OPEN).await;
    let (_, url) = Receiver::start(&[410]).await;
    let (place, _) = served
        .endpoint(json!({ "url": url, "description": "the pager" }))
        .await;
    let (_, other) = Receiver::start(&[]).await;
    served
        .endpoint(json!({ "url": other, "events": ["webhook.disabled"] }))
        .await;
    served.json("post", &format!("{place}/test"), json!({})).await;
    let job = served.deliveries("deliver_webhook").await.remove(0);
    let done = served.deliver(&job).await.unwrap();
    assert_eq!(done.reason.as_deref(), Some("endpoint_gone"));
    let shown = served.got(&place).await;
    assert_eq!(shown["enabled"], false);
    assert!(shown["disabled_reason"].as_str().unwrap().contains("410"));
    let told = served.deliveries("deliver_webhook").await.remove(1);
    assert_eq!(told.payload["event"], "webhook.disabled");
    let (status, code) = {
        let (status, _, answer) = served.json("post", &format!("{place}/test"), json!({})).await;
        (status, answer["code"].clone())
    };
    assert_eq!((status, code), (409, json!("webhook_disabled")));
    let (_, _, on) = served.json("patch", &place, json!({ "enabled": true })).await;
    assert_eq!(
        (&on["enabled"], &on["disabled_reason"]),
        (&json!(true), &Value::Null)
    );
}

#[tokio::test]
async fn a_cause_is_told_once_when_it_opens_and_once_when_it_is_back() {
    let mut served = served(&OPEN).await;
    served.dead(5, 1).await;
    let (_, url) = Receiver::start(&[]).await;
    served.endpoint(json!({ "url": url })).await;
    served
        .endpoint(json!({ "guild_id": "5", "channel_id": "7" }))
        .await;
    let told = async |served: &Served| -> Vec<Value> {
        let all = served.deliveries("deliver_webhook").await;
        all.into_iter().map(|job| job.payload["event"].clone()).collect()
    };
    served.watch().look().await.unwrap();
    assert_eq!(
        told(&served).await,
        Vec::<Value>::new(),
        "it was there before the endpoint"
    );
    let cause = {
        let all = served
            .app
            .services
            .ledger
            .list(&JobFilter::default(), None, 9)
            .await
            .unwrap();
        all.into_iter().find_map(|job| job.fingerprint).unwrap()
    };
    let by = Cause::new("user:ada", "mended").into();
    served
        .app
        .steering
        .mark_cause(&cause, Said::Resolved, &by)
        .await
        .unwrap();
    let marked = served.app.services.clock.now();
    while served.app.services.clock.now() == marked {
        tokio::task::yield_now().await;
    }
    served.dead(5, 2).await;
    for _ in 0..3 {
        served.watch().look().await.unwrap();
    }
    assert_eq!(told(&served).await, ["group.reopened"]);
    let message = served.deliveries("notify_channel").await.remove(0);
    let content = message.payload["content"].as_str().unwrap().to_owned();
    assert!(
        content.contains("group.reopened") && content.contains(&cause),
        "{content}"
    );
}

#[tokio::test]
async fn an_address_inside_is_refused_and_a_body_that_contradicts_itself_too() {
    let mut served = served(&[]).await;
    for body in [
        json!({}),
        json!({ "url": "https://127.0.0.1/x" }),
        json!({ "url": "http://ops.example.com" }),
        json!({ "url": "https://ops.example.com", "guild_id": "5", "channel_id": "7" }),
        json!({ "guild_id": "5" }),
        json!({ "url": "https://ops.example.com", "events": ["queue.lat"] }),
    ] {
        let (status, _, answer) = served.json("post", "/v1/webhooks", body.clone()).await;
        assert_eq!(status, 422, "{body} {answer}");
    }
    let missing = "/v1/webhooks/019a2c8e-5b1d-7c3a-9f00-0123456789ab";
    let (status, _, answer) = served.json("patch", missing, json!({ "enabled": true })).await;
    assert_eq!((status, &answer["code"]), (404, &json!("unknown_webhook")));
}
