//! Stored secrets: which there are, where they are stored, and what a look at one finds.

use std::fmt;

/// What every sealed text begins with; no token does.
pub const SEALED: &str = "rc1:";

/// A kind of stored secret: a field of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretKind {
    /// The bot's token of a guild.
    BotToken,
    /// The bot's token of a guild that was removed, and whose roles are still to be taken.
    RetiredBotToken,
    /// The access token of a linked account.
    AccessToken,
    /// The refresh token of a linked account.
    RefreshToken,
    /// PKCE's verifier of a login that has begun.
    Verifier,
    /// The secret that messages to an endpoint are signed with.
    WebhookSecret,
    /// The one before it, while both sign.
    OldWebhookSecret,
}

impl SecretKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::BotToken,
        Self::RetiredBotToken,
        Self::AccessToken,
        Self::RefreshToken,
        Self::Verifier,
        Self::WebhookSecret,
        Self::OldWebhookSecret,
    ];

    /// The collection. Part of what secrets are sealed with: never change one.
    pub const fn collection(self) -> &'static str {
        match self {
            Self::BotToken => "discord_guild_configs",
            Self::RetiredBotToken => "rolecall_retired_guilds",
            Self::AccessToken | Self::RefreshToken => "discord_users",
            Self::Verifier => "discord_oauth_states",
            Self::WebhookSecret | Self::OldWebhookSecret => "rolecall_webhooks",
        }
    }

    /// The field. Part of what secrets are sealed with: never change one.
    pub const fn field(self) -> &'static str {
        match self {
            Self::BotToken | Self::RetiredBotToken => "bot_token",
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
            Self::Verifier => "verifier",
            Self::WebhookSecret => "secret",
            Self::OldWebhookSecret => "old_secret",
        }
    }

    /// The field that names a record.
    pub const fn named_by(self) -> &'static str {
        match self {
            Self::BotToken | Self::RetiredBotToken => "guild_id",
            Self::AccessToken | Self::RefreshToken => "discord_id",
            Self::Verifier => "state",
            Self::WebhookSecret | Self::OldWebhookSecret => "webhook_id",
        }
    }

    /// The place of the secret of one record, for the vault. `name` is a guild's or an account's id, or a hashed state.
    pub fn place(self, name: &str) -> String {
        if matches!(self, Self::RetiredBotToken) {
            // It was sealed as the token of the guild, and is kept as it is.
            return Self::BotToken.place(name);
        }
        format!("{}:{name}:{}", self.collection(), self.field())
    }
}

/// A secret as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredSecret {
    /// What it is.
    pub kind: SecretKind,
    /// The record, as the store calls it: for going on after it, and for replacing.
    pub record: String,
    /// The record, as people and [`SecretKind::place`] call it.
    pub name: String,
    /// The text: sealed, or plain in records of the original.
    pub text: String,
}

impl fmt::Debug for StoredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text may be a plain one.
        f.debug_struct("StoredSecret")
            .field("kind", &self.kind)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl StoredSecret {
    /// Its place, for the vault.
    pub fn place(&self) -> String {
        self.kind.place(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_that_stored_secrets_were_sealed_with() {
        let places = SecretKind::ALL.map(|kind| kind.place("7"));
        assert_eq!(
            places,
            [
                "discord_guild_configs:7:bot_token",
                "discord_guild_configs:7:bot_token",
                "discord_users:7:access_token",
                "discord_users:7:refresh_token",
                "discord_oauth_states:7:verifier",
                "rolecall_webhooks:7:secret",
                "rolecall_webhooks:7:old_secret",
            ]
        );
    }

    #[test]
    fn a_stored_secret_does_not_print_its_text() {
        let secret = StoredSecret {
            kind: SecretKind::BotToken,
            record: "1".to_owned(),
            name: "7".to_owned(),
            text: "plain".to_owned(),
        };
        assert!(!format!("{secret:?}").contains("plain"));
    }
}
