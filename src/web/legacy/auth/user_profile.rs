//! `GET /discord/user/profile`: one's own account, with everything that is kept of it except its tokens.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::account_view::DiscordUserResponse;
use super::auth_status::accounts_of;
use crate::web::auth::Caller;
use crate::web::http::problem::{ApiError, Problem};
use crate::web::state::Web;

/// One's own account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProfileResponse {
    /// The newest one.
    #[serde(flatten)]
    account: DiscordUserResponse,
    /// All of them.
    discord_users: Vec<DiscordUserResponse>,
}

/// One's own account.
#[utoipa::path(get, path = "/discord/user/profile", tag = "Discord Users", operation_id = "getOwnDiscordProfile",
    responses(
        (status = 200, description = "The newest linked account, and all of them", body = ProfileResponse),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Banned, or an API key, which has no account", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "No account is linked", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The store did not answer", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn user_profile(
    State(web): State<Web>,
    caller: Caller,
) -> Result<Json<ProfileResponse>, ApiError> {
    let accounts = accounts_of(&web, caller.user()?).await?;
    let account = accounts.first().cloned().ok_or_else(|| {
        ApiError::not_found("user_not_linked", "no Discord accounts found for user")
            .with_hint("Link one through GET /discord/auth/login.")
    })?;
    Ok(Json(ProfileResponse {
        account,
        discord_users: accounts,
    }))
}
