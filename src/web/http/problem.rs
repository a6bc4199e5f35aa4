//! Errors as `application/problem+json` (RFC 9457).

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rolecall_core::error::{ErrorClass, JobError, StoreError};
use rolecall_workflows::request::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::trace::RequestNames;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Detail {
    /// In words. The frontend shows the first one.
    pub(crate) message: String,
    /// Where: a JSON pointer into the body (`/guild_ids/0`), or `query.limit`, `path.run_id`, `header.authorization`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<String>,
}

impl Detail {
    pub(crate) fn at(location: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            location: Some(location.into()),
        }
    }
}

/// An error, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is, `code` says which.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The status in words.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What happened.
    pub(crate) detail: String,
    /// The path that was asked for.
    pub(crate) instance: String,
    /// Stable name of the error.
    pub(crate) code: String,
    /// Trace of the request, to find it in the logs.
    pub(crate) trace_id: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// Whether the same request may succeed later.
    pub(crate) retryable: bool,
    /// What is wrong, at least one line.
    pub(crate) errors: Vec<Detail>,
}

impl Problem {
    /// Adds what only the request knows, unless it is there: an answer that is repeated tells of the first request.
    pub(super) fn fill(&mut self, path: &str, names: &RequestNames) {
        if self.trace_id.is_empty() {
            path.clone_into(&mut self.instance);
            names.trace_id().clone_into(&mut self.trace_id);
        }
    }
}

/// Why a request is not answered as asked.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: String,
    hint: Option<String>,
    retry_after: Option<u64>,
    errors: Vec<Detail>,
    /// For the log, never for the caller.
    cause: Option<String>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            hint: None,
            retry_after: None,
            errors: Vec::new(),
            cause: None,
        }
    }

    /// 422 with what is wrong and where.
    pub(crate) fn invalid(errors: Vec<Detail>) -> Self {
        Self {
            errors,
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "validation_failed",
                "validation failed",
            )
        }
    }

    pub(crate) fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// The error that stands for a status which something below our handlers answered.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("not_found", "there is nothing at this path"),
            StatusCode::METHOD_NOT_ALLOWED => (
                "method_not_allowed",
                "this path does not know this method; see the Allow header",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "the body is larger than 1 MiB"),
            // From the machinery below our handlers, which read all else themselves.
            StatusCode::BAD_REQUEST => (
                "http_error",
                "the path cannot be read: what is percent-encoded in it has to be UTF-8",
            ),
            StatusCode::INTERNAL_SERVER_ERROR => ("internal_error", "something went wrong inside rolecall"),
            _ => (
                "http_error",
                status.canonical_reason().unwrap_or("the request failed"),
            ),
        };
        Self::new(status, code, detail)
    }

    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(crate) fn with_error(mut self, detail: Detail) -> Self {
        self.errors.push(detail);
        self
    }

    #[must_use]
    pub(crate) fn with_cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    #[cfg(test)]
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The body, without what only the request knows.
    pub(crate) fn problem(&self) -> Problem {
        let mut errors = self.errors.clone();
        if errors.is_empty() {
            errors.push(Detail {
                message: self.detail.clone(),
                location: None,
            });
        }
        Problem {
            kind: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            instance: String::new(),
            code: self.code.to_owned(),
            trace_id: String::new(),
            hint: self.hint.clone(),
            retryable: self.retry_after.is_some() || self.status == StatusCode::GATEWAY_TIMEOUT,
            errors,
        }
    }
}

/// Writes a problem, and leaves it in the extensions so that [`super::layers`] can add what it knows of the request.
pub(crate) fn write(problem: Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(&problem)).into_response();
    let problem_json = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, problem_json);
    response.extensions_mut().insert(problem);
    response
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.cause {
            tracing::error!(
                error.code = self.code,
                status = self.status.as_u16(),
                "discord_api: {}: {cause}",
                self.detail
            );
        }
        let mut response = write(self.problem());
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "store_unavailable",
                "the store did not answer; nothing is lost, try again in a moment",
            )
            .retry_after(2),
            StoreError::Corrupt(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "store_corrupt",
                "the store holds something that cannot be read; the log says what",
            ),
        }
        .with_cause(error.to_string())
    }
}

impl From<JobError> for ApiError {
    fn from(error: JobError) -> Self {
        match error.class {
            ErrorClass::Permanent => StoreError::Corrupt(error.message).into(),
            _ => StoreError::Unavailable(error.message).into(),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let sentence = refusal.to_string();
        match refusal {
            Refusal::UnknownGuild(_) => Self::not_found("unknown_guild", sentence),
            Refusal::UnknownMapping(_) => Self::not_found("unknown_mapping", sentence),
            Refusal::NotLinked(_) => Self::not_found("user_not_linked", sentence)
                .with_hint("The user has to link a Discord account first, or an import has to name it."),
            Refusal::DisabledGuild(_) => Self::new(StatusCode::CONFLICT, "guild_disabled", sentence),
            Refusal::NoGuild => Self::new(StatusCode::CONFLICT, "no_guild", sentence),
            Refusal::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_always_has_a_first_line_and_its_stable_fields() {
        let error = ApiError::not_found("unknown_run", "there is no such run");
        let body = serde_json::to_value(error.problem()).unwrap();
        assert_eq!(body["type"], "about:blank");
        assert_eq!(body["title"], "Not Found");
        assert_eq!(body["status"], 404);
        assert_eq!(body["code"], "unknown_run");
        assert_eq!(body["retryable"], false);
        assert_eq!(body["errors"][0]["message"], "there is no such run");
        assert!(body.get("hint").is_none());
    }

    #[test]
    fn a_store_that_does_not_answer_is_503_and_its_words_stay_inside() {
        let error = ApiError::from(StoreError::unavailable("mongodb://root:s3cr3t@host refused"));
        assert!(
            !serde_json::to_string(&error.problem())
                .unwrap()
                .contains("s3cr3t")
        );
        let response = error.into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }

    #[test]
    fn refusals_have_the_statuses_of_the_contract() {
        let guild = "1".parse().unwrap();
        let table = [
            (Refusal::UnknownGuild(guild), 404),
            (Refusal::UnknownMapping("a".into()), 404),
            (Refusal::NotLinked("u".into()), 404),
            (Refusal::DisabledGuild(guild), 409),
            (Refusal::NoGuild, 409),
            (Refusal::Store(StoreError::unavailable("x")), 503),
        ];
        for (refusal, status) in table {
            assert_eq!(ApiError::from(refusal).status().as_u16(), status);
        }
    }
}
