//! `GET /discord/role-mappings/{mapping_id}`.

use axum::extract::{Path, State};
use axum::response::Response;

use super::view::{self, MappingView};
use crate::web::auth::right::{Allowed, ManageGuilds};
use crate::web::change;
use crate::web::http::problem::ApiError;
use crate::web::http::refused::{Missing, Refused};
use crate::web::state::Web;

/// One mapping. Its `ETag` stands for what can be changed of it, for `If-Match`.
#[utoipa::path(get, path = "/discord/role-mappings/{mapping_id}", tag = "Discord Role Mappings",
    operation_id = "getRoleMapping",
    params(("mapping_id" = String, Path, description = "24 hex digits", example = "64b000000000000000000001")),
    responses(
        (status = 200, description = "The mapping", body = MappingView, headers(("ETag" = String))),
        Refused, Missing,
    ))]
pub(crate) async fn get_mapping(
    State(web): State<Web>,
    _: Allowed<ManageGuilds>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let mapping = super::find(&web, &super::id(&id)?).await?;
    let tag = view::tag(&mapping);
    let body = view::view(&web, &mapping).await?;
    Ok(change::answer(body, Some(&tag), None))
}
