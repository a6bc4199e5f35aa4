//! Somebody who may be signed in, or not.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use rolecall_core::UserId;

use crate::web::auth::right::refuse_banned;
use crate::web::auth::{Caller, EvenBanned};
use crate::web::http::problem::ApiError;
use crate::web::state::Web;

/// See the module. A bad token is the same as none, and so is a key, unless [`Visitor::required`] is asked. Whether
/// the user is banned is not looked at before, so that a banned one still sees what is linked.
pub(crate) struct Visitor(Result<Caller, ApiError>);

impl Visitor {
    /// The user, if somebody is signed in.
    pub(super) fn user(&self) -> Option<&UserId> {
        self.0.as_ref().ok().and_then(|caller| caller.user().ok())
    }

    /// The user, or what is wrong with the token or with the user.
    pub(super) async fn required(self, web: &Web) -> Result<UserId, ApiError> {
        let caller = self.0?;
        refuse_banned(web, &caller).await?;
        caller.user().cloned()
    }
}

impl FromRequestParts<Web> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Infallible> {
        let known = EvenBanned::from_request_parts(parts, web).await;
        Ok(Self(known.map(|EvenBanned(caller)| caller)))
    }
}
