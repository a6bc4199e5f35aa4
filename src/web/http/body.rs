//! Request bodies: optional JSON objects of at most 1 MiB.

use std::future::Future;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::fields::Fields;
use super::once;
use super::problem::{ApiError, Detail};

/// Largest body.
pub(crate) const MOST_BYTES: usize = 1024 * 1024;
/// How long a body may take to arrive.
const SLOWEST: Duration = Duration::from_secs(5);
/// What a UTF-8 text may begin with, as some editors and shells write it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The body as an object. No body, an empty one and `null` are an empty object.
pub(crate) struct Body(pub(crate) Fields);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let headers = request.headers().clone();
        let bytes = whole(Bytes::from_request(request, state)).await?;
        object(&headers, &bytes).map(|object| Self(Fields::new(object)))
    }
}

/// All of the body, if it arrives in time.
pub(super) async fn whole(
    arriving: impl Future<Output = Result<Bytes, BytesRejection>>,
) -> Result<Bytes, ApiError> {
    whole_within(arriving, SLOWEST).await
}

async fn whole_within(
    arriving: impl Future<Output = Result<Bytes, BytesRejection>>,
    within: Duration,
) -> Result<Bytes, ApiError> {
    match tokio::time::timeout(within, arriving).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(ApiError::of_status(StatusCode::PAYLOAD_TOO_LARGE))
        }
        Ok(Err(_)) => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "body_unreadable",
            "the body did not arrive whole",
        )),
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_too_slow",
            "the body did not arrive within 5 s; nothing was changed",
        )
        .retry_after(1)),
    }
}

/// The object in these bytes. Pure.
fn object(headers: &HeaderMap, bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    if is_encoded(headers) {
        return Err(unsupported(
            "content_encoding_unsupported",
            "header.content-encoding",
            "bodies are read as they are, not compressed; send it without Content-Encoding",
        ));
    }
    if !is_json(headers) {
        return Err(unsupported(
            "unsupported_media_type",
            "header.content-type",
            "the body has to be JSON; send it with Content-Type: application/json",
        ));
    }
    let (value, twice) = once::read(bytes).map_err(|error| bad_json(&error))?;
    if !twice.is_empty() {
        let told = twice.into_iter().take(20);
        let details = told.map(|at| Detail::at(at, "is there more than once; send it once"));
        return Err(ApiError::invalid(details.collect()));
    }
    match value {
        Value::Object(object) => Ok(object),
        Value::Null => Ok(Map::new()),
        _ => Err(ApiError::invalid(vec![Detail::at("", "expected an object")])),
    }
}

fn unsupported(code: &'static str, place: &str, sentence: &str) -> ApiError {
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code, sentence).with_error(Detail::at(place, sentence))
}

/// The parser's own words are left out: some of them quote the body.
fn bad_json(error: &serde_json::Error) -> ApiError {
    let (line, column) = (error.line(), error.column());
    let place = if error.to_string().starts_with("recursion limit") {
        format!("nested deeper than 127 levels at line {line}, column {column}")
    } else {
        format!("no JSON from line {line}, column {column} on")
    };
    ApiError::new(StatusCode::BAD_REQUEST, "bad_json", "the body is no JSON")
        .with_error(Detail::at("body", place))
}

/// Whether the body is packed in some way.
fn is_encoded(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    encodings.any(|e| !e.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}

/// `application/json`, `application/*+json`, or none at all.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let essence = value
        .to_str()
        .unwrap_or("?")
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let essence = essence.to_ascii_lowercase();
    essence.is_empty()
        || essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::extract::DefaultBodyLimit;
    use axum::http::Method;
    use axum::routing::post;
    use tower::Service;

    use super::*;

    #[test]
    fn fuzz_bodies() {
        let json = [(
            CONTENT_TYPE,
            axum::http::HeaderValue::from_static("application/json"),
        )];
        let headers = HeaderMap::from_iter(json);
        rolecall_fuzz::fuzz("body", |bytes| {
            let Ok(object) = object(&headers, bytes) else {
                return;
            };
            let mut fields = Fields::new(object);
            let _ = (
                fields.text("query"),
                fields.flag("dry_run"),
                fields.users("reason"),
            );
            let _ = (
                fields.line("reason", 500),
                fields.snowflake::<rolecall_core::GuildId>("guild_id"),
            );
            let _ = fields.finish();
        });
    }

    fn read(headers: &[(&'static str, &'static str)], body: &[u8]) -> Result<Map<String, Value>, u16> {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(*name, value.parse().unwrap());
        }
        object(&all, body).map_err(|e| e.status().as_u16())
    }

    #[test]
    fn no_body_is_an_empty_object() {
        for body in ["", "  \n", "{}", "null", "\u{feff}", "\u{feff} {}"] {
            assert_eq!(read(&[], body.as_bytes()), Ok(Map::new()), "{body:?}");
        }
        let form = [("content-type", "application/x-www-form-urlencoded")];
        assert_eq!(
            read(&form, b""),
            Ok(Map::new()),
            "what `curl -X POST -d ''` sends"
        );
        let packed = [("content-encoding", "gzip")];
        assert_eq!(read(&packed, b""), Ok(Map::new()), "nothing is not packed");
    }

    #[test]
    fn the_headers_decide_only_over_a_body() {
        for (name, value, expected) in [
            ("content-type", "", Ok(Map::new())),
            ("content-type", "application/json", Ok(Map::new())),
            ("content-type", "application/json; charset=utf-8", Ok(Map::new())),
            ("content-type", "Application/LD+JSON", Ok(Map::new())),
            ("content-type", "text/plain", Err(415)),
            ("content-type", "application/xml", Err(415)),
            ("content-type", "application/jsonx", Err(415)),
            ("content-type", "application/x-www-form-urlencoded", Err(415)),
            ("content-type", "multipart/form-data; boundary=x", Err(415)),
            ("content-encoding", "identity", Ok(Map::new())),
            ("content-encoding", "gzip", Err(415)),
            ("content-encoding", "br", Err(415)),
            ("content-encoding", "identity, gzip", Err(415)),
        ] {
            assert_eq!(read(&[(name, value)], b"{}"), expected, "{name}: {value}");
        }
    }

    #[test]
    fn every_strange_body_is_an_object_or_refused_with_its_status() {
        let deep = |n: usize| format!("{}{}", "{\"a\":".repeat(n), "1") + "}".repeat(n).as_str();
        let (fine, too_deep) = (deep(100), deep(200));
        let table: [(&[u8], u16); 22] = [
            (br#"{"a":1}"#, 200),
            (b"\xef\xbb\xbf{\"a\":1}", 200),
            (br#"{"a":9007199254740993}"#, 200),
            (br#"{"a":"\ud83d\ude00"}"#, 200),
            (fine.as_bytes(), 200),
            (too_deep.as_bytes(), 400),
            (b"{", 400),
            (b"{}{}", 400),
            (b"{'a':1}", 400),
            (b"{\"a\":1,}", 400),
            (b"{\"a\":NaN}", 400),
            (b"{\"a\":1e999}", 400),
            (b"{\"a\":01}", 400),
            (b"\0", 400),
            (b"{\"a\":\"\xff\"}", 400),
            (b"\xff\xfe{\0}\0", 400),
            (br#"{"a":"\ud800"}"#, 400),
            (b"guild_id=5", 400),
            (b"[]", 422),
            (b"7", 422),
            (b"\"text\"", 422),
            (br#"{"a":1,"A":2}"#, 422),
        ];
        for (body, expected) in table {
            let got = read(&[], body).map_or_else(|status| status, |_| 200);
            let shown: String = String::from_utf8_lossy(body).chars().take(60).collect();
            assert_eq!(got, expected, "{shown}");
        }
    }

    #[test]
    fn what_is_there_twice_is_pointed_at_and_a_body_is_never_quoted() {
        let error = object(
            &HeaderMap::new(),
            br#"{"bot_token":"s3cr3t","Bot_Token":"s3cr3t"}"#,
        )
        .unwrap_err();
        let problem = error.problem();
        assert_eq!(problem.errors[0].location.as_deref(), Some("/Bot_Token"));
        assert!(!serde_json::to_string(&problem).unwrap().contains("s3cr3t"));
        let error = object(&HeaderMap::new(), br#"{"bot_token":"s3cr3t" x"#).unwrap_err();
        assert!(
            !serde_json::to_string(&error.problem())
                .unwrap()
                .contains("s3cr3t")
        );
    }

    #[tokio::test]
    async fn a_body_may_be_of_one_mebibyte_and_no_byte_more() {
        async fn handler(body: Body) -> Result<(), ApiError> {
            body.0.finish()
        }
        let mut router: Router = Router::new()
            .route("/x", post(handler))
            .layer(DefaultBodyLimit::max(MOST_BYTES));
        for (bytes, expected) in [(MOST_BYTES, 200), (MOST_BYTES + 1, 413)] {
            let request = Request::builder().method(Method::POST).uri("/x");
            let body = axum::body::Body::from(format!("{{}}{}", " ".repeat(bytes - 2)));
            let answer = router.call(request.body(body).unwrap()).await.unwrap();
            assert_eq!(answer.status().as_u16(), expected, "{bytes}");
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_arrive_is_408() {
        let never = std::future::pending();
        let error = whole_within(never, Duration::from_millis(1)).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
    }
}
