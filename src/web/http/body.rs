//! Request bodies: optional JSON objects of at most 1 MiB.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::fields::Fields;
use super::problem::{ApiError, Detail};

/// Largest body.
pub(crate) const MOST_BYTES: usize = 1024 * 1024;

/// The body as an object. No body, an empty one and `null` are an empty object.
pub(crate) struct Body(pub(crate) Fields);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let headers = request.headers().clone();
        let bytes =
            Bytes::from_request(request, state)
                .await
                .map_err(|rejection| match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => ApiError::of_status(StatusCode::PAYLOAD_TOO_LARGE),
                    _ => ApiError::new(
                        StatusCode::BAD_REQUEST,
                        "body_unreadable",
                        "the body did not arrive whole",
                    ),
                })?;
        object(&headers, &bytes).map(|object| Self(Fields::new(object)))
    }
}

/// The object in these bytes. Pure.
fn object(headers: &HeaderMap, bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if bytes.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    if !is_json(headers) {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "the body has to be application/json",
        )
        .with_error(Detail::at("header.content-type", "expected application/json")));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(ApiError::invalid(vec![Detail::at("", "expected an object")])),
        Err(error) => {
            // The parser's own words are left out: some of them quote the body.
            let place = format!("no JSON from line {}, column {} on", error.line(), error.column());
            Err(
                ApiError::new(StatusCode::BAD_REQUEST, "bad_json", "the body is no JSON")
                    .with_error(Detail::at("body", place)),
            )
        }
    }
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
    use super::*;

    fn read(content_type: Option<&'static str>, body: &str) -> Result<Map<String, Value>, u16> {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        }
        object(&headers, body.as_bytes()).map_err(|e| e.status().as_u16())
    }

    #[test]
    fn no_body_is_an_empty_object() {
        for body in ["", "  \n", "{}", "null"] {
            assert_eq!(read(None, body), Ok(Map::new()), "{body:?}");
        }
        let form = Some("application/x-www-form-urlencoded");
        assert_eq!(read(form, ""), Ok(Map::new()), "what `curl -X POST -d ''` sends");
    }

    #[test]
    fn the_content_type_decides_only_over_a_body() {
        for good in [
            None,
            Some(""),
            Some("application/json; charset=utf-8"),
            Some("Application/LD+JSON"),
        ] {
            assert!(read(good, "{}").is_ok(), "{good:?}");
        }
        for bad in ["text/plain", "application/xml", "application/jsonx"] {
            assert_eq!(read(Some(bad), "{}"), Err(415), "{bad}");
        }
    }

    #[test]
    fn bad_json_is_400_and_another_shape_is_422() {
        assert_eq!(read(None, "{"), Err(400));
        assert_eq!(read(None, "\u{0}"), Err(400));
        assert_eq!(read(None, "[]"), Err(422));
        assert_eq!(read(None, "7"), Err(422));
    }
}
