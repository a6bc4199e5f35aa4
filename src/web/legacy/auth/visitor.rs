//! Somebody who may be signed in, or not.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use rolecall_core::UserId;

use crate::web::auth::Caller;
use crate::web::http::problem::ApiError;
use crate::web::state::Web;

/// See the module. A bad token is the same as none, unless [`Visitor::required`] is asked.
pub(crate) struct Visitor(Result<Caller, ApiError>);

impl Visitor {
    /// The user, if somebody is signed in.
    pub(super) fn user(&self) -> Option<&UserId> {
        self.0.as_ref().ok().map(|caller| &caller.user_id)
    }

    /// The user, or what is wrong with the token.
    pub(super) fn required(self) -> Result<UserId, ApiError> {
        self.0.map(|caller| caller.user_id)
    }
}

impl FromRequestParts<Web> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Infallible> {
        Ok(Self(Caller::from_request_parts(parts, web).await))
    }
}
