//! `GET /discord/users`.

use axum::Json;
use axum::extract::State;
use rolecall_core::UserId;
use rolecall_core::ports::AccountFilter;
use serde::Serialize;
use utoipa::ToSchema;

use crate::web::auth::right::{Allowed, ReadUsers};
use crate::web::http::fields::SNOWFLAKE;
use crate::web::http::page::{Page, flag};
use crate::web::http::problem::ApiError;
use crate::web::http::query::Params;
use crate::web::http::refused::Refused;
use crate::web::legacy::auth::account_view::DiscordUserResponse;
use crate::web::state::Web;

/// A page of linked accounts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListDiscordUsersResponse)]
pub(crate) struct UserPage {
    users: Vec<DiscordUserResponse>,
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

/// Linked accounts, the newest link first.
#[utoipa::path(get, path = "/discord/users", tag = "Discord Users", operation_id = "listDiscordUsers",
    params(
        ("is_active" = Option<bool>, Query, description = "Only active links, or only others"),
        ("discord_id" = Option<String>, Query, description = "Only this account"),
        ("user_id" = Option<String>, Query, description = "Only of this user"),
        ("guild_id" = Option<String>, Query, description = "Only accounts that were in this guild when Discord told their \
            guilds at the last login; of imported ones, and without the scope `guilds`, nothing is known"),
        ("page" = Option<u32>, Query, description = "From 1"),
        ("limit" = Option<u32>, Query, description = "1 to 100; default 20"),
    ),
    responses((status = 200, description = "A page", body = UserPage), Refused))]
pub(crate) async fn list_users(
    State(web): State<Web>,
    _: Allowed<ReadUsers>,
    mut params: Params,
) -> Result<Json<UserPage>, ApiError> {
    let filter = AccountFilter {
        is_active: flag(&mut params, &["is_active", "enabled"]),
        discord_id: params.parsed(&["discord_id", "discord_user_id"], SNOWFLAKE),
        user_id: params.text(&["user_id"]).map(UserId),
        guild_id: params.parsed(&["guild_id"], SNOWFLAKE),
    };
    let page = Page::read(&mut params);
    params.finish()?;
    let (found, total) = web
        .services
        .accounts
        .list(&filter, page.skip(), page.limit)
        .await?;
    Ok(Json(UserPage {
        users: found.into_iter().map(Into::into).collect(),
        total,
        page: page.page,
        limit: page.limit,
        total_pages: page.total_pages(total),
    }))
}
