//! Accounts: what Discord tells of a person who linked one, and the states of an OAuth flow.

use serde::{Deserialize, Serialize};

use crate::ids::{DiscordId, GuildId, UserId};
use crate::time::Timestamp;

/// What Discord tells of an account (`GET /users/@me` with the person's token).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Its name.
    pub username: String,
    /// The name it shows.
    pub global_name: Option<String>,
    /// Hash of its picture.
    pub avatar: Option<String>,
    /// What was granted.
    pub scopes: Vec<String>,
    /// Guilds it is in, if that was granted.
    pub guilds: Vec<ProfileGuild>,
}

/// A guild of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileGuild {
    /// Its id.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// The account's permissions in it, as Discord writes them.
    #[serde(default)]
    pub permissions: Option<String>,
}

/// A linked account as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedAccount {
    /// The record's id, 24 hex digits.
    pub id: String,
    /// The application's user.
    pub user_id: UserId,
    /// The account.
    pub discord_id: DiscordId,
    /// What Discord told of it.
    pub profile: Profile,
    /// Whether the link counts.
    pub is_active: bool,
    /// Whether the user has to consent again before a join.
    pub needs_consent: bool,
    /// Why, if that was noted: one of [`crate::ports::consent`].
    pub consent_reason: Option<String>,
    /// When it was linked.
    pub linked_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When the access token ends.
    pub token_expiry: Option<Timestamp>,
    /// When it was last synced.
    pub last_sync: Option<Timestamp>,
}

/// A stored state of an OAuth flow (`discord_oauth_states`). The state itself is stored hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthState {
    /// SHA-256 of the state, in hex.
    pub hash: String,
    /// SHA-256 of the cookie that binds it to the browser, in hex.
    pub browser: String,
    /// The user, if known when the flow began.
    pub user_id: Option<UserId>,
    /// PKCE's verifier, sealed.
    pub verifier: String,
    /// Where to go afterwards.
    pub redirect_url: Option<String>,
    /// What was asked for.
    pub scopes: Vec<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What became of a state that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It was valid, and is used now.
    Valid(Box<OAuthState>),
    /// Its time is over.
    Expired,
    /// It was used before.
    Reused,
    /// It was never given out, or forgotten long ago.
    Unknown,
}
