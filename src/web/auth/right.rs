//! What a route demands of its caller: the table of permissions.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use rolecall_core::ports::permission::{ADMIN, GUILDS, JOBS_READ, SYNC};

use super::Caller;
use crate::web::http::problem::ApiError;
use crate::web::state::Web;

/// Something that some callers may do.
pub(crate) trait Right: Send + Sync + 'static {
    /// One of these permissions is enough. An administrator has them all.
    const ANY_OF: &'static [&'static str];
    /// Whether every valid token is enough, unless `ROLECALL_SYNC_NEEDS_PERMISSION` says otherwise: a sync only makes true
    /// what administrators configured, and callers of the original need no permission for it.
    const OPEN: bool = false;
}

/// Guilds, mappings, and the roles of guilds.
pub(crate) struct ManageGuilds;
/// Syncs.
pub(crate) struct ManageSync;
/// All linked accounts.
pub(crate) struct ReadUsers;
/// Jobs.
pub(crate) struct ReadJobs;
/// Runs: also for those who may ask for one.
pub(crate) struct ReadRuns;

impl Right for ManageGuilds {
    const ANY_OF: &'static [&'static str] = &[ADMIN, GUILDS];
}
impl Right for ManageSync {
    const ANY_OF: &'static [&'static str] = &[ADMIN, SYNC];
    const OPEN: bool = true;
}
impl Right for ReadUsers {
    const ANY_OF: &'static [&'static str] = &[ADMIN];
}
impl Right for ReadRuns {
    const ANY_OF: &'static [&'static str] = &[ADMIN, JOBS_READ, SYNC];
    const OPEN: bool = true;
}
impl Right for ReadJobs {
    const ANY_OF: &'static [&'static str] = &[ADMIN, JOBS_READ];
    const OPEN: bool = true;
}

/// A caller who may do this.
pub(crate) struct Allowed<R>(pub(crate) Caller, pub(crate) PhantomData<R>);

impl<R: Right> FromRequestParts<Web> for Allowed<R> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, web).await?;
        if !R::OPEN || web.config.api.sync_needs_permission {
            demand(web, &caller, R::ANY_OF).await?;
        }
        Ok(Self(caller, PhantomData))
    }
}

/// Refuses a caller who has none of these permissions.
pub(crate) async fn demand(web: &Web, caller: &Caller, any_of: &[&str]) -> Result<(), ApiError> {
    if caller.admin || web.config.api.any_jwt {
        return Ok(());
    }
    let granted = web.permissions.of_user(&caller.user_id).await?;
    if granted.any_of(any_of) {
        return Ok(());
    }
    if granted.banned {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "banned",
            "this user is banned",
        ));
    }
    let names = any_of.join(" or ");
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "permission_denied",
        format!("this needs the permission {names}"),
    )
    .with_hint(
        "Permissions come from groups: go-falcon's group_permissions, or ROLECALL_ADMIN_GROUPS and the settings \
         beside it. An operator gets a token that may do everything with `rolecall token --user NAME --admin`.",
    ))
}
