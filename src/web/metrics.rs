//! `GET /metrics`: what is counted and measured, for Prometheus.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::auth::right::{Allowed, ReadMetrics};
use super::http::problem::Problem;
use super::state::Web;
use crate::telemetry;

/// Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What this process counted and measured, in Prometheus' text format. The names are listed in `docs/metrics.md`.
#[utoipa::path(get, path = "/metrics", tag = "Health", operation_id = "metrics",
    responses(
        (status = 200, description = "All metrics", body = String, content_type = "text/plain"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the permission", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn metrics(State(web): State<Web>, _: Allowed<ReadMetrics>) -> Response {
    open(State(web)).await
}

/// The same, on an address of its own.
pub(crate) async fn open(State(web): State<Web>) -> Response {
    ([(CONTENT_TYPE, TEXT)], telemetry::scrape(&web.app).await).into_response()
}
