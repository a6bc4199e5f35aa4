//! Turning an answer into HTTP, whole or broken.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures::StreamExt as _;
use futures::stream;

use super::Ticket;
use crate::api::{Form, Reply};
use crate::faults::{FaultKind, Strikes};
use crate::traffic::Refusal;

/// Marks an answer that must never be sent: the server ends the connection instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aborted;

/// Real time between the first half of a broken body and the end of the connection, so that the half is really
/// sent.
const HALF_BODY_PAUSE: Duration = Duration::from_millis(5);

/// An answer that ends the connection. The ticket that is dropped with it counts the call as aborted.
pub(super) fn aborted() -> Response {
    let mut response = Response::new(Body::from("connection reset"));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.extensions_mut().insert(Aborted);
    response
}

/// Counts the answer and makes it a response.
pub(super) fn respond(mut ticket: Ticket, reply: Reply, strikes: &Strikes) -> Response {
    ticket.update(|entry| {
        entry.call.status = reply.status;
        entry.call.refused = reply.refusal;
        let retry_after = reply.headers.iter().find(|(name, _)| *name == "retry-after");
        entry.call.retry_after = retry_after.map(|(_, value)| value.clone());
    });
    drop(ticket);
    let length = reply.body.len();
    let broken = strikes.has(&FaultKind::HalfBody) && length > 1;
    let body = if broken {
        half(reply.body)
    } else {
        Body::from(reply.body)
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let content_type = match reply.form {
        Form::Json => Some("application/json"),
        Form::Html => Some("text/html; charset=utf-8"),
        Form::Empty => None,
    };
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if reply.refusal != Some(Refusal::Cloudflare) {
        // Answers of the API have passed Google's load balancer; clients tell Cloudflare's own by its absence.
        headers.insert(header::VIA, HeaderValue::from_static("1.1 google"));
    }
    if broken {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}

fn half(mut body: Vec<u8>) -> Body {
    body.truncate(body.len() / 2);
    let first = stream::once(async move { Ok(Bytes::from(body)) });
    let end = stream::once(async {
        tokio::time::sleep(HALF_BODY_PAUSE).await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    Body::from_stream(first.chain(end))
}
