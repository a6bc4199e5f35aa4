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
    if let Err(ExchangeError::Call(error)) = &exchanged
        && let CallFailure::Wait(wait) = error.failure
        && error.did_nothing()
        && wait <= WAIT_MOST
    {
        tokio::time::sleep(wait).await;
        exchanged = discord.exchange(client, code, back, verifier, &options).await;
    }
    let tokens = exchanged.map_err(failed)?;
    let scopes: Vec<String> = tokens.scope.split_whitespace().map(Into::into).collect();
    let (discord_id, profile) = profile(app, &tokens.access, &scopes).await?;
    Ok(Person {
        discord_id,
        profile,
        tokens,
    })
}

/// Each cause has its own code.
fn failed(error: ExchangeError) -> Failed {
    let reason = match error {
        ExchangeError::Refused => Reason::CodeRefused,
        ExchangeError::RedirectMismatch => Reason::RedirectRefused,
        ExchangeError::InvalidClient => Reason::ClientRefused,
        ExchangeError::Call(error) => return error.into(),
    };
    Failed::because(reason, error.to_string())
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

#[cfg(test)]
mod tests {
    use rolecall_simulator::{Fault, FaultKind};

    use super::*;
    use crate::testing::{World, world_with};

    const BACK: (&str, &str) = ("DISCORD_REDIRECT_URI", "https://app.example/callback");

    async fn reason(world: &World) -> &'static str {
        let person = person(&world.app, &"no-code".into(), &"no-verifier".into()).await;
        person.err().map_or("none", |failed| failed.reason.code())
    }

    fn calls(world: &World) -> usize {
        let calls = world.simulator.calls(100);
        calls.iter().filter(|c| c.route.contains("/oauth2/token")).count()
    }

    fn limited(world: &World, retry_after: f64) {
        let fault = Fault::new(FaultKind::LimitUser { retry_after });
        world
            .simulator
            .faults()
            .add(fault.on("POST /oauth2/token").times(1));
    }

    #[tokio::test]
    async fn a_limit_of_the_token_address_is_waited_for_and_a_long_one_is_told() {
        let world = world_with(&[BACK]).await;
        limited(&world, 0.4);
        let begin = std::time::Instant::now();
        assert_eq!(reason(&world).await, "code_refused");
        assert!(begin.elapsed() >= Duration::from_millis(400));
        assert_eq!(calls(&world), 2);
        limited(&world, 60.0);
        assert_eq!(reason(&world).await, "discord_rate_limited");
    }

    #[tokio::test]
    async fn credentials_that_discord_does_not_accept_have_a_code_of_their_own() {
        let wrong = ("DISCORD_CLIENT_SECRET", "another-secret");
        let world = world_with(&[BACK, wrong]).await;
        assert_eq!(reason(&world).await, "client_refused");
        let mismatch = failed(ExchangeError::RedirectMismatch);
        assert_eq!(mismatch.reason.code(), "redirect_refused");
        assert!(mismatch.cause.contains("DISCORD_REDIRECT_URI"));
    }
}
