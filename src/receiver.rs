//! For tests: an endpoint that checks what it is sent with the library of those who specified the signatures.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use standardwebhooks::Webhook;

/// What allows an endpoint on this machine.
pub(crate) const OPEN: [(&str, &str); 2] = [
    ("ROLECALL_WEBHOOKS_ALLOW_HTTP", "true"),
    ("ROLECALL_WEBHOOKS_ALLOW_PRIVATE", "true"),
];

/// What an endpoint answers, in turn, and what it was sent.
#[derive(Clone, Default)]
pub(crate) struct Receiver {
    answers: Arc<Mutex<Vec<u16>>>,
    sent: Arc<Mutex<Vec<(HeaderMap, String)>>>,
}

impl Receiver {
    /// Answers so, and with 200 from then on.
    pub(crate) async fn start(answers: &[u16]) -> (Self, String) {
        let receiver = Self::default();
        *receiver.answers.lock().unwrap() = answers.iter().rev().copied().collect();
        let routes = Router::new().fallback(take).with_state(receiver.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (receiver, url)
    }

    pub(crate) fn header(&self, n: usize, name: &str) -> String {
        let sent = self.sent.lock().unwrap();
        sent[n].0[name].to_str().unwrap().to_owned()
    }

    pub(crate) fn body(&self, n: usize) -> String {
        self.sent.lock().unwrap()[n].1.clone()
    }

    /// Whether message `n` is signed with this secret, and new.
    pub(crate) fn is_signed(&self, n: usize, secret: &str) -> bool {
        let (headers, body) = self.sent.lock().unwrap()[n].clone();
        let webhook = Webhook::new(secret).unwrap();
        webhook.verify(body.as_bytes(), &headers).is_ok()
    }

    /// The events of all messages so far, each of them signed with this secret.
    #[track_caller]
    pub(crate) fn events(&self, secret: &str) -> Vec<Value> {
        let count = self.sent.lock().unwrap().len();
        let read = |n| {
            assert!(self.is_signed(n, secret), "message {n}");
            serde_json::from_str(&self.body(n)).unwrap()
        };
        (0..count).map(read).collect()
    }

    /// Waits until so many messages have come.
    pub(crate) async fn until(&self, count: usize) {
        let waited = tokio::time::timeout(Duration::from_secs(60), async {
            while self.sent.lock().unwrap().len() < count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert!(waited.await.is_ok(), "waited in vain for message {count}");
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> StatusCode {
    receiver.sent.lock().unwrap().push((headers, body));
    let answer = receiver.answers.lock().unwrap().pop().unwrap_or(200);
    StatusCode::from_u16(answer).unwrap()
}
