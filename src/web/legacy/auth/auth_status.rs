//! `GET /discord/auth/status`: who is signed in, and which accounts are linked. A bad token is the same as none.

use axum::Json;
use axum::extract::State;
use rolecall_core::UserId;
use rolecall_core::error::StoreError;
use rolecall_core::ports::AccountFilter;
use serde::Serialize;
use utoipa::ToSchema;

use super::account_view::DiscordUserResponse;
use super::visitor::Visitor;
use crate::app::App;
use crate::web::http::problem::{ApiError, Problem};
use crate::web::state::Web;

/// Accounts of one user that are shown.
const ACCOUNTS_MOST: usize = 100;

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuthStatusResponse {
    /// Whether the caller's token is valid.
    authenticated: bool,
    /// Whether the user has a linked account.
    is_linked: bool,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// The user's linked accounts, newest first.
    discord_users: Vec<DiscordUserResponse>,
    /// The first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    discord_user: Option<DiscordUserResponse>,
}

/// The active accounts of a user, newest first, as answers show them.
pub(super) async fn accounts_of(app: &App, user: &UserId) -> Result<Vec<DiscordUserResponse>, StoreError> {
    let filter = AccountFilter {
        user_id: Some(user.clone()),
        is_active: Some(true),
        ..AccountFilter::default()
    };
    let (accounts, _) = app.services.accounts.list(&filter, 0, ACCOUNTS_MOST).await?;
    Ok(accounts.into_iter().map(Into::into).collect())
}

/// Who is signed in, and which accounts are linked.
#[utoipa::path(get, path = "/discord/auth/status", tag = "Discord Authentication", operation_id = "getDiscordAuthStatus",
    security((), ("bearerAuth" = []), ("cookieAuth" = [])),
    responses(
        (status = 200, description = "Also for nobody", body = AuthStatusResponse),
        (status = 503, description = "The store did not answer", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn auth_status(
    State(web): State<Web>,
    visitor: Visitor,
) -> Result<Json<AuthStatusResponse>, ApiError> {
    let user = visitor.user();
    let accounts = match user {
        Some(user) => accounts_of(&web, user).await?,
        None => Vec::new(),
    };
    Ok(Json(AuthStatusResponse {
        authenticated: user.is_some(),
        is_linked: !accounts.is_empty(),
        user_id: user.map(|u| u.0.clone()),
        discord_user: accounts.first().cloned(),
        discord_users: accounts,
    }))
}
