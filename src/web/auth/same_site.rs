//! Writes that a cookie allows have to come from a page of ours: a browser adds the cookie to whatever page asks.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::token;
use crate::web::http::problem::ApiError;

/// Origins of pages that may write besides our own.
#[derive(Clone)]
pub(crate) struct Origins(pub(crate) Arc<[String]>);

/// The layer.
pub(crate) async fn check(State(origins): State<Origins>, request: Request, next: Next) -> Response {
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if safe || is_fine(request.headers(), &origins.0) {
        return next.run(request).await;
    }
    ApiError::new(
        StatusCode::FORBIDDEN,
        "cross_site_write",
        "a write with the cookie of a session has to come from a page of the same site",
    )
    .with_hint(
        "Programs send `Authorization: Bearer <token or key>` instead of the cookie; the origin of a page of another site \
         has to be in CORS_ALLOWED_ORIGINS.",
    )
    .into_response()
}

/// Pure. A request without the cookie, or with a bearer token or a key, is none of this layer's business.
fn is_fine(headers: &HeaderMap, allowed: &[String]) -> bool {
    if token::find(headers).is_none_or(|found| found.place != token::COOKIE_PLACE) {
        return true;
    }
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let origin = text(ORIGIN.as_str());
    let listed = origin.is_some_and(|o| allowed.iter().any(|a| a.eq_ignore_ascii_case(o)));
    match text("sec-fetch-site") {
        Some("same-origin" | "same-site" | "none") => true,
        Some(_) => listed,
        // Browsers of before 2023 send no more than the origin, and that with every write of another site. What sends
        // neither is no browser, so nobody's page made it send the cookie: `curl -H "Cookie: …"` is such a program.
        None => origin.is_none_or(|o| listed || is_own(o, text(HOST.as_str()))),
    }
}

fn is_own(origin: &str, host: Option<&str>) -> bool {
    let named = origin.split_once("://").map(|(_, named)| named);
    named.is_some() && named == host
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fine(pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        is_fine(&headers, &["https://app.example".to_owned()])
    }

    #[test]
    fn a_cookie_needs_a_page_of_ours_and_a_bearer_token_none() {
        const COOKIE: (&str, &str) = ("cookie", "falcon_auth_token=x");
        let evil = ("origin", "https://evil.example");
        assert!(fine(&[("x-api-key", "x"), COOKIE, evil]));
        assert!(fine(&[]) && fine(&[("authorization", "Bearer x"), COOKIE, evil]));
        assert!(fine(&[
            COOKIE,
            ("sec-fetch-site", "same-site"),
            ("origin", "https://b.example")
        ]));
        assert!(fine(&[
            COOKIE,
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://app.example")
        ]));
        assert!(fine(&[COOKIE, ("origin", "http://here:80"), ("host", "here:80")]));
        assert!(!fine(&[COOKIE, ("sec-fetch-site", "cross-site"), evil]));
        assert!(!fine(&[COOKIE, evil, ("host", "here:80")]));
        assert!(!fine(&[COOKIE, ("origin", "null")]));
        assert!(fine(&[COOKIE]), "no browser leaves out both");
    }
}
