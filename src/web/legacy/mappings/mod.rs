//! Role mappings: `/discord/guilds/{guild_id}/role-mappings` and `/discord/role-mappings`.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod input;
pub(crate) mod list;
pub(crate) mod list_of_guild;
pub(crate) mod update;
pub(crate) mod view;

use rolecall_core::MappingId;
use rolecall_core::mapping::Mapping;

use crate::web::http::fields::is_mapping_id;
use crate::web::http::problem::{ApiError, Detail};
use crate::web::state::Web;

/// The mapping that a path names.
pub(crate) fn id(text: &str) -> Result<MappingId, ApiError> {
    if is_mapping_id(text) {
        return Ok(MappingId(text.to_lowercase()));
    }
    let wrong = Detail::at("path.mapping_id", "expected a mapping's id: 24 hex digits");
    Err(ApiError::invalid(vec![wrong]))
}

/// That mapping, or 404.
pub(crate) async fn find(web: &Web, id: &MappingId) -> Result<Mapping, ApiError> {
    web.services.mappings.get(id).await?.ok_or_else(unknown)
}

/// 404.
pub(crate) fn unknown() -> ApiError {
    ApiError::not_found("unknown_mapping", "role mapping not found")
}
