//! `GET /docs`: Swagger UI over the document. Its files are in the binary; nothing is loaded from another host.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
};
use axum::response::{IntoResponse, Redirect, Response};
use utoipa_swagger_ui::Config;

use crate::web::http::problem::ApiError;

/// What the page may load: only what this process serves. Swagger UI writes `style` attributes and has its small
/// pictures as `data:` in its style sheet.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// All addresses are relative, so that it works under every prefix.
const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>rolecall: HTTP interface</title>
<link rel="icon" type="image/png" sizes="32x32" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="viewer"></div>
<noscript>This page needs JavaScript; the document itself is <a href="openapi.json">openapi.json</a>.</noscript>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"#;

/// Without `validatorUrl: null` it would send the document's address to a service elsewhere.
const START: &str = r##"SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#viewer",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
"##;

/// Files of Swagger UI that the page needs.
const FILES: [&str; 3] = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"];

const KEPT: (HeaderName, &str) = (CACHE_CONTROL, "public, max-age=86400");

/// This document as a page to read and to try.
///
/// Needs no token, and nothing from other hosts.
#[utoipa::path(get, path = "/docs", tag = "Documents", operation_id = "docs", security(()),
    responses((status = 200, description = "The page", body = String, content_type = "text/html",
        headers(("Content-Security-Policy" = String)))))]
pub(crate) async fn page() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, PAGE).into_response()
}

/// `/docs/`: the page's addresses are relative to `/docs`.
pub(crate) async fn with_slash() -> Redirect {
    Redirect::permanent("../docs")
}

/// One of the page's files.
pub(crate) async fn file(Path(name): Path<String>) -> Result<Response, ApiError> {
    if name == "start.js" {
        return Ok(([KEPT, (CONTENT_TYPE, "text/javascript; charset=utf-8")], START).into_response());
    }
    let found = FILES
        .contains(&name.as_str())
        .then(|| {
            utoipa_swagger_ui::serve(&name, Arc::new(Config::new(["openapi.json"])))
                .ok()
                .flatten()
        })
        .flatten()
        .ok_or_else(|| ApiError::of_status(axum::http::StatusCode::NOT_FOUND))?;
    let kind = [(CONTENT_TYPE, found.content_type)];
    let bytes = found.bytes.into_owned();
    // Kept compressed in the binary, and every browser takes it so.
    Ok(match found.gzpipped {
        true => ([KEPT, (CONTENT_ENCODING, "gzip")], kind, bytes).into_response(),
        false => ([KEPT], kind, bytes).into_response(),
    })
}
