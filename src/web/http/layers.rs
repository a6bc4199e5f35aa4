//! What happens around every request: names, log line, security headers, time limit, panics, complete problems.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use rolecall_adapters::metered::table::{HTTP_REQUESTS, HTTP_TIME};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use tracing::Instrument;

use super::body;
use super::limit::{self, Limits};
use super::problem::{self, ApiError, Problem};
use super::read_only::{self, ReadOnly};
use super::trace::RequestNames;
use crate::telemetry::traces;
use crate::web::auth::same_site::{self, Origins};

/// How long an answer may take to begin. A stream of events has begun when its headers are sent.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(15);

const SECURITY: [(HeaderName, HeaderValue); 2] = [
    (
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    ),
    (
        HeaderName::from_static("referrer-policy"),
        HeaderValue::from_static("no-referrer"),
    ),
];

/// Who is let in. A process that answers nothing but health has none of these.
pub(crate) struct Gates {
    /// Pages of other origins.
    pub(crate) cors: Option<CorsLayer>,
    /// How often somebody may ask.
    pub(crate) limits: Arc<Limits>,
    /// Pages that may write with a cookie.
    pub(crate) origins: Origins,
    /// Whether anybody may write.
    pub(crate) read_only: ReadOnly,
}

/// Puts the layers around all routes.
pub(crate) fn around<S: Clone + Send + Sync + 'static>(routes: Router<S>, gates: Option<Gates>) -> Router<S> {
    let routes = routes
        .layer(DefaultBodyLimit::max(body::MOST_BYTES))
        .layer(from_fn(in_time))
        .layer(CatchPanicLayer::custom(panicked));
    let routes = match gates {
        None => routes,
        Some(gates) => {
            let routes = routes
                .layer(from_fn_with_state(gates.read_only, read_only::check))
                .layer(from_fn_with_state(gates.origins, same_site::check))
                .layer(from_fn_with_state(gates.limits, limit::check));
            // Outside the limits: a preflight is the browser's question, and a page has to be able to read a 429.
            match gates.cors {
                Some(cors) => routes.layer(cors),
                None => routes,
            }
        }
    };
    routes.layer(from_fn(outermost))
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(
            StatusCode::GATEWAY_TIMEOUT,
            "timeout",
            "the answer took longer than 15 s; what was asked for may have been stored",
        )
        .retry_after(2)
        .into_response(),
    }
}

fn panicked(payload: Box<dyn Any + Send + 'static>) -> Response {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied());
    ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR)
        .with_cause(format!("a handler panicked: {}", text.unwrap_or("no text")))
        .into_response()
}

async fn outermost(mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let mut names = RequestNames::of(request.headers());
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    // A path that no route knows may be anything: the log gets the template only.
    let template = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "(no route)".to_owned(), |p| p.as_str().to_owned());
    let span = tracing::info_span!(
        "http.request", %method, path = template, request.id = names.request_id,
        trace.id = tracing::field::Empty
    );
    names.trace(&span);
    span.record("trace.id", names.trace_id());
    request.extensions_mut().insert(names.clone());
    let mut response = next.run(request).instrument(span.clone()).await;
    response = complete(response, &path, &names);
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(name, value);
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&names.request_id) {
        headers.insert("x-request-id", id);
    }
    if let Ok(trace) = HeaderValue::from_str(&names.traceparent) {
        headers.insert("traceparent", trace);
    }
    let _guard = span.enter();
    let status = response.status().as_u16();
    HTTP_REQUESTS.inc(&[method_name(&method), &template, response.status().as_str()]);
    HTTP_TIME.observe(&[method_name(&method), &template], began.elapsed());
    traces::answered(&span, response.status());
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if template.ends_with("/livez")
        || template.ends_with("/readyz")
        || template.ends_with("/health")
        || template == "/metrics"
    {
        tracing::debug!(%method, path = template, status, duration_ms, "discord_api: {method} {template} {status}");
    } else {
        tracing::info!(%method, path = template, status, duration_ms, "discord_api: {method} {template} {status}");
    }
    response
}

/// Names that anybody could make up are one.
fn method_name(method: &Method) -> &str {
    const KNOWN: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    if KNOWN.contains(method) {
        method.as_str()
    } else {
        "other"
    }
}

/// Makes every error a whole problem: those of our handlers lack what only the request knows, and those of the
/// machinery below (no route, wrong method) have no body at all.
fn complete(response: Response, path: &str, names: &RequestNames) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let known = response.extensions().get::<Problem>().cloned();
    let is_json = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|v| v.as_bytes().starts_with(b"application/json"));
    if known.is_none() && is_json {
        return response;
    }
    let mut problem = known.unwrap_or_else(|| ApiError::of_status(status).problem());
    problem.instance = path.to_owned();
    problem.trace_id = names.trace_id().to_owned();
    let mut out = problem::write(problem);
    for (name, value) in response.headers() {
        if name != CONTENT_TYPE && name != "content-length" {
            out.headers_mut().insert(name, value.clone());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use serde_json::Value;
    use tower::Service;

    use super::*;

    async fn ask(method: &str, path: &str) -> (Response, Value) {
        async fn breaks() -> &'static str {
            panic!("on purpose")
        }
        async fn wrong() -> ApiError {
            ApiError::not_found("unknown_run", "there is no such run")
        }
        let routes = Router::new()
            .route("/fine", get(|| async { "fine" }))
            .route("/panic", get(breaks))
            .route("/wrong/{id}", get(wrong));
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("traceparent", trace);
        let request = request
            .header("x-request-id", "r-1")
            .body(axum::body::Body::empty())
            .unwrap();
        let (parts, body) = around(routes, None).call(request).await.unwrap().into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let json = serde_json::from_slice(&bytes).unwrap_or_default();
        (Response::from_parts(parts, axum::body::Body::empty()), json)
    }

    #[tokio::test]
    async fn every_error_is_a_whole_problem() {
        for (method, path, status, code) in [
            ("GET", "/nowhere", 404, "not_found"),
            ("POST", "/fine", 405, "method_not_allowed"),
            ("GET", "/panic", 500, "internal_error"),
            ("GET", "/wrong/7", 404, "unknown_run"),
        ] {
            let (response, body) = ask(method, path).await;
            assert_eq!(response.status().as_u16(), status, "{path}");
            assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
            assert_eq!(response.headers()["x-request-id"], "r-1");
            assert_eq!(body["code"], code);
            assert_eq!(body["instance"], path);
            assert_eq!(body["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
            assert!(!body["errors"][0]["message"].as_str().unwrap().is_empty());
            assert!(
                !body.to_string().contains("on purpose"),
                "what a panic says stays inside"
            );
        }
    }

    #[tokio::test]
    async fn a_wrong_method_is_told_the_right_ones() {
        let (response, _) = ask("DELETE", "/fine").await;
        assert_eq!(response.headers()["allow"], "GET,HEAD");
    }

    #[tokio::test]
    async fn every_answer_has_the_security_headers() {
        for path in ["/fine", "/nowhere"] {
            let (response, _) = ask("GET", path).await;
            assert_eq!(response.headers()["x-content-type-options"], "nosniff");
            assert_eq!(response.headers()["referrer-policy"], "no-referrer");
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        }
    }
}
