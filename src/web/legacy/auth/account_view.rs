//! A linked account as answers show it: the names of the original, of its documentation and of its frontend.

use rolecall_core::Timestamp;
use rolecall_core::account::{LinkedAccount, ProfileGuild};
use serde::Serialize;
use utoipa::ToSchema;

/// A guild of an account.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AccountGuild {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// The account's permissions in it, as Discord writes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<String>,
}

impl From<ProfileGuild> for AccountGuild {
    fn from(guild: ProfileGuild) -> Self {
        Self {
            id: guild.id.to_string(),
            name: guild.name,
            permissions: guild.permissions,
        }
    }
}

/// A linked Discord account. Tokens are never part of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LinkedDiscordUserResponse)]
pub(crate) struct DiscordUserResponse {
    /// The record's id.
    id: String,
    /// The application's user.
    user_id: String,
    /// The same.
    go_falcon_user_id: String,
    /// The account.
    discord_id: String,
    /// The same.
    discord_user_id: String,
    /// Its name.
    username: String,
    /// The name it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    global_name: Option<String>,
    /// Hash of its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<String>,
    /// Always `0`: Discord has given them up.
    discriminator: &'static str,
    /// Whether the link counts.
    is_active: bool,
    /// Whether the user has to link it again before it can be joined to a guild.
    needs_consent: bool,
    /// Why, if that is known: `refresh_refused`, or `refresh_answer_lost`.
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_reason: Option<String>,
    /// When it was linked.
    linked_at: String,
    /// When it was last changed.
    updated_at: String,
    /// When its access token ends.
    token_expiry: Option<String>,
    /// The same.
    token_expires_at: Option<String>,
    /// What was granted.
    scopes: Vec<String>,
    /// Guilds it was in when it was linked, if that was granted.
    guilds: Vec<AccountGuild>,
    /// When it was last synced.
    last_sync: Option<String>,
}

impl From<LinkedAccount> for DiscordUserResponse {
    fn from(account: LinkedAccount) -> Self {
        let expiry = account.token_expiry.map(Timestamp::to_rfc3339);
        let (user, discord) = (account.user_id.0, account.discord_id.to_string());
        Self {
            id: account.id,
            user_id: user.clone(),
            go_falcon_user_id: user,
            discord_id: discord.clone(),
            discord_user_id: discord,
            username: account.profile.username,
            global_name: account.profile.global_name,
            avatar: account.profile.avatar,
            discriminator: "0",
            is_active: account.is_active,
            needs_consent: account.needs_consent,
            consent_reason: account.consent_reason,
            linked_at: account.linked_at.to_rfc3339(),
            updated_at: account.updated_at.to_rfc3339(),
            token_expiry: expiry.clone(),
            token_expires_at: expiry,
            scopes: account.profile.scopes,
            guilds: account.profile.guilds.into_iter().map(Into::into).collect(),
            last_sync: account.last_sync.map(Timestamp::to_rfc3339),
        }
    }
}

#[cfg(test)]
mod tests {
    use rolecall_core::DiscordId;
    use rolecall_core::account::Profile;

    use super::*;

    #[test]
    fn both_names_of_everything_are_there() {
        let view = DiscordUserResponse::from(LinkedAccount {
            id: "65f000000000000000000001".to_owned(),
            user_id: "ada".into(),
            discord_id: DiscordId::new(7).unwrap(),
            profile: Profile::default(),
            is_active: true,
            needs_consent: false,
            consent_reason: None,
            linked_at: Timestamp(0),
            updated_at: Timestamp(0),
            token_expiry: Some(Timestamp(0)),
            last_sync: None,
        });
        let view = serde_json::to_value(view).unwrap();
        for (a, b) in [
            ("user_id", "go_falcon_user_id"),
            ("discord_id", "discord_user_id"),
            ("token_expiry", "token_expires_at"),
        ] {
            assert!(view[a].is_string() && view[a] == view[b], "{a} {b}");
        }
        assert!(view["guilds"].is_array() && view.get("global_name").is_none());
    }
}
