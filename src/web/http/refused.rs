//! Errors that many routes have in common, for the document.

use utoipa::IntoResponses;

use super::problem::Problem;

/// What every route with a permission may answer.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "only the document needs it")]
pub(crate) enum Refused {
    /// No valid token
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// The token lacks the permission
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// Wrong values
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(Problem),
    /// Too many requests
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Problem),
    /// The store did not answer
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// What a write may answer besides.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "only the document needs it")]
pub(crate) enum RefusedWrite {
    /// No JSON
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Problem),
    /// It exists with other content, or what it needs is not there
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
    /// Larger than 1 MiB
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// Not application/json
    #[response(status = 415, content_type = "application/problem+json")]
    Unsupported(Problem),
    /// Discord refused
    #[response(status = 502, content_type = "application/problem+json")]
    BadGateway(Problem),
}

/// What a list that goes on may answer besides.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "only the document needs it")]
pub(crate) enum ForeignCursor {
    /// A foreign cursor
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Problem),
}

/// What a route that names one thing may answer besides.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "only the document needs it")]
pub(crate) enum Missing {
    /// There is none
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
}

/// What a write with `If-Match` may answer besides.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "only the document needs it")]
pub(crate) enum Changed {
    /// Somebody changed it meanwhile (`If-Match`)
    #[response(status = 412, content_type = "application/problem+json")]
    Changed(Problem),
}
