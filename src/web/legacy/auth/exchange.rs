//! From a code to a person: its tokens, and what Discord tells of it.

use std::time::Duration;

use rolecall_core::DiscordId;
use rolecall_core::account::Profile;
use rolecall_core::job::Lane;
use rolecall_core::ports::{CallError, CallFailure, CallOptions, ExchangeError, TokenPair};
use secrecy::SecretString;

use super::outcome::{Failed, Reason};
use crate::app::App;

/// A wait that Discord or our limiter asks for is kept inside the request up to this long.
const WAIT_MOST: Duration = Duration::from_secs(4);

/// Somebody who logged in at Discord.
pub(super) struct Person {
    pub(super) discord_id: DiscordId,
    pub(super) profile: Profile,
    pub(super) tokens: TokenPair,
}

/// Calls of somebody who waits in front of a screen.
pub(super) fn options() -> CallOptions {
    CallOptions {
        lane: Lane::Interactive,
        patience: Duration::from_secs(3),
        timeout: Duration::from_secs(5),
        ..CallOptions::default()
    }
}

/// Exchanges a code. A 429 says that nothing was done, so the one call that must not be repeated may be, then.
pub(super) async fn person(
    app: &App,
    code: &SecretString,
    verifier: &SecretString,
) -> Result<Person, Failed> {
    let (Some(client), Some(back)) = (&app.services.oauth, &app.config.accounts.redirect_uri) else {
        return Err(Reason::NotConfigured.into());
    };
    let discord = &app.services.discord;
    let options = options();
    let mut exchanged = discord.exchange(client, code, back, verifier, &options).await;
    if let Err(ExchangeError::Call(CallError {
        failure: CallFailure::Wait(wait),
        ..
    })) = &exchanged
        && *wait <= WAIT_MOST
    {
        tokio::time::sleep(*wait).await;
        exchanged = discord.exchange(client, code, back, verifier, &options).await;
    }
    let tokens = exchanged.map_err(|error| match error {
        ExchangeError::Refused => Failed::because(Reason::CodeRefused, error.to_string()),
        ExchangeError::InvalidClient => Failed::because(Reason::ClientRefused, error.to_string()),
        ExchangeError::Call(error) => error.into(),
    })?;
    let scopes: Vec<String> = tokens.scope.split_whitespace().map(Into::into).collect();
    let (discord_id, profile) = profile(app, &tokens.access, &scopes).await?;
    Ok(Person {
        discord_id,
        profile,
        tokens,
    })
}

/// Who it is; its guilds, too, if that was granted. A list of guilds that cannot be read is no reason to fail.
pub(super) async fn profile(
    app: &App,
    access: &SecretString,
    scopes: &[String],
) -> Result<(DiscordId, Profile), CallError> {
    let discord = &app.services.discord;
    let options = options();
    let guilds = scopes.iter().any(|s| s == "guilds");
    let mut told = discord.profile(access, guilds, &options).await;
    if guilds
        && told
            .as_ref()
            .is_err_and(|e| e.failure != CallFailure::Unauthorized)
    {
        told = discord.profile(access, false, &options).await;
    }
    let (id, mut profile) = told?;
    profile.scopes = scopes.to_vec();
    Ok((id, profile))
}
