//! Cursors in requests and links.

use axum::http::StatusCode;

use super::problem::{ApiError, Detail};
use crate::cursor;
pub(crate) use crate::cursor::{Place, encode, write};

/// Reads a cursor.
///
/// # Errors
/// 400 if it is none, or belongs to another list or filter.
pub(crate) fn read(text: &str, list: &str) -> Result<Place, ApiError> {
    cursor::read(text, list).ok_or_else(|| {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_cursor", cursor::FOREIGN)
            .with_error(Detail::at("query.cursor", "not a cursor of this list and filter"))
            .with_hint(
                "Follow `next` of a page without changing the filter, or begin again without a cursor.",
            )
    })
}

/// `<…>; rel="next"`: the same query with another cursor.
pub(crate) fn next_link(path: &str, filter: &[(&str, String)], limit: usize, cursor: &str) -> String {
    let mut query = format!("limit={limit}");
    for (name, value) in filter {
        query.push_str(&format!("&{name}={}", encode(value)));
    }
    format!("<{path}?{query}&cursor={cursor}>; rel=\"next\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fuzz_cursors() {
        rolecall_fuzz::fuzz("cursor", |bytes| {
            let _ = read(&String::from_utf8_lossy(bytes), "jobs");
        });
    }

    #[test]
    fn a_foreign_cursor_is_answered_with_400() {
        let refused = read("../../etc/passwd", "jobs").unwrap_err();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn the_link_to_the_next_page_keeps_the_filter() {
        let link = next_link("/v1/jobs", &[("user", "a b&c".to_owned())], 5, "xyz");
        assert_eq!(link, "</v1/jobs?limit=5&user=a%20b%26c&cursor=xyz>; rel=\"next\"");
    }
}
