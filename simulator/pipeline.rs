//! The way of a call: in which order it is judged, delayed, answered and counted.
//!
//! Block of the address, length of the body, User-Agent, route, faults at the edge, authentication (401), global limit, bucket,
//! then in `api/` the body (400), existence (404), permission (403) and the effect.

mod admit;
mod respond;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::to_bytes;
use axum::extract::{Request as HttpRequest, State};
use axum::http::HeaderMap;
use axum::response::Response;
use percent_encoding::percent_decode_str;

use crate::Simulator;
use crate::api::{Caller, Reply, Request, execute};
use crate::errors::ApiError;
use crate::faults::{FaultKind, Strikes};
use crate::routes::{Found, Params, Route, find};
use crate::traffic::{Call, Effect, Entry};

pub(crate) use respond::Aborted;
use respond::{aborted, respond};

/// Largest body that is read, in bytes.
const BODY_MAX: usize = 1 << 20;

/// Longest audit log reason in characters, after decoding (documented).
const REASON_MAX: usize = 512;

/// The parts of a call that are known before anything is judged.
struct Head {
    method: String,
    /// Path and query as sent.
    path: String,
    /// What follows the version in the path; `None` without a version that is served.
    rest: Option<String>,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    reason: Option<String>,
}

impl Head {
    fn new(parts: &axum::http::request::Parts) -> Self {
        let path = parts.uri.path();
        let rest = path
            .strip_prefix("/api/v10")
            .or_else(|| path.strip_prefix("/api/v9"));
        let query = parts.uri.query().unwrap_or_default();
        let reason = parts.headers.get("x-audit-log-reason").map(|value| {
            percent_decode_str(&String::from_utf8_lossy(value.as_bytes()))
                .decode_utf8_lossy()
                .into_owned()
        });
        Self {
            method: parts.method.as_str().to_owned(),
            path: parts
                .uri
                .path_and_query()
                .map_or(path, |both| both.as_str())
                .to_owned(),
            rest: rest.filter(|rest| rest.starts_with('/')).map(ToOwned::to_owned),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: parts.headers.clone(),
            reason,
        }
    }

    fn found(&self) -> Found {
        self.rest
            .as_deref()
            .map_or(Found::Nothing, |rest| find(&self.method, rest))
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Whether a body could follow, and nothing says how long it is (RFC 9112, section 6.3).
    fn hides_length(&self) -> bool {
        let has = |name| self.headers.contains_key(name);
        matches!(self.method.as_str(), "PUT" | "POST" | "PATCH")
            && !has("content-length")
            && !has("transfer-encoding")
    }

    /// The token of the Authorization header, without its kind.
    fn token(&self) -> &str {
        let value = self.header("authorization");
        value.split_once(' ').map_or(value, |(_, token)| token).trim()
    }
}

/// A call that may go on to the work.
struct Admission {
    route: &'static Route,
    params: Params,
    caller: Caller,
    strikes: Strikes,
    /// `X-RateLimit` headers of the bucket.
    headers: Vec<(&'static str, String)>,
    overlaps: bool,
}

/// Sees to it that a call is counted and that its write ends, also when the client goes away first.
struct Ticket {
    simulator: Simulator,
    entry: Option<Entry>,
    write: Option<(u64, u64)>,
}

impl Ticket {
    fn new(simulator: &Simulator, head: &Head) -> Self {
        let call = Call {
            at_ms: simulator.now_ms(),
            method: head.method.clone(),
            path: head.path.clone(),
            route: String::new(),
            status: 0,
            audit_reason: head.reason.clone(),
            bot: None,
            answered_ms: 0,
            unix_ms: real_unix_ms(),
            bucket: None,
            refused: None,
            retry_after: None,
            body: None,
        };
        let entry = Some(Entry { call, effect: None });
        Self {
            simulator: simulator.clone(),
            entry,
            write: None,
        }
    }

    fn update(&mut self, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = &mut self.entry {
            change(entry);
        }
    }

    fn note_effect(&mut self, effect: Option<Effect>) {
        self.update(|entry| entry.effect = effect);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Some(mut entry) = self.entry.take() else {
            return;
        };
        entry.call.answered_ms = self.simulator.now_ms();
        let (simulator, write) = (&self.simulator, self.write.take());
        simulator.with(|state| {
            if let Some(member) = write {
                state.traffic.end_write(member);
            }
            state.traffic.record(entry, simulator.config());
        });
    }
}

/// Answers any call below `/api`.
pub(crate) async fn answer(State(simulator): State<Simulator>, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let head = Head::new(&parts);
    let mut ticket = Ticket::new(&simulator, &head);
    let Ok(body) = to_bytes(body, BODY_MAX).await else {
        let reply = Reply::error(&ApiError::field(
            "content",
            "TOO_LARGE",
            "Request entity too large",
        ));
        return respond(ticket, reply, &Strikes::default());
    };
    let admission = match simulator.with(|state| admit::admit(&simulator, state, &head, &mut ticket)) {
        Ok(admission) => admission,
        Err((reply, strikes)) => return respond(ticket, reply, &strikes),
    };
    let strikes = &admission.strikes;
    if head.method == "PATCH" && admission.route.writes_member() {
        ticket.update(|entry| entry.call.body = Some(String::from_utf8_lossy(&body).into_owned()));
    }
    pause(strikes.delay()).await;
    if strikes.has(&FaultKind::ResetBefore) {
        return aborted();
    }
    if strikes.has(&FaultKind::Hang) {
        // Ends when the client gives up or the server stops.
        std::future::pending::<()>().await;
    }
    let mut reply = work(&simulator, &head, &admission, &body);
    ticket.note_effect(reply.effect);
    let write_ms = if admission.route.writes_member() {
        simulator.config().write_latency_ms
    } else {
        0
    };
    pause(Duration::from_millis(simulator.config().latency_ms + write_ms)).await;
    if strikes.has(&FaultKind::ResetAfter) {
        return aborted();
    }
    if let Some(status) = strikes.find(|kind| match kind {
        FaultKind::StatusAfter { status } => Some(*status),
        _ => None,
    }) {
        reply = admit::server_error(status);
    }
    if !strikes.has(&FaultKind::MissingHeaders) {
        reply.headers.extend(admission.headers);
    }
    respond(ticket, reply, strikes)
}

fn real_unix_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_epoch.as_millis() as u64
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

fn work(simulator: &Simulator, head: &Head, admission: &Admission, body: &axum::body::Bytes) -> Reply {
    if head
        .reason
        .as_ref()
        .is_some_and(|reason| reason.chars().count() > REASON_MAX)
    {
        let message = format!("Must be {REASON_MAX} or fewer in length.");
        return Reply::error(&ApiError::field(
            "X-Audit-Log-Reason",
            "BASE_TYPE_MAX_LENGTH",
            &message,
        ));
    }
    let now_ms = simulator.now_ms();
    let request = Request {
        operation: admission.route.operation,
        params: admission.params,
        query: &head.query,
        headers: &head.headers,
        body,
        caller: &admission.caller,
        config: simulator.config(),
        strikes: &admission.strikes,
        overlaps: admission.overlaps,
        issue: simulator.issue(),
        now_ms,
        unix_ms: simulator.clock().start_unix_ms() + now_ms,
    };
    simulator.with(|state| execute(&mut state.world, &request))
}
