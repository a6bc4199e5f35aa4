//! `DELETE /discord/role-mappings/{mapping_id}`.

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use rolecall_core::audit::Act;
use rolecall_core::mapping::Mapping;
use rolecall_workflows::change_mapping::{self, Unchanged};

use super::view;
use crate::web::auth::right::ManageGuilds;
use crate::web::change::{self, Change, Changing};
use crate::web::http::etag;
use crate::web::http::problem::ApiError;
use crate::web::http::refused::{Changed, Missing, Refused};

/// A mapping that was removed.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct MappingDeleted {
    /// In words.
    #[schema(example = "Role mapping deleted successfully. Role synchronization initiated.")]
    message: String,
    /// The run that follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_id: Option<String>,
    /// Why somebody keeps the role.
    warnings: Vec<String>,
}

/// Removes a mapping. A sync of its guild follows.
///
/// It takes the role from linked members; one that another active mapping names stays with those to whom that one gives
/// it. In a disabled guild everybody keeps the role.
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
    Changing(change, _): Changing<ManageGuilds>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let stored = super::find(&change.web, &super::id(&id)?).await?;
    etag::check_unchanged(&headers, &view::tag(&stored))?;
    let act = delete(change.clone(), stored);
    change.whole(act).await
}

async fn delete(change: Change, stored: Mapping) -> Result<Response, ApiError> {
    let (services, queue) = (&change.web.services, &change.web.queue);
    let removed = change_mapping::remove_mapping(services, queue, &stored, true, change.asked());
    let act = Act::new("mapping.deleted", format!("mapping:{}", stored.id)).before(&stored);
    let followed = match change.audited(act, removed).await {
        Ok(followed) => followed,
        Err(Unchanged::Outdated) => return Err(super::unknown()),
        Err(Unchanged::Store(error)) => return Err(error.into()),
    };
    let initiated = match followed.run {
        Some(_) => " Role synchronization initiated.",
        None => "",
    };
    let done = MappingDeleted {
        message: format!("Role mapping deleted successfully.{initiated}"),
        sync_id: followed.run.map(|s| s.to_string()),
        warnings: view::kept(followed.fate, &stored),
    };
    Ok(change::answer(done, None, followed.run))
}
