//! Discord's API, as far as rolecall uses it.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::account::Profile;
use crate::guild::{Account, GuildInfo, Member};
use crate::ids::{ChannelId, DiscordId, GuildId, RoleId};
use crate::ports::call::{CallError, CallOptions};
use crate::ports::limiter::Refusals;

/// A bot's token. Does not print itself.
pub type BotToken = SecretString;

/// What came of joining somebody to a guild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// 201: joined now, with the roles.
    Now,
    /// 204: was there already, and the roles were **not** changed.
    Already,
}

/// The application's OAuth credentials.
#[derive(Debug, Clone)]
pub struct OAuthClient {
    /// `DISCORD_CLIENT_ID`.
    pub id: String,
    /// `DISCORD_CLIENT_SECRET`.
    pub secret: SecretString,
}

/// What the token endpoint gave.
#[derive(Debug, Clone)]
pub struct TokenPair {
    /// Access token.
    pub access: SecretString,
    /// Refresh token: a new one each time, the old one is dead.
    pub refresh: SecretString,
    /// Life of the access token, from now.
    pub expires_in: Duration,
    /// What was granted, space-separated.
    pub scope: String,
}

/// Why a refresh failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RefreshError {
    /// `invalid_grant`: the user revoked, or the token was used before. The same answer for every cause.
    #[error("Discord no longer accepts this refresh token; the user has to link the account again")]
    Refused,
    /// Anything else.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Why a code could not be exchanged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExchangeError {
    /// `invalid_grant`: the code was used before, is older than 100 s, or belongs to another redirect address.
    #[error("Discord does not accept this code (any more)")]
    Refused,
    /// The redirect address is not the one that the login began with, or is not registered with the application.
    #[error("Discord does not accept DISCORD_REDIRECT_URI for this login")]
    RedirectMismatch,
    /// `invalid_client`.
    #[error("Discord does not accept DISCORD_CLIENT_ID and DISCORD_CLIENT_SECRET")]
    InvalidClient,
    /// Anything else.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Whose a user token is, and what it may do (`GET /oauth2/@me`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The application that it was made for.
    pub application_id: String,
    /// What was granted.
    pub scopes: Vec<String>,
    /// How long it lives, in seconds from now.
    pub expires_in: i64,
}

/// The application that a bot belongs to (`GET /applications/@me`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its id: what logins call the client's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where its logins may lead back to; `None`: Discord does not tell.
    pub redirect_uris: Option<Vec<String>>,
}

/// Calls to Discord. Every one passes the limiter.
#[async_trait]
pub trait Discord: Send + Sync + 'static {
    /// How many calls Discord refused lately. `None`: that is not known now.
    async fn refusals(&self) -> Option<Refusals> {
        None
    }

    /// `GET /users/@me`: whose token is it.
    async fn me(&self, token: &BotToken, options: &CallOptions) -> Result<Account, CallError>;

    /// `GET /applications/@me`: which application does a bot's token belong to.
    async fn application(&self, token: &BotToken, options: &CallOptions) -> Result<Application, CallError>;

    /// `GET /guilds/{guild}`, roles included.
    async fn guild(
        &self,
        token: &BotToken,
        guild: GuildId,
        options: &CallOptions,
    ) -> Result<GuildInfo, CallError>;

    /// `GET /guilds/{guild}/members/{user}`.
    async fn member(
        &self,
        token: &BotToken,
        guild: GuildId,
        user: DiscordId,
        options: &CallOptions,
    ) -> Result<Member, CallError>;

    /// `GET /guilds/{guild}/members?limit=1000`: members whose id is greater than `after`, ascending. A page shorter
    /// than [`MEMBER_PAGE`] is the last.
    async fn members(
        &self,
        token: &BotToken,
        guild: GuildId,
        after: Option<DiscordId>,
        options: &CallOptions,
    ) -> Result<Vec<Member>, CallError>;

    /// `PUT /guilds/{guild}/members/{user}/roles/{role}`.
    async fn add_role(
        &self,
        token: &BotToken,
        guild: GuildId,
        user: DiscordId,
        role: RoleId,
        options: &CallOptions,
    ) -> Result<(), CallError>;

    /// `DELETE /guilds/{guild}/members/{user}/roles/{role}`.
    async fn remove_role(
        &self,
        token: &BotToken,
        guild: GuildId,
        user: DiscordId,
        role: RoleId,
        options: &CallOptions,
    ) -> Result<(), CallError>;

    /// `PATCH /guilds/{guild}/members/{user}` with the full set of roles.
    async fn set_roles(
        &self,
        token: &BotToken,
        guild: GuildId,
        user: DiscordId,
        roles: &BTreeSet<RoleId>,
        options: &CallOptions,
    ) -> Result<(), CallError>;

    /// `PUT /guilds/{guild}/members/{user}` with the user's own access token.
    async fn join(
        &self,
        token: &BotToken,
        guild: GuildId,
        user: DiscordId,
        access: &SecretString,
        roles: &BTreeSet<RoleId>,
        options: &CallOptions,
    ) -> Result<Joined, CallError>;

    /// `POST /oauth2/token`, `grant_type=refresh_token`. **Not** safe to repeat: the old token dies with the answer.
    async fn refresh(
        &self,
        client: &OAuthClient,
        refresh: &SecretString,
        options: &CallOptions,
    ) -> Result<TokenPair, RefreshError>;

    /// `POST /oauth2/token`, `grant_type=authorization_code`, with PKCE's verifier. Not safe to repeat.
    async fn exchange(
        &self,
        client: &OAuthClient,
        code: &SecretString,
        redirect_uri: &str,
        verifier: &SecretString,
        options: &CallOptions,
    ) -> Result<TokenPair, ExchangeError>;

    /// `GET /users/@me` with a person's token, and `GET /users/@me/guilds` if `guilds` is asked for.
    async fn profile(
        &self,
        access: &SecretString,
        guilds: bool,
        options: &CallOptions,
    ) -> Result<(DiscordId, Profile), CallError>;

    /// `GET /oauth2/@me` with a person's token.
    async fn authorization(
        &self,
        access: &SecretString,
        options: &CallOptions,
    ) -> Result<Authorization, CallError>;

    /// `POST /oauth2/token/revoke`: ends all tokens of this person for this application.
    async fn revoke(
        &self,
        client: &OAuthClient,
        token: &SecretString,
        options: &CallOptions,
    ) -> Result<(), CallError>;

    /// `POST /channels/{channel}/messages` with `enforce_nonce`, so that a repeat within some minutes posts once, and
    /// without pinging anybody.
    async fn post_message(
        &self,
        token: &BotToken,
        channel: ChannelId,
        content: &str,
        nonce: &str,
        options: &CallOptions,
    ) -> Result<(), CallError>;
}

/// Members a page. Discord's maximum (its default is 1).
pub const MEMBER_PAGE: usize = 1000;
