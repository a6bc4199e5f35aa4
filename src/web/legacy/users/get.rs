//! `GET /discord/users/{user_id}`.

use axum::Json;
use axum::extract::{Path, State};
use rolecall_core::ports::AccountFilter;

use crate::web::auth::Caller;
use crate::web::auth::right::{ReadUsers, allow};
use crate::web::http::fields::user_of_path;
use crate::web::http::problem::ApiError;
use crate::web::http::refused::{Missing, Refused};
use crate::web::legacy::auth::account_view::DiscordUserResponse;
use crate::web::state::Web;

/// The account that a user linked last. One's own with any valid token, others' as administrator.
#[utoipa::path(get, path = "/discord/users/{user_id}", tag = "Discord Users", operation_id = "getDiscordUser",
    params(("user_id" = String, Path, description = "The application's user")),
    responses((status = 200, description = "The account", body = DiscordUserResponse), Refused, Missing))]
pub(crate) async fn get_user(
    State(web): State<Web>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<Json<DiscordUserResponse>, ApiError> {
    let user = user_of_path(&user)?;
    if !caller.is(&user) {
        allow::<ReadUsers>(&web, &caller).await?;
    }
    let filter = AccountFilter {
        user_id: Some(user),
        ..AccountFilter::default()
    };
    let (found, _) = web.services.accounts.list(&filter, 0, 1).await?;
    let account = found
        .into_iter()
        .next()
        .ok_or_else(|| ApiError::not_found("user_not_linked", "no Discord accounts found for user"))?;
    Ok(Json(account.into()))
}
