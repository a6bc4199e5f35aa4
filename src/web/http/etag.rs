//! Entity tags: digests of what is sent.

use axum::http::HeaderMap;
use axum::http::header::IF_NONE_MATCH;
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
    headers
        .get_all(IF_NONE_MATCH)
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
