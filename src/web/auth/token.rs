//! Where the token is.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE};

/// The place of a token that came as a cookie.
pub(super) const COOKIE_PLACE: &str = "cookie.falcon_auth_token";

/// The place of an API key in a header of its own.
pub(super) const KEY_PLACE: &str = "header.x-api-key";

/// A token or a key, and where it was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The token, or the key.
    pub(super) text: String,
    /// The place, for error messages.
    pub(super) place: &'static str,
}

/// `Authorization: Bearer …` (the prefix as written here, case and all) wins; only without that prefix is the cookie
/// looked at. So a bad bearer token is never retried with the cookie. This is go-falcon's order. `X-Api-Key` stands
/// between the two: what a program says on purpose comes before what a browser adds by itself.
pub(super) fn find(headers: &HeaderMap) -> Option<Found> {
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.strip_prefix("Bearer "));
    if let Some(text) = bearer {
        return Some(Found {
            text: text.trim().to_owned(),
            place: "header.authorization",
        });
    }
    if let Some(value) = headers.get(super::KEY_HEADER) {
        return Some(Found {
            text: value.to_str().unwrap_or_default().trim().to_owned(),
            place: KEY_PLACE,
        });
    }
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, value)| name.trim() == super::COOKIE && !value.trim().is_empty())
        .map(|(_, value)| Found {
            text: value.trim().trim_matches('"').to_owned(),
            place: COOKIE_PLACE,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fuzz_credentials() {
        rolecall_fuzz::fuzz("credentials", |bytes| {
            let mut headers = HeaderMap::new();
            for line in bytes.split(|byte| *byte == b'\n') {
                let text = String::from_utf8_lossy(line);
                let (name, value) = text.split_once(": ").unwrap_or_default();
                let name = axum::http::HeaderName::from_bytes(name.as_bytes());
                let value = axum::http::HeaderValue::from_bytes(value.as_bytes());
                if let (Ok(name), Ok(value)) = (name, value) {
                    headers.append(name, value);
                }
            }
            if let Some(found) = find(&headers) {
                let _ = rolecall_core::api_key::split(&found.text);
            }
        });
    }

    fn found(authorization: Option<&str>, cookie: Option<&str>) -> Option<(String, &'static str)> {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value.parse().unwrap());
        }
        if let Some(value) = cookie {
            headers.insert(COOKIE, value.parse().unwrap());
        }
        find(&headers).map(|f| (f.text, f.place))
    }

    #[test]
    fn the_header_wins_even_with_a_bad_token() {
        let both = found(Some("Bearer bad"), Some("falcon_auth_token=good"));
        assert_eq!(both, Some(("bad".to_owned(), "header.authorization")));
        let empty = found(Some("Bearer "), Some("falcon_auth_token=good"));
        assert_eq!(empty, Some((String::new(), "header.authorization")));
    }

    #[test]
    fn a_key_in_its_own_header_comes_after_a_bearer_token_and_before_the_cookie() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "falcon_auth_token=good".parse().unwrap());
        headers.insert("x-api-key", " rck_x ".parse().unwrap());
        let place = |headers: &HeaderMap| find(headers).map(|f| (f.text, f.place));
        assert_eq!(place(&headers), Some(("rck_x".to_owned(), KEY_PLACE)));
        // Nor is an empty or unreadable one retried with the cookie.
        for bad in [&b""[..], b"\xff"] {
            headers.insert("x-api-key", bad.try_into().unwrap());
            assert_eq!(place(&headers), Some((String::new(), KEY_PLACE)));
        }
        headers.insert(AUTHORIZATION, "Bearer t".parse().unwrap());
        assert_eq!(place(&headers), Some(("t".to_owned(), "header.authorization")));
    }

    #[test]
    fn without_the_exact_prefix_the_cookie_is_looked_at() {
        let cookie = Some(("good".to_owned(), "cookie.falcon_auth_token"));
        for header in [None, Some("bearer x"), Some("Basic x"), Some("Bearer")] {
            assert_eq!(
                found(header, Some("a=1; falcon_auth_token=good; b=2")),
                cookie,
                "{header:?}"
            );
        }
        assert_eq!(
            found(None, Some("xfalcon_auth_token=good; falcon_auth_token=")),
            None
        );
        assert_eq!(found(None, None), None);
    }
}
