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

/// Longest id.
const LONGEST: usize = 128;

/// The mapping that a path names: 24 hex digits, or whatever else a document of another hand has as its id.
pub(crate) fn id(text: &str) -> Result<MappingId, ApiError> {
    if is_mapping_id(text) {
        return Ok(MappingId(text.to_lowercase()));
    }
    if text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        return Err(no_id());
    }
    Ok(MappingId(text.to_owned()))
}

fn no_id() -> ApiError {
    let wrong = Detail::at("path.mapping_id", "expected a mapping's id: 24 hex digits");
    ApiError::invalid(vec![wrong])
}

/// That mapping; else 404, or 422 if ours never have such an id.
pub(crate) async fn find(web: &Web, id: &MappingId) -> Result<Mapping, ApiError> {
    let found = web.services.mappings.get(id).await?;
    found.ok_or_else(|| match is_mapping_id(id.as_str()) {
        true => unknown(),
        false => no_id(),
    })
}

/// 404.
pub(crate) fn unknown() -> ApiError {
    ApiError::not_found("unknown_mapping", "role mapping not found")
}
