//! The page for people.

use axum::response::Html;

/// One file without foreign hosts, so that it works offline.
pub(crate) async fn show() -> Html<&'static str> {
    Html(include_str!("page.html"))
}
