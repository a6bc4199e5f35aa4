//! `GET /discord/guilds`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::view::{self, GuildView};
use crate::web::auth::right::{Allowed, ManageGuilds};
use crate::web::http::page::{Page, flag};
use crate::web::http::problem::ApiError;
use crate::web::http::query::Params;
use crate::web::http::refused::Refused;
use crate::web::state::Web;

/// A page of guilds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListDiscordGuildConfigsResponse)]
pub(crate) struct GuildPage {
    guilds: Vec<GuildView>,
    /// How many there are in all.
    #[schema(example = 1)]
    total: u64,
    #[schema(example = 1)]
    page: u64,
    #[schema(example = 20)]
    limit: usize,
    #[schema(example = 1)]
    total_pages: u64,
}

/// Configured guilds, by name.
#[utoipa::path(get, path = "/discord/guilds", tag = "Discord Guilds", operation_id = "listGuildConfigs",
    params(
        ("is_enabled" = Option<bool>, Query, description = "Only enabled ones, or only others"),
        ("enabled" = Option<bool>, Query, description = "The same"),
        ("page" = Option<u32>, Query, description = "From 1"),
        ("limit" = Option<u32>, Query, description = "1 to 100; default 20"),
    ),
    responses((status = 200, description = "A page", body = GuildPage), Refused))]
pub(crate) async fn list_guilds(
    State(web): State<Web>,
    _: Allowed<ManageGuilds>,
    mut params: Params,
) -> Result<Json<GuildPage>, ApiError> {
    let enabled = flag(&mut params, &["is_enabled", "enabled"]);
    let page = Page::read(&mut params);
    params.finish()?;
    let mut all = web.services.guilds.list().await?;
    all.retain(|g| enabled.is_none_or(|e| g.is_enabled == e));
    let total = all.len() as u64;
    let mut guilds = Vec::new();
    for guild in page.of(all) {
        guilds.push(view::view(&web, &guild).await?);
    }
    Ok(Json(GuildPage {
        guilds,
        total,
        page: page.page,
        limit: page.limit,
        total_pages: page.total_pages(total),
    }))
}
