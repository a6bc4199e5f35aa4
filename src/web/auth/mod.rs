//! Who is asking: a person with a JSON Web Token, in a header or a cookie, or a machine with a key.

mod api_key;
mod hmac;
mod jwt;
#[cfg(test)]
mod jwt_tests;
pub(crate) mod memory;
pub(crate) mod right;
pub(crate) mod same_site;
mod token;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use rolecall_core::UserId;
use rolecall_core::api_key::{self as key, ApiKeyId};
use rolecall_core::cause::Cause;
use rolecall_core::ports::Granted;
use rolecall_jobs::kernel::steering::By;
use secrecy::SecretString;

pub(crate) use jwt::issue_session;
pub use jwt::issue_token;

use super::http::problem::{ApiError, Detail};
use super::http::trace::RequestNames;
use super::state::Web;
use memory::Memory;
use token::Found;

/// Name of the cookie; go-falcon's.
pub(crate) const COOKIE: &str = "falcon_auth_token";
/// Name of the header in which a key may come instead of `Authorization`.
pub(crate) const KEY_HEADER: &str = "x-api-key";

/// Whom a valid credential stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// A user of the application.
    User(UserId),
    /// A machine.
    Key {
        /// Its key.
        id: ApiKeyId,
        /// What the key may do.
        scopes: Granted,
    },
}

/// Somebody with a valid credential. A person of whom go-falcon says that it is banned is refused before it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Whom it stands for.
    pub(crate) who: Who,
    /// The character that logged in, where the token names one.
    pub(crate) character_id: Option<i64>,
    /// Whether the token itself makes an administrator: one of `rolecall token --admin`.
    pub(crate) admin: bool,
}

impl Caller {
    /// This caller as the cause of something.
    pub(crate) fn cause(&self, reason: &str) -> Cause {
        Cause::new(actor(&self.who), reason)
    }

    /// This caller as who does something by a request, for this reason.
    pub(crate) fn by(&self, reason: &str, names: &RequestNames) -> By {
        By {
            cause: self.cause(reason),
            request_id: Some(names.request_id.clone()),
            repeatable: names.repeatable,
        }
    }

    /// Whether it is this user.
    pub(crate) fn is(&self, user: &UserId) -> bool {
        matches!(&self.who, Who::User(own) if own == user)
    }

    /// The user, for routes about oneself. A machine has no self.
    pub(crate) fn user(&self) -> Result<&UserId, ApiError> {
        match &self.who {
            Who::User(user) => Ok(user),
            Who::Key { .. } => Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "key_has_no_account",
                "an API key belongs to no user, and so has no account of its own",
            )
            .with_hint("Ask with the token of the user whose account it is about.")),
        }
    }
}

fn actor(who: &Who) -> String {
    match who {
        Who::User(user) => format!("user:{user}"),
        Who::Key { id, .. } => format!("key:{id}"),
    }
}

/// Somebody with a valid credential, banned or not: for what a banned user may still do, which is to look after its
/// own data.
pub(crate) struct EvenBanned(pub(crate) Caller);

/// For whom a request counts: the user of its valid token, or its key, once that was found valid. For limits, not for
/// access, so nothing is read for it: until a key was used once, its requests count for the address.
pub(crate) fn principal(
    headers: &HeaderMap,
    secret: Option<&SecretString>,
    memory: &Memory,
) -> Option<String> {
    let found = token::find(headers)?;
    if found.is_key() {
        return memory.key(&found.text).map(|id| format!("key:{id}"));
    }
    let verified = jwt::read(&found.text, secret?).ok()?;
    Some(actor(&Who::User(verified.user_id)))
}

impl FromRequestParts<Web> for EvenBanned {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, ApiError> {
        let found = token::find(&parts.headers).ok_or_else(|| {
            ApiError::new(
                StatusCode::UNAUTHORIZED,
                "authentication_required",
                "Authentication required",
            )
            .with_hint(format!(
                "Send `Authorization: Bearer <token or API key>`, or the cookie {COOKIE}."
            ))
        })?;
        if found.is_key() {
            return api_key::caller(web, &found).await.map(Self);
        }
        person(web, &found).map(Self)
    }
}

fn person(web: &Web, found: &Found) -> Result<Caller, ApiError> {
    let Some(secret) = &web.jwt_secret else {
        return Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "no_jwt_secret",
            "this process was started without JWT_SECRET and can check no token",
        )
        .with_hint("Programs can use an API key (`rolecall keys create`)."));
    };
    let verified = jwt::read(&found.text, secret).map_err(|sentence| {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "invalid_token",
            "Invalid authentication token",
        )
        .with_error(Detail::at(found.place, sentence))
    })?;
    Ok(Caller {
        who: Who::User(verified.user_id),
        character_id: verified.character_id,
        admin: verified.admin,
    })
}

impl FromRequestParts<Web> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, ApiError> {
        let EvenBanned(caller) = EvenBanned::from_request_parts(parts, web).await?;
        right::refuse_banned(web, &caller).await?;
        Ok(caller)
    }
}

impl Found {
    /// Whether it is meant as a key, right or wrong.
    fn is_key(&self) -> bool {
        self.place == token::KEY_PLACE || key::looks_like_one(&self.text)
    }
}
