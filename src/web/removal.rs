//! Roles that are taken away because what gave them is removed. The seam for the jobs that do it.

use axum::http::StatusCode;
use rolecall_core::{GuildId, RunId};

use super::change::Change;
use super::http::problem::ApiError;

/// Stores, before a guild is removed, the run that takes its mapped roles from linked members.
///
/// There is no job yet that can take a role which no mapping manages any more, so nothing is removed half-way: the
/// request is refused.
pub(crate) async fn of_guild(_change: &Change, _guild: GuildId) -> Result<Option<RunId>, ApiError> {
    Err(ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "remove_roles_not_available",
        "roles cannot be taken away together with their guild yet",
    )
    .with_hint("Delete without remove_roles: everybody keeps the roles they have."))
}
