//! Entity tags: digests of what is sent.

use super::problem::ApiError;
use axum::http::HeaderMap;
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderName, StatusCode};
use sha2::{Digest, Sha256};

/// A short digest in hex: 16 characters.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..8]
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// The strong tag of these bytes, quotes included.
pub(crate) fn of(bytes: &[u8]) -> String {
    format!("\"{}\"", digest(bytes))
}

/// Whether the caller already has this (RFC 9110, section 13.1.2: a weak comparison).
pub(crate) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    lists(headers, &IF_NONE_MATCH, tag)
}

/// Refuses a write by somebody who last saw something else than this (`If-Match`, which nobody has to send).
pub(crate) fn check_unchanged(headers: &HeaderMap, tag: &str) -> Result<(), ApiError> {
    if !headers.contains_key(IF_MATCH) || lists(headers, &IF_MATCH, tag) {
        return Ok(());
    }
    Err(changed())
}

/// 412: somebody else was faster.
pub(crate) fn changed() -> ApiError {
    ApiError::new(
        StatusCode::PRECONDITION_FAILED,
        "changed_meanwhile",
        "somebody changed this meanwhile",
    )
    .with_hint("Read it again, and send its new ETag as If-Match, or no If-Match at all.")
}

fn lists(headers: &HeaderMap, name: &HeaderName, tag: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == "*" || known == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_tag_is_found_among_several_weak_or_not() {
        let tag = of(b"content");
        let ask = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, value.parse().unwrap());
            is_known(&headers, &tag)
        };
        assert!(ask(&tag) && ask("*") && ask(&format!("\"a\", W/{tag}")));
        assert!(!ask("\"a\"") && !ask(&of(b"other")) && !is_known(&HeaderMap::new(), &tag));
    }
}
