//! What the headers and the body of an answer say about limits.

use chrono::DateTime;
use reqwest::header::HeaderMap;
use rolecall_core::ports::{RateHeaders, RateScope};
use serde_json::Value;

/// Least and most that a 429 makes us wait, in Discord's seconds.
const RETRY_LEAST: f64 = 0.05;
const RETRY_MOST: f64 = 86_400.0;
/// What is waited when a 429 names no time.
const RETRY_UNNAMED: f64 = 5.0;
/// Least wait after an answer of Discord's edge: the address is banned for a while.
const RETRY_EDGE: f64 = 600.0;

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// A number that is not NaN.
fn number(headers: &HeaderMap, name: &str) -> Option<f64> {
    text(headers, name)?.parse().ok().filter(|n: &f64| !n.is_nan())
}

fn count(headers: &HeaderMap, name: &str) -> Option<u32> {
    // `as` keeps within the range.
    number(headers, name).map(|n| n as u32)
}

/// A moment in HTTP's form, in Unix seconds.
fn moment(headers: &HeaderMap, name: &str) -> Option<f64> {
    let at = DateTime::parse_from_rfc2822(text(headers, name)?).ok()?;
    Some(at.timestamp() as f64)
}

/// Seconds from when the answer was made to `until`, both by the clock of who made it: ours may be wrong. Its `Date` has
/// whole seconds, so that this is never too short.
fn from_date(headers: &HeaderMap, until: f64) -> Option<f64> {
    Some((until - moment(headers, "date")?).clamp(0.0, RETRY_MOST))
}

/// Until the budget is full again, as a span or as a moment.
fn reset_after(headers: &HeaderMap) -> Option<f64> {
    number(headers, "x-ratelimit-reset-after")
        .map(|n| n.clamp(0.0, RETRY_MOST))
        .or_else(|| from_date(headers, number(headers, "x-ratelimit-reset")?))
}

/// `Retry-After` of any answer: seconds, or a moment (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<f64> {
    number(headers, "retry-after").or_else(|| from_date(headers, moment(headers, "retry-after")?))
}

/// How long a server wants to be left alone that answered with an error of its own.
pub(super) fn busy(status: u16, headers: &HeaderMap) -> Option<f64> {
    let named = retry_after(headers).filter(|_| status >= 500)?;
    (named > 0.0).then(|| named.clamp(RETRY_LEAST, RETRY_MOST))
}

/// The limit headers of any answer. What cannot be read counts as absent.
pub(super) fn rate_headers(headers: &HeaderMap) -> RateHeaders {
    RateHeaders {
        bucket: text(headers, "x-ratelimit-bucket")
            .filter(|b| !b.is_empty())
            .map(ToOwned::to_owned),
        limit: count(headers, "x-ratelimit-limit").filter(|limit| *limit > 0),
        remaining: count(headers, "x-ratelimit-remaining"),
        reset_after: reset_after(headers),
    }
}

/// What a 429 says: seconds to wait (Discord's), and which limit it was.
pub(super) fn limited(headers: &HeaderMap, body: Option<&Value>) -> (f64, RateScope) {
    let body = body.filter(|b| b.is_object());
    let in_body = body.and_then(|b| b.get("retry_after")).and_then(lenient_number);
    let named = [retry_after(headers), in_body]
        .into_iter()
        .flatten()
        .reduce(f64::max);
    let scope = scope(headers, body, named.is_some());
    let least = if scope == RateScope::Edge {
        RETRY_EDGE
    } else {
        RETRY_LEAST
    };
    // A 429 without a time of its own says at least when its budget is full again.
    let wait = named.or_else(|| reset_after(headers)).unwrap_or(RETRY_UNNAMED);
    (wait.clamp(least, RETRY_MOST), scope)
}

fn lenient_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    }
    .filter(|n| !n.is_nan())
}

fn scope(headers: &HeaderMap, body: Option<&Value>, named: bool) -> RateScope {
    match text(headers, "x-ratelimit-scope")
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        Some("shared") => return RateScope::Shared,
        Some("global") => return RateScope::Global,
        Some("user") => return RateScope::User,
        _ => {}
    }
    let in_body = body
        .and_then(|b| b.get("global"))
        .and_then(Value::as_bool)
        .unwrap_or(false);
    if in_body || text(headers, "x-ratelimit-global").is_some_and(|t| t.eq_ignore_ascii_case("true")) {
        return RateScope::Global;
    }
    let limit_headers = headers
        .keys()
        .any(|name| name.as_str().starts_with("x-ratelimit-"));
    // Discord's own answers come through a proxy that names itself; pages come from the edge, whoever passed them on.
    let page = text(headers, "content-type").is_some_and(|kind| kind.starts_with("text/html"));
    if body.is_none() && !limit_headers && (page || !headers.contains_key("via")) {
        return RateScope::Edge;
    }
    // A ban also comes as JSON: code 0, no time, and a sentence about being blocked for exceeding limits.
    let message = body
        .and_then(|b| b.get("message"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !named && !limit_headers && message.contains("blocked") {
        return RateScope::Edge;
    }
    RateScope::User
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};
    use serde_json::json;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v)))
            .collect()
    }

    #[test]
    fn the_larger_of_header_and_body_counts() {
        let headers = headers(&[("retry-after", "2"), ("x-ratelimit-scope", "user")]);
        assert_eq!(
            limited(&headers, Some(&json!({"retry_after": 1.337}))),
            (2.0, RateScope::User)
        );
        assert_eq!(
            limited(&headers, Some(&json!({"retry_after": "64.57"}))),
            (64.57, RateScope::User)
        );
    }

    #[test]
    fn odd_times_are_kept_within_bounds() {
        for (body, expected) in [
            (json!({"retry_after": -3}), RETRY_LEAST),
            (json!({"retry_after": 1e300}), RETRY_MOST),
            (json!({"retry_after": "inf"}), RETRY_MOST),
            (json!({"retry_after": "NaN"}), RETRY_UNNAMED),
            (json!({"retry_after": null}), RETRY_UNNAMED),
            (json!({}), RETRY_UNNAMED),
            (json!({"retry_after": 7}), 7.0),
        ] {
            assert_eq!(limited(&HeaderMap::new(), Some(&body)).0, expected, "{body}");
        }
    }

    #[test]
    fn an_answer_without_json_limit_headers_and_via_is_of_the_edge() {
        assert_eq!(limited(&HeaderMap::new(), None), (600.0, RateScope::Edge));
        let long = headers(&[("retry-after", "3600")]);
        assert_eq!(limited(&long, None), (3600.0, RateScope::Edge));
        assert_eq!(
            limited(&headers(&[("via", "1.1 google")]), None).1,
            RateScope::User
        );
        let ban = json!({"code": 0, "message": "You are being blocked from accessing our API temporarily"});
        assert_eq!(limited(&HeaderMap::new(), Some(&ban)), (600.0, RateScope::Edge));
    }

    #[test]
    fn the_scope_is_read_from_header_or_body() {
        assert_eq!(
            limited(&headers(&[("x-ratelimit-scope", "shared")]), None).1,
            RateScope::Shared
        );
        assert_eq!(
            limited(&headers(&[("x-ratelimit-global", "true")]), None).1,
            RateScope::Global
        );
        assert_eq!(
            limited(&HeaderMap::new(), Some(&json!({"global": true}))).1,
            RateScope::Global
        );
    }

    #[test]
    fn unreadable_limit_headers_count_as_absent() {
        let odd = headers(&[
            ("x-ratelimit-limit", "ten"),
            ("x-ratelimit-remaining", "-1"),
            ("x-ratelimit-reset-after", "NaN"),
            ("x-ratelimit-bucket", "abc"),
        ]);
        let read = rate_headers(&odd);
        assert_eq!(
            (read.limit, read.remaining, read.reset_after),
            (None, Some(0), None)
        );
        assert_eq!(read.bucket.as_deref(), Some("abc"));
    }

    #[test]
    fn a_reset_as_a_moment_is_read_by_the_clock_of_who_named_it() {
        // One hour off by our clock, which must not matter.
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let headers = headers(&[
            ("date", date),
            ("x-ratelimit-limit", "5"),
            ("x-ratelimit-reset", "784111780.250"),
        ]);
        assert_eq!(rate_headers(&headers).reset_after, Some(3.25));
        let only = self::headers(&[("x-ratelimit-reset", "784111780.250")]);
        assert_eq!(
            rate_headers(&only).reset_after,
            None,
            "without a clock it says nothing"
        );
        let past = self::headers(&[("date", date), ("x-ratelimit-reset", "7")]);
        assert_eq!(rate_headers(&past).reset_after, Some(0.0));
    }

    #[test]
    fn a_time_to_wait_may_be_a_moment_or_what_is_left_of_the_window() {
        let json = json!({});
        let until = headers(&[
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("retry-after", "Sun, 06 Nov 1994 08:50:17 GMT"),
        ]);
        assert_eq!(limited(&until, Some(&json)).0, 40.0);
        let window = headers(&[("x-ratelimit-reset-after", "64.5")]);
        assert_eq!(limited(&window, Some(&json)).0, 64.5);
    }

    #[test]
    fn a_page_of_the_edge_is_one_whoever_passed_it_on() {
        let passed = headers(&[("via", "1.1 squid"), ("content-type", "text/html; charset=UTF-8")]);
        assert_eq!(limited(&passed, None), (600.0, RateScope::Edge));
    }
}
