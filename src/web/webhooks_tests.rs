//! Endpoints over HTTP, and what is sent to a real receiver.

use std::sync::Arc;

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

use super::access_tests::{Served, served};
use crate::receiver::{OPEN, Receiver};
use crate::testing::context_of;

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

    async fn code_of(&mut self, path: &str) -> (u16, String) {
        let admin = self.admin.clone();
        self.bearer("get", path, &admin).await
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
    for _ in 0..2 {
        served.watch().look().await.unwrap();
    }
    let all = served.deliveries("deliver_webhook").await;
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(all[1].payload["event"], "webhook.disabled");
    let records = served.got("/v1/audit?action=webhook.disabled").await;
    assert_eq!(records["records"][0]["actor"], "system:events", "{records:#}");
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

#[tokio::test]
async fn deliveries_of_an_endpoint_are_listed_with_their_answers_and_those_of_others_are_not() {
    let mut served = served(&OPEN).await;
    let (_, url) = Receiver::start(&[502, 204]).await;
    let (place, _) = served.endpoint(json!({ "url": url })).await;
    let (other, _) = served.endpoint(json!({ "url": url })).await;
    for place in [&place, &place, &other] {
        let (status, _, _) = served.json("post", &format!("{place}/test"), json!({})).await;
        assert_eq!(status, 202);
    }
    let list = format!("{place}/deliveries");
    let found = served.got(&list).await;
    assert_eq!(
        (&found["total"], &found["deliveries"][0]["last_status"]),
        (&json!(2), &Value::Null)
    );
    assert_eq!(found["deliveries"][0]["event"], "webhook.test");
    let id = place.rsplit('/').next().unwrap();
    let jobs = served.got(&format!("/v1/jobs?q=webhook:{id}")).await;
    assert_eq!(jobs["total"], 2);
    assert_eq!(jobs["jobs"][0]["subject"]["webhook_id"], id);
    // A page, and the one after it.
    let first = served.got(&format!("{list}?limit=1")).await;
    let next = first["next"].as_str().unwrap();
    let second = served.got(&format!("{list}?limit=1&cursor={next}")).await;
    assert_ne!(
        first["deliveries"][0]["job_id"],
        second["deliveries"][0]["job_id"]
    );
    assert_eq!(second["next"], Value::Null);
    let (status, _) = served
        .code_of(&format!("{other}/deliveries?limit=1&cursor={next}"))
        .await;
    assert_eq!(status, 400, "a cursor of another endpoint's list");
    assert_eq!(served.got(&format!("{list}?state=completed")).await["total"], 0);
    let missing = "/v1/webhooks/019a2c8e-5b1d-7c3a-9f00-0123456789ab/deliveries";
    assert_eq!(served.code_of(missing).await, (404, "unknown_webhook".to_owned()));
    let twice = format!("{list}?q=webhook:{id}");
    assert_eq!(served.code_of(&twice).await.0, 422);
}
