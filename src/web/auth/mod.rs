//! Who is asking: a JSON Web Token, in a header or a cookie.

mod hmac;
mod jwt;
pub(crate) mod right;
pub(crate) mod same_site;
mod token;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use rolecall_core::UserId;
use rolecall_core::cause::Cause;
use secrecy::SecretString;

pub use jwt::issue_token;

use super::http::problem::{ApiError, Detail};

/// Name of the cookie; go-falcon's.
pub(crate) const COOKIE: &str = "falcon_auth_token";

/// The key that tokens are checked with, if this process has one.
#[derive(Clone)]
pub(crate) struct TokenKey(pub(crate) Option<SecretString>);

/// Somebody with a valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The application's user.
    pub(crate) user_id: UserId,
    /// The character that logged in, where the token names one.
    pub(crate) character_id: Option<i64>,
    /// Whether the token itself makes an administrator: one of `rolecall token --admin`.
    pub(crate) admin: bool,
}

impl Caller {
    /// This caller as the cause of something.
    pub(crate) fn cause(&self, reason: &str) -> Cause {
        Cause::new(format!("user:{}", self.user_id), reason)
    }
}

/// The user of the valid token that a request carries, if it does. For what counts requests, not for access.
pub(crate) fn user_of(headers: &HeaderMap, key: &SecretString) -> Option<UserId> {
    let token = token::find(headers)?;
    jwt::read(&token.text, key).ok().map(|verified| verified.user_id)
}

impl<S> FromRequestParts<S> for Caller
where
    TokenKey: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let TokenKey(Some(key)) = TokenKey::from_ref(state) else {
            return Err(ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "no_jwt_secret",
                "this process was started without JWT_SECRET and can check no token",
            ));
        };
        let token = token::find(&parts.headers).ok_or_else(|| {
            ApiError::new(
                StatusCode::UNAUTHORIZED,
                "authentication_required",
                "Authentication required",
            )
            .with_hint(format!(
                "Send `Authorization: Bearer <token>`, or the cookie {COOKIE}."
            ))
        })?;
        let verified = jwt::read(&token.text, &key).map_err(|sentence| {
            ApiError::new(
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "Invalid authentication token",
            )
            .with_error(Detail::at(token.place, sentence))
        })?;
        Ok(Self {
            user_id: verified.user_id,
            character_id: verified.character_id,
            admin: verified.admin,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::Router;
    use axum::http::Request;
    use axum::routing::post;
    use tower::Service;

    use super::*;
    use crate::web::http::body::Body;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    async fn post_with(authorization: Option<String>, body: &'static str) -> u16 {
        async fn handler(caller: Caller, body: Body) -> Result<String, ApiError> {
            body.0.finish()?;
            Ok(caller.user_id.0)
        }
        let mut router = Router::new()
            .route("/x", post(handler))
            .with_state(TokenKey(Some(KEY.into())));
        let mut request = Request::builder().method("POST").uri("/x");
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let request = request.body(axum::body::Body::from(body)).unwrap();
        router.call(request).await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn the_caller_is_known_before_the_body_is_judged() {
        let token = issue_token(&KEY.into(), &"ada".into(), false, Duration::from_secs(60));
        assert_eq!(post_with(None, "{").await, 401);
        assert_eq!(post_with(Some("Bearer x".into()), "{").await, 401);
        assert_eq!(post_with(Some(format!("Bearer {token}")), "{").await, 400);
        assert_eq!(post_with(Some(format!("Bearer {token}")), "{\"a\":1}").await, 422);
        assert_eq!(post_with(Some(format!("Bearer {token}")), "").await, 200);
    }
}
