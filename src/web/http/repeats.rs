//! `Idempotency-Key` on every POST: the same request once more is answered as it was, and is not done twice.
//!
//! As draft-ietf-httpapi-idempotency-key-header-07 says. A key belongs to its caller: it is looked at after the token is
//! found valid, and a stored answer goes to nobody else.

use std::borrow::Cow;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LINK, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rolecall_core::canonical;
use rolecall_core::replies::{Admission, Asked, GIVEN_UP_AFTER, Reply, is_kept, read_key};
use serde_json::Value;
use tracing::Instrument;
use uuid::Uuid;

use super::body::{self, MOST_BYTES};
use super::problem::{self, ApiError, Detail, Problem};
use super::trace::RequestNames;
use crate::web::auth::Caller;
use crate::web::state::Web;

/// The header that holds the key.
pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// On an answer that was given before.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Headers of an answer that are kept with it.
const KEPT: [HeaderName; 6] = [
    CONTENT_TYPE,
    LOCATION,
    ETAG,
    LINK,
    RETRY_AFTER,
    HeaderName::from_static("preference-applied"),
];
/// Largest answer that is kept.
const MOST_KEPT: usize = 4 * MOST_BYTES;

/// The layer. What is no POST, has no key or no valid token passes as it is.
pub(crate) async fn check(State(web): State<Web>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let Ok(caller) = Caller::from_request_parts(&mut parts, &web).await else {
        // Refused by the route, in its own words.
        return next.run(Request::from_parts(parts, body)).await;
    };
    let request = Request::from_parts(parts, body);
    match admitted(&web, &caller, request).await {
        Err(error) => error.into_response(),
        Ok(Admitted::Answer(response)) => response,
        Ok(Admitted::Request(asked, request)) => {
            // In a task of its own: the answer is kept also for a caller who hung up.
            let task = answered(web.clone(), asked.clone(), *request, next).in_current_span();
            match tokio::spawn(task).await {
                Ok(response) => response,
                Err(broken) => {
                    free(&web, &asked).await;
                    ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR)
                        .with_cause(broken.to_string())
                        .into_response()
                }
            }
        }
    }
}

enum Admitted {
    Answer(Response),
    Request(Asked, Box<Request>),
}

async fn admitted(web: &Web, caller: &Caller, request: Request) -> Result<Admitted, ApiError> {
    let key = key_of(request.headers())?;
    let (mut parts, body) = request.into_parts();
    let whole = Request::from_parts(parts.clone(), body);
    let bytes = body::whole(Bytes::from_request(whole, web)).await?;
    let now = web.services.clock.now();
    let asked = Asked {
        key: name_of(&caller.cause("").actor, &key),
        fingerprint: fingerprint(&parts.method, &parts.uri.to_string(), &bytes),
        holder: Uuid::now_v7(),
        at: now,
        until: now + web.config.api.idempotency_kept,
    };
    let work = match web.services.replies.begin(&asked).await? {
        Admission::Go { work } => work,
        Admission::Replay(reply) => return Ok(Admitted::Answer(replayed(reply)?)),
        Admission::UnderWay => return Err(under_way()),
        Admission::OtherRequest => return Err(other_request()),
    };
    if let Some(names) = parts.extensions.get_mut::<RequestNames>() {
        // The same for every try of it: what is stored under an id of its own is not stored twice.
        names.repeatable = Some(work);
    }
    let request = Request::from_parts(parts, Body::from(bytes));
    Ok(Admitted::Request(asked, Box::new(request)))
}

fn key_of(headers: &HeaderMap) -> Result<String, ApiError> {
    let mut all = headers.get_all(KEY).iter();
    let first = all.next().and_then(|value| value.to_str().ok());
    let key = first.filter(|_| all.next().is_none()).and_then(read_key);
    key.ok_or_else(|| {
        let sentence = "expected one key of 1 to 255 printable characters, best a UUID in quotes";
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "idempotency_key_invalid",
            "the Idempotency-Key cannot be read; nothing was done",
        )
        .with_error(Detail::at("header.idempotency-key", sentence))
    })
}

/// The name of a key in the store: it says neither who nor which.
pub(crate) fn name_of(actor: &str, key: &str) -> String {
    canonical::digest(&serde_json::json!([actor, key]))
}

/// What makes a request the same: JSON counts by its value.
pub(crate) fn fingerprint(method: &Method, place: &str, body: &[u8]) -> String {
    let body = match serde_json::from_slice(body) {
        Ok(value) => canonical::digest(&value),
        Err(_) => canonical::digest_of_bytes(body),
    };
    canonical::digest(&serde_json::json!([method.as_str(), place, body]))
}

fn under_way() -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        "request_under_way",
        "a request with this Idempotency-Key is under way",
    )
    .with_hint(format!(
        "Ask again in a moment for its answer. If its process died, the key is free after {} s.",
        GIVEN_UP_AFTER.as_secs()
    ))
    .retry_after(1)
}

fn other_request() -> ApiError {
    ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
        "this Idempotency-Key was used for another request; nothing was done",
    )
    .with_error(Detail::at(
        "header.idempotency-key",
        "belongs to a request with another path or body; make a new key for a new request",
    ))
}

/// Does the request, and keeps its answer.
async fn answered(web: Web, asked: Asked, request: Request, next: Next) -> Response {
    let names = request.extensions().get::<RequestNames>().cloned();
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    if let (Some(mut problem), Some(names)) = (response.extensions().get::<Problem>().cloned(), names) {
        problem.fill(&path, &names);
        let mut whole = problem::write(problem);
        for (name, value) in response.headers() {
            if name != CONTENT_TYPE && name != "content-length" {
                whole.headers_mut().insert(name, value.clone());
            }
        }
        response = whole;
    }
    let (parts, body) = response.into_parts();
    let bytes = match to_bytes(body, MOST_KEPT).await {
        Ok(bytes) => bytes,
        Err(error) => {
            free(&web, &asked).await;
            return ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR)
                .with_cause(error.to_string())
                .into_response();
        }
    };
    let reply = reply(parts.status, &parts.headers, &bytes);
    if let Err(error) = web.services.replies.end(&asked, reply.as_ref()).await {
        // It was done: the key stays taken, and is free again after a while.
        tracing::error!(%error, "discord_api: the answer to a request with an Idempotency-Key could not be kept");
    }
    Response::from_parts(parts, Body::from(bytes))
}

async fn free(web: &Web, asked: &Asked) {
    if let Err(error) = web.services.replies.end(asked, None).await {
        tracing::error!(%error, "discord_api: an Idempotency-Key could not be freed");
    }
}

/// What is kept of an answer. `None`: the same request may succeed later.
fn reply(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Reply> {
    let kept = KEPT.into_iter().filter_map(|name| {
        let value = headers.get(&name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    is_kept(status.as_u16()).then(|| Reply {
        status: status.as_u16(),
        headers: kept.collect(),
        body: String::from_utf8_lossy(&without_secret(headers, body)).into_owned(),
    })
}

/// An answer that nobody may store holds a secret that is told once: it is kept without it.
fn without_secret<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, [u8]> {
    if headers.get(CACHE_CONTROL).is_none_or(|value| value != "no-store") {
        return Cow::Borrowed(body);
    }
    let mut document: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(object) = document.as_object_mut() {
        object.remove("secret");
    }
    Cow::Owned(document.to_string().into_bytes())
}

fn replayed(reply: Reply) -> Result<Response, ApiError> {
    let broken = |why: String| ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR).with_cause(why);
    let status = StatusCode::from_u16(reply.status).map_err(|e| broken(e.to_string()))?;
    let problem: Option<Problem> = match status.is_client_error() {
        true => serde_json::from_str(&reply.body).ok(),
        false => None,
    };
    let mut response = (status, reply.body).into_response();
    for (name, value) in reply.headers {
        let name = HeaderName::try_from(name).map_err(|e| broken(e.to_string()))?;
        let value = HeaderValue::try_from(value).map_err(|e| broken(e.to_string()))?;
        response.headers_mut().insert(name, value);
    }
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    if let Some(problem) = problem {
        // Whole already: the layers outside leave it as it is.
        response.extensions_mut().insert(problem);
    }
    Ok(response)
}
