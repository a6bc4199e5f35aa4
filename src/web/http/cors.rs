//! Pages of other origins: exactly those of the configuration.

use std::time::Duration;

use axum::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH, LINK, LOCATION,
    RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::repeats;
use crate::web::auth::KEY_HEADER;
use crate::web::wait;

/// How long a browser may keep the answer to a preflight; the most that any of them does.
const MAX_AGE: Duration = Duration::from_secs(86_400);

/// The layer; `None` if no other origin may call.
pub(crate) fn layer(origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|o| o.parse().ok()).collect();
    if origins.is_empty() {
        return None;
    }
    let ours = |name| HeaderName::from_static(name);
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            ACCEPT,
            AUTHORIZATION,
            CONTENT_TYPE,
            IF_MATCH,
            IF_NONE_MATCH,
            repeats::KEY,
            ours("last-event-id"),
            ours("prefer"),
            ours("traceparent"),
            ours(KEY_HEADER),
            ours("x-csrf-token"),
            ours("x-request-id"),
        ])
        .expose_headers([
            ETAG,
            LINK,
            LOCATION,
            RETRY_AFTER,
            WWW_AUTHENTICATE,
            repeats::REPLAYED,
            wait::APPLIED,
            ours("ratelimit"),
            ours("ratelimit-policy"),
            ours("traceparent"),
            ours("x-request-id"),
        ])
        .max_age(MAX_AGE);
    Some(layer)
}
