//! A link: which Discord account belongs to which user of the application.

use serde::{Deserialize, Serialize};

use crate::ids::{DiscordId, UserId};
use crate::time::Timestamp;

/// A linked Discord account (`discord_users`). Its tokens are stored sealed and are not part of this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The application's user.
    pub user_id: UserId,
    /// The Discord account.
    pub discord_id: DiscordId,
    /// Its name at Discord; empty if unknown.
    pub username: String,
    /// An inactive link is left alone.
    pub is_active: bool,
    /// Whether a token is stored with which the account can be joined to a guild.
    pub has_token: bool,
    /// When its access token ends, if there is one.
    pub token_expiry: Option<Timestamp>,
    /// Set when Discord refused the refresh token: the user has to consent again before a join.
    pub needs_consent: bool,
    /// When it was linked.
    pub linked_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An active link, as a sync needs it: little, because there may be 100,000 of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveLink {
    /// The Discord account.
    pub discord_id: DiscordId,
    /// The application's user.
    pub user_id: UserId,
    /// Whether there is a token to join it to a guild with, and no new consent is needed.
    pub can_join: bool,
}

/// The tokens of a link, sealed (see [`crate::ports::Vault`]); a plain text only in records of the original.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedTokens {
    /// Access token.
    pub access: String,
    /// Refresh token; empty if there is none.
    pub refresh: String,
    /// When the access token ends.
    pub expiry: Timestamp,
}

impl std::fmt::Debug for SealedTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedTokens")
            .field("expiry", &self.expiry)
            .finish_non_exhaustive()
    }
}
