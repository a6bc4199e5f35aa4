//! Names of a request: its trace (W3C Trace Context) and its request id.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use tracing::Span;
use uuid::Uuid;

use crate::telemetry::traces;

/// How a request is found again. Placed in the extensions by [`super::layers`].
#[derive(Debug, Clone)]
pub(crate) struct RequestNames {
    /// `00-{trace}-{span}-{flags}`: the caller's, or a new one; where traces are sent, that of the request's own span.
    pub(crate) traceparent: String,
    is_callers: bool,
    /// `X-Request-Id`: the caller's, or a new one.
    pub(crate) request_id: String,
}

impl RequestNames {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
        let given = header("traceparent").filter(|text| is_traceparent(text));
        let is_callers = given.is_some();
        let traceparent = given.map_or_else(new_traceparent, ToOwned::to_owned);
        let request_id = header("x-request-id")
            .filter(|id| !id.is_empty() && id.len() <= 128 && id.bytes().all(|b| b.is_ascii_graphic()))
            .map_or_else(|| Uuid::now_v7().to_string(), ToOwned::to_owned);
        Self {
            traceparent,
            is_callers,
            request_id,
        }
    }

    /// Makes this span a part of the caller's trace, and what the request causes a part of this span. Where traces are not
    /// sent, nothing changes.
    pub(crate) fn trace(&mut self, span: &Span) {
        if self.is_callers {
            traces::follow(span, &self.traceparent);
        }
        if let Some(own) = traces::traceparent(span) {
            self.traceparent = own;
        }
    }

    /// 32 hex digits.
    pub(crate) fn trace_id(&self) -> &str {
        self.traceparent.get(3..35).unwrap_or_default()
    }
}

/// Version 00 of the format; a later version may add fields after the fourth.
fn is_traceparent(text: &str) -> bool {
    let hex = |part: &str, length: usize| {
        part.len() == length
            && part
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let not_zero = |part: &str| part.bytes().any(|b| b != b'0');
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, span, flags, more @ ..] = parts.as_slice() else {
        return false;
    };
    hex(version, 2)
        && *version != "ff"
        && (*version != "00" || more.is_empty())
        && hex(trace, 32)
        && not_zero(trace)
        && hex(span, 16)
        && not_zero(span)
        && hex(flags, 2)
        && text.len() <= 128
}

fn new_traceparent() -> String {
    let span = Uuid::new_v4().simple().to_string();
    format!("00-{}-{}-01", Uuid::new_v4().simple(), &span[..16])
}

impl<S: Send + Sync> FromRequestParts<S> for RequestNames {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or_else(|| Self::of(&parts.headers)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(traceparent: &str, request_id: &str) -> RequestNames {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", traceparent.parse().unwrap());
        headers.insert("x-request-id", request_id.parse().unwrap());
        RequestNames::of(&headers)
    }

    #[test]
    fn a_callers_trace_and_id_are_kept() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let names = names(trace, "abc-1");
        assert_eq!(
            (names.traceparent.as_str(), names.request_id.as_str()),
            (trace, "abc-1")
        );
        assert_eq!(names.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn what_is_no_trace_or_id_is_replaced() {
        for bad in [
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "x",
        ] {
            let names = names(bad, &"x".repeat(129));
            assert_ne!(names.traceparent, bad);
            assert!(is_traceparent(&names.traceparent));
            assert_eq!(names.request_id.len(), 36);
        }
    }
}
