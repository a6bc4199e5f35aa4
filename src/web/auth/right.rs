//! What a route demands of its caller: the table of permissions.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use rolecall_core::UserId;
use rolecall_core::ports::Granted;
use rolecall_core::ports::permission::{ADMIN, GUILDS, JOBS_MANAGE, JOBS_READ, SYNC};

use super::{Caller, Who};
use crate::web::http::problem::ApiError;
use crate::web::state::Web;

/// Something that some callers may do.
pub(crate) trait Right: Send + Sync + 'static {
    /// One of these permissions is enough. An administrator has them all.
    const ANY_OF: &'static [&'static str];
    /// Whether `ROLECALL_SYNC_NEEDS_PERMISSION=false` opens it to everybody with a valid token, as in the original: a sync
    /// only makes true what administrators configured.
    const OPENABLE: bool = false;
}

/// Guilds, mappings, and the roles of guilds.
pub(crate) struct ManageGuilds;
/// Syncs.
pub(crate) struct ManageSync;
/// All linked accounts.
pub(crate) struct ReadUsers;
/// Jobs.
pub(crate) struct ReadJobs;
/// Metrics, which name guilds.
pub(crate) struct ReadMetrics;
/// Orders about jobs, and pauses.
pub(crate) struct ManageJobs;
/// Runs: also for those who may ask for one.
pub(crate) struct ReadRuns;

impl Right for ManageGuilds {
    const ANY_OF: &'static [&'static str] = &[ADMIN, GUILDS];
}
impl Right for ManageSync {
    const ANY_OF: &'static [&'static str] = &[ADMIN, SYNC];
    const OPENABLE: bool = true;
}
impl Right for ReadUsers {
    const ANY_OF: &'static [&'static str] = &[ADMIN];
}
impl Right for ReadRuns {
    const ANY_OF: &'static [&'static str] = &[ADMIN, JOBS_READ, SYNC];
    const OPENABLE: bool = true;
}
impl Right for ReadMetrics {
    const ANY_OF: &'static [&'static str] = &[ADMIN, JOBS_READ];
}
impl Right for ManageJobs {
    const ANY_OF: &'static [&'static str] = &[ADMIN, JOBS_MANAGE];
}
impl Right for ReadJobs {
    const ANY_OF: &'static [&'static str] = &[ADMIN, JOBS_READ];
    const OPENABLE: bool = true;
}

/// A caller who may do this.
pub(crate) struct Allowed<R>(pub(crate) Caller, pub(crate) PhantomData<R>);

impl<R: Right> FromRequestParts<Web> for Allowed<R> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, web).await?;
        allow::<R>(web, &caller).await?;
        Ok(Self(caller, PhantomData))
    }
}

/// Refuses a caller who may not do this.
pub(crate) async fn allow<R: Right>(web: &Web, caller: &Caller) -> Result<(), ApiError> {
    let opened = R::OPENABLE && !web.config.api.sync_needs_permission;
    if opened && matches!(caller.who, Who::User(_)) {
        return Ok(());
    }
    demand(web, caller, R::ANY_OF).await
}

/// Refuses a caller who has none of these permissions. No setting but `GO_FALCON_COMPAT_ANY_JWT` helps.
pub(crate) async fn demand(web: &Web, caller: &Caller, any_of: &[&str]) -> Result<(), ApiError> {
    let names = any_of.join(" or ");
    let (allowed, hint) = match &caller.who {
        Who::Key { scopes, .. } => (
            scopes.any_of(any_of),
            "A key has the scopes that it was made with: make another with `rolecall keys create --scope …`.",
        ),
        Who::User(user) => (
            passes(web, caller) || granted(web, user).await?.any_of(any_of),
            "Permissions come from groups: go-falcon's group_permissions, or ROLECALL_ADMIN_GROUPS and the settings \
             beside it. An operator gets a token that may do everything with `rolecall token --user NAME --admin`.",
        ),
    };
    if allowed {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "permission_denied",
        format!("this needs the permission {names}"),
    )
    .with_hint(hint))
}

/// Refuses a person who is banned.
pub(crate) async fn refuse_banned(web: &Web, caller: &Caller) -> Result<(), ApiError> {
    let Who::User(user) = &caller.who else {
        return Ok(());
    };
    if passes(web, caller) || !granted(web, user).await?.banned {
        return Ok(());
    }
    Err(
        ApiError::new(StatusCode::FORBIDDEN, "banned", "this user is banned")
            .with_hint("Unlinking one's own account, and what is kept of it, stays open to a banned user."),
    )
}

/// Whether nothing is asked about this person: the token itself says that it may do everything, or every token may.
fn passes(web: &Web, caller: &Caller) -> bool {
    caller.admin || web.config.api.any_jwt
}

/// What a user may do. Where that cannot be read, nothing is allowed, and nobody is told that it is forbidden.
async fn granted(web: &Web, user: &UserId) -> Result<Granted, ApiError> {
    let granted = web.memory.granted(&*web.permissions, user).await;
    granted.map_err(|error| {
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "permissions_unavailable",
            "what this user may do could not be read, so nothing is allowed; try again in a moment",
        )
        .retry_after(2)
        .with_cause(error.to_string())
    })
}
