//! A stand-in for Discord that answers what a test tells it to, and a limiter that notes what it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use futures::StreamExt as _;
use rolecall_adapters::discord::{DiscordClient, DiscordSettings};
use rolecall_core::ids::JobId;
use rolecall_core::job::Lane;
use rolecall_core::ports::{Answer, BotToken, Budget, CallOptions, Limiter, Permission, Route};

/// What the stub answers to one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: Bytes,
    pub(crate) delay: Duration,
    /// Break the connection off after the body.
    pub(crate) breaks_off: bool,
}

pub(crate) fn reply(status: u16, body: impl Into<Bytes>) -> Reply {
    Reply {
        status,
        body: body.into(),
        ..Reply::default()
    }
}

/// A request that the stub got.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|v| v.to_str().unwrap())
            .unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Script {
    replies: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<Seen>>,
}

async fn answer(
    State(script): State<Arc<Script>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    script.seen.lock().unwrap().push(Seen {
        method,
        uri,
        headers,
        body,
    });
    let reply = script
        .replies
        .lock()
        .unwrap()
        .pop_front()
        .unwrap_or_else(|| reply(599, "no reply left"));
    tokio::time::sleep(reply.delay).await;
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    let body = if reply.breaks_off {
        // The pause lets status, headers and the first part get out.
        let first = futures::stream::once(async { Ok(reply.body) });
        let second = futures::stream::once(async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Err(std::io::Error::other("broken"))
        });
        Body::from_stream(first.chain(second))
    } else {
        Body::from(reply.body)
    };
    response.body(body).unwrap()
}

/// A limiter that permits everything (or, once told, nothing) and keeps what it was told.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) asked: Mutex<Vec<Route>>,
    pub(crate) answers: Mutex<Vec<Answer>>,
    pub(crate) refuse: Mutex<Option<Duration>>,
}

#[async_trait]
impl Limiter for Notes {
    async fn acquire(&self, route: &Route, _: Lane, _: Option<JobId>, _: Duration) -> Permission {
        self.asked.lock().unwrap().push(route.clone());
        match *self.refuse.lock().unwrap() {
            Some(wait) => Permission::Wait(wait),
            None => Permission::Go { ticket: 1 },
        }
    }
    fn complete(&self, _: u64, answer: &Answer) {
        self.answers.lock().unwrap().push(answer.clone());
    }
    fn waiting_for(&self) -> Option<String> {
        None
    }
    async fn budget(&self) -> Budget {
        Budget::default()
    }
}

/// A client, with a stub on the other side.
pub(crate) struct Stage {
    pub(crate) client: DiscordClient,
    pub(crate) notes: Arc<Notes>,
    script: Arc<Script>,
}

impl Stage {
    pub(crate) async fn with(replies: impl IntoIterator<Item = Reply>) -> Self {
        let script = Arc::new(Script {
            replies: Mutex::new(replies.into_iter().collect()),
            ..Script::default()
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/api/", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let notes = Arc::new(Notes::default());
        let settings = DiscordSettings {
            base_url,
            ..DiscordSettings::default()
        };
        let client = DiscordClient::new(&settings, Arc::clone(&notes) as Arc<dyn Limiter>).unwrap();
        Self {
            client,
            notes,
            script,
        }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.script.seen.lock().unwrap())
    }

    pub(crate) fn answers(&self) -> Vec<Answer> {
        self.notes.answers.lock().unwrap().clone()
    }
}

pub(crate) const TOKEN: &str = "MTIz.secret.token";

pub(crate) fn token() -> BotToken {
    TOKEN.into()
}

pub(crate) fn options() -> CallOptions {
    CallOptions {
        timeout: Duration::from_secs(5),
        ..CallOptions::default()
    }
}
