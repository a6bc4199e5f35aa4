//! `GET /discord/role-mappings`.

use axum::Json;
use axum::extract::State;
use rolecall_core::mapping::Mapping;
use rolecall_core::{GroupId, GuildId};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::{self, MappingView};
use crate::web::auth::right::{Allowed, ManageGuilds};
use crate::web::http::fields::{self, SNOWFLAKE};
use crate::web::http::page::{Page, flag};
use crate::web::http::problem::ApiError;
use crate::web::http::query::Params;
use crate::web::http::refused::Refused;
use crate::web::state::Web;

/// A page of mappings.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListDiscordRoleMappingsResponse)]
pub(crate) struct MappingPage {
    /// The guild, where the path names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) guild_id: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) guild_name: Option<String>,
    pub(crate) mappings: Vec<MappingView>,
    /// The same.
    pub(crate) role_mappings: Vec<MappingView>,
    /// How many there are in all.
    #[schema(example = 1)]
    pub(crate) total: u64,
    #[schema(example = 1)]
    pub(crate) page: u64,
    #[schema(example = 20)]
    pub(crate) limit: usize,
    #[schema(example = 1)]
    pub(crate) total_pages: u64,
}

/// Which mappings.
pub(crate) struct Wanted {
    is_active: Option<bool>,
    group: Option<GroupId>,
    page: Page,
}

impl Wanted {
    pub(crate) fn read(params: &mut Params) -> Self {
        Self {
            is_active: flag(params, &["is_active", "enabled"]),
            group: params.text(&["group_id"]).map(fields::group),
            page: Page::read(params),
        }
    }
}

/// Mappings of all guilds.
#[utoipa::path(get, path = "/discord/role-mappings", tag = "Discord Role Mappings", operation_id = "listAllRoleMappings",
    params(
        ("guild_id" = Option<String>, Query, description = "Only of this guild"),
        ("group_id" = Option<String>, Query, description = "Only of this group"),
        ("is_active" = Option<bool>, Query, description = "Only active ones, or only others"),
        ("enabled" = Option<bool>, Query, description = "The same"),
        ("page" = Option<u32>, Query, description = "From 1"),
        ("limit" = Option<u32>, Query, description = "1 to 100; default 20"),
    ),
    responses((status = 200, description = "A page", body = MappingPage), Refused))]
pub(crate) async fn list_all_mappings(
    State(web): State<Web>,
    _: Allowed<ManageGuilds>,
    mut params: Params,
) -> Result<Json<MappingPage>, ApiError> {
    let guild: Option<GuildId> = params.parsed(&["guild_id"], SNOWFLAKE);
    let wanted = Wanted::read(&mut params);
    params.finish()?;
    Ok(Json(page(&web, guild, wanted).await?))
}

/// The page.
pub(crate) async fn page(web: &Web, guild: Option<GuildId>, wanted: Wanted) -> Result<MappingPage, ApiError> {
    let mut all = web.services.mappings.list(guild).await?;
    all.retain(|m| wanted.is_active.is_none_or(|a| m.is_active == a));
    all.retain(|m| wanted.group.as_ref().is_none_or(|g| m.group_id == *g));
    let total = all.len() as u64;
    let groups = view::all_groups(web).await;
    let found = wanted.page.of(all);
    let view = |m: &Mapping| view::of(m, groups.as_ref(), view::guild_info(web, m).as_deref());
    let mappings: Vec<MappingView> = found.iter().map(view).collect();
    Ok(MappingPage {
        guild_id: None,
        guild_name: None,
        role_mappings: mappings.clone(),
        mappings,
        total,
        page: wanted.page.page,
        limit: wanted.page.limit,
        total_pages: wanted.page.total_pages(total),
    })
}
