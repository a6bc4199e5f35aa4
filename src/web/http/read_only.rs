//! `ROLECALL_READ_ONLY`: in one place, so that no route can be forgotten.

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::ApiError;

/// Whether nothing may be changed over HTTP.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadOnly(pub(crate) bool);

/// The layer. What is no read is refused, whatever the path.
pub(crate) async fn check(State(ReadOnly(on)): State<ReadOnly>, request: Request, next: Next) -> Response {
    let is_read = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if !on || is_read {
        return next.run(request).await;
    }
    ApiError::new(
        StatusCode::FORBIDDEN,
        "read_only",
        "nothing can be changed here at present",
    )
    .with_hint(
        "The operator set ROLECALL_READ_ONLY=true; ask again when it is over, or use the command line.",
    )
    .into_response()
}
