//! `DELETE /discord/role-mappings/{mapping_id}`.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use rolecall_core::mapping::Mapping;

use super::{update, view};
use crate::web::auth::right::{Allowed, ManageGuilds};
use crate::web::change::{self, Change};
use crate::web::http::etag;
use crate::web::http::problem::ApiError;
use crate::web::http::refused::{Changed, Missing, Refused};
use crate::web::http::trace::RequestNames;
use crate::web::state::Web;

/// A mapping that was removed.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct MappingDeleted {
    /// In words.
    #[schema(example = "Role mapping deleted successfully. Role synchronization initiated.")]
    message: String,
    /// The sync that follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_id: Option<String>,
    /// What becomes of those who have the role.
    warnings: Vec<String>,
}

/// Removes a mapping. A sync of its guild follows.
///
/// Who has a role that no mapping gives any more keeps it: rolecall touches only roles that active mappings name.
#[utoipa::path(delete, path = "/discord/role-mappings/{mapping_id}", tag = "Discord Role Mappings",
    operation_id = "deleteRoleMapping",
    params(
        ("mapping_id" = String, Path, description = "24 hex digits", example = "64b000000000000000000001"),
        ("If-Match" = Option<String>, Header, description = "Only if the mapping still has this tag"),
    ),
    responses(
        (status = 200, description = "Removed", body = MappingDeleted,
            headers(("Location" = String, description = "The run of the sync"))),
        Refused, Missing, Changed,
    ))]
pub(crate) async fn delete_mapping(
    State(web): State<Web>,
    Allowed(caller, _): Allowed<ManageGuilds>,
    names: RequestNames,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let stored = super::find(&web, &super::id(&id)?).await?;
    etag::check_unchanged(&headers, &view::tag(&stored))?;
    let change = Change {
        web,
        caller,
        names,
        route: "DELETE /discord/role-mappings/{mapping_id}",
    };
    let act = delete(change.clone(), stored);
    change.whole(act).await
}

async fn delete(change: Change, stored: Mapping) -> Result<Response, ApiError> {
    let services = &change.web.services;
    let guild = services.guilds.get(stored.guild_id).await?;
    let sync = match guild.is_some_and(|g| g.is_enabled) {
        true => Some(change.sync_soon(stored.guild_id, None).await?),
        false => None,
    };
    if !services.mappings.remove(&stored.id).await? {
        return Err(super::unknown());
    }
    services.cache.forget(stored.guild_id);
    let before = serde_json::to_value(&stored).ok();
    change
        .note("mapping.deleted", format!("mapping:{}", stored.id), before, None)
        .await;
    let followed = if sync.is_some() {
        " Role synchronization initiated."
    } else {
        ""
    };
    let done = MappingDeleted {
        message: format!("Role mapping deleted successfully.{followed}"),
        sync_id: sync.map(|s| s.to_string()),
        warnings: vec![update::kept(&stored)],
    };
    Ok(change::answer(done, None, sync))
}
