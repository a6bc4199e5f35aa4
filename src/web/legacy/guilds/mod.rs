//! Guilds: `/discord/guilds`.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod input;
pub(crate) mod list;
pub(crate) mod member;
pub(crate) mod roles;
pub(crate) mod update;
pub(crate) mod view;

use rolecall_core::GuildId;
use rolecall_core::guild::GuildConfig;

use crate::web::http::fields::SNOWFLAKE;
use crate::web::http::problem::{ApiError, Detail};
use crate::web::state::Web;

/// The guild that a path names.
pub(crate) fn id(text: &str) -> Result<GuildId, ApiError> {
    text.parse()
        .map_err(|_| ApiError::invalid(vec![Detail::at("path.guild_id", format!("expected {SNOWFLAKE}"))]))
}

/// That guild's configuration, or 404.
pub(crate) async fn find(web: &Web, id: GuildId) -> Result<GuildConfig, ApiError> {
    web.services.guilds.get(id).await?.ok_or_else(unknown)
}

/// 404.
pub(crate) fn unknown() -> ApiError {
    ApiError::not_found("unknown_guild", "guild configuration not found")
}
