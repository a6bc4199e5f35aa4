//! `GET /openapi.json`.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::web::http::etag;

/// How long it may be kept without asking again.
const KEPT: &str = "public, max-age=300";

/// The document and its tag: nothing in it changes while the process lives.
static WRITTEN: LazyLock<(String, String)> = LazyLock::new(|| {
    let text = super::openapi().to_string();
    let tag = etag::of(text.as_bytes());
    (text, tag)
});

/// This document.
///
/// Needs no token. Its tag changes with the version only.
#[utoipa::path(get, path = "/openapi.json", tag = "Documents", operation_id = "openapi", security(()),
    params(("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier answer")),
    responses(
        (status = 200, description = "The OpenAPI 3.1 document", content_type = "application/json",
            body = Object, headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 304, description = "Nothing has changed", headers(("ETag" = String), ("Cache-Control" = String))),
    ))]
pub(crate) async fn document(headers: HeaderMap) -> Response {
    let (text, tag) = &*WRITTEN;
    let known = [(CACHE_CONTROL, KEPT), (ETAG, tag.as_str())];
    if etag::is_known(&headers, tag) {
        return (StatusCode::NOT_MODIFIED, known).into_response();
    }
    (known, [(CONTENT_TYPE, "application/json")], text.as_str()).into_response()
}
