//! A linked account as it is sent: the names of the original and those of its documentation. Never a token.

use rolecall_core::Timestamp;
use rolecall_core::account::LinkedAccount;
use serde::Serialize;
use utoipa::ToSchema;

/// A linked account.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = DiscordUserResponse)]
pub(crate) struct UserView {
    #[schema(example = "64b000000000000000000001")]
    id: String,
    /// The application's user.
    user_id: String,
    /// The same.
    go_falcon_user_id: String,
    /// The account.
    #[schema(example = "80351110224678912")]
    discord_id: String,
    /// The same.
    discord_user_id: String,
    username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    global_name: Option<String>,
    /// Hash of its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<String>,
    /// Whether the link counts.
    is_active: bool,
    /// Whether the user has to consent again before a join.
    needs_consent: bool,
    /// Why, if that is known: `refresh_refused`, or `refresh_answer_lost`.
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_reason: Option<String>,
    linked_at: String,
    updated_at: String,
    /// When the access token ends.
    token_expiry: Option<String>,
    /// The same.
    token_expires_at: Option<String>,
    /// What was granted.
    scopes: Vec<String>,
    /// Guilds it is in, where that was granted.
    guilds: Vec<UserGuild>,
    /// When it was last synced.
    last_sync: Option<String>,
}

/// A guild of an account.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct UserGuild {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<String>,
}

/// Pure.
pub(crate) fn view(account: &LinkedAccount) -> UserView {
    let profile = &account.profile;
    let guilds = profile.guilds.iter().map(|g| UserGuild {
        id: g.id.to_string(),
        name: g.name.clone(),
        permissions: g.permissions.clone(),
    });
    let expiry = account.token_expiry.map(Timestamp::to_rfc3339);
    UserView {
        id: account.id.clone(),
        user_id: account.user_id.to_string(),
        go_falcon_user_id: account.user_id.to_string(),
        discord_id: account.discord_id.to_string(),
        discord_user_id: account.discord_id.to_string(),
        username: profile.username.clone(),
        global_name: profile.global_name.clone(),
        avatar: profile.avatar.clone(),
        is_active: account.is_active,
        needs_consent: account.needs_consent,
        consent_reason: account.consent_reason.clone(),
        linked_at: account.linked_at.to_rfc3339(),
        updated_at: account.updated_at.to_rfc3339(),
        token_expiry: expiry.clone(),
        token_expires_at: expiry,
        scopes: profile.scopes.clone(),
        guilds: guilds.collect(),
        last_sync: account.last_sync.map(Timestamp::to_rfc3339),
    }
}
