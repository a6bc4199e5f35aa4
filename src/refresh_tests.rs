//! Refreshes of tokens against a Discord that rotates them: done, lost, refused.

use std::time::Duration;

use rolecall_core::DiscordId;
use rolecall_core::account::LinkedAccount;
use rolecall_core::error::{ErrorClass, JobError};
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::ports::{AccountFilter, consent};
use rolecall_core::secrets::{SecretKind, StoredSecret};
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::refresh_token::{Access, RefreshToken, fresh_access_token};
use rolecall_simulator::{Fault, FaultKind};
use secrecy::ExposeSecret;

use crate::testing::{HOUR, World, world};

const TOKEN_ROUTE: &str = "POST /oauth2/token";

async fn refreshed(world: &World, account: DiscordId) -> Result<Outcome, JobError> {
    let job = RefreshToken { discord_id: account };
    let (context, _lease) = world.context::<RefreshToken>();
    job.run(&context).await
}

async fn shown(world: &World, account: DiscordId) -> LinkedAccount {
    let filter = AccountFilter {
        discord_id: Some(account),
        ..AccountFilter::default()
    };
    let accounts = world.app.services.accounts.list(&filter, 0, 1).await;
    accounts.unwrap().0.remove(0)
}

/// The access token that a job would use.
async fn token(world: &World, account: DiscordId) -> String {
    let (context, _lease) = world.context::<RefreshToken>();
    match fresh_access_token(&context, account, HOUR).await.unwrap() {
        Access::Fresh { token, .. } => token.expose_secret().to_owned(),
        Access::None(reason) => panic!("{reason}"),
    }
}

fn calls(world: &World) -> usize {
    let calls = world.simulator.calls(1_000);
    calls.iter().filter(|c| c.route.contains("/oauth2/token")).count()
}

#[tokio::test]
async fn a_token_that_ends_is_refreshed_once_and_the_new_pair_is_stored() {
    let world = world().await;
    let (account, old) = world.linked("ada").await;
    let done = refreshed(&world, account).await.unwrap();
    assert_eq!(done.effect, Effect::Applied);
    assert_eq!(
        refreshed(&world, account).await.unwrap().effect,
        Effect::Unchanged
    );
    assert_eq!(calls(&world), 1);
    assert_ne!(token(&world, account).await, old.access_token);
    assert_eq!(shown(&world, account).await.consent_reason, None);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_told_when_discord_refuses_the_old_token() {
    let world = world().await;
    let (account, _) = world.linked("ada").await;
    let lost = Fault::new(FaultKind::ResetAfter).on(TOKEN_ROUTE).times(1);
    world.simulator.faults().add(lost);
    let error = refreshed(&world, account).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Transient, "{error}");
    let told = shown(&world, account).await;
    assert!(!told.needs_consent, "nothing is known yet, and it is tried again");

    let done = refreshed(&world, account).await.unwrap();
    assert_eq!(done.reason.as_deref(), Some("needs_consent"));
    let told = shown(&world, account).await;
    assert!(told.needs_consent && told.is_active, "the roles stay");
    assert_eq!(told.consent_reason.as_deref(), Some(consent::LOST));
    // It is not tried for ever.
    let before = calls(&world);
    let again = refreshed(&world, account).await.unwrap();
    assert_eq!(again.reason.as_deref(), Some("needs_consent"));
    assert_eq!(calls(&world), before);
    let far = world.now() + Duration::from_secs(86_400 * 30);
    assert_eq!(world.app.services.links.expiring(far, 9).await.unwrap(), []);
}

#[tokio::test]
async fn a_consent_that_was_taken_back_is_told_as_that() {
    let world = world().await;
    let (account, _) = world.linked("ada").await;
    world.simulator.deauthorize(account.get());
    let done = refreshed(&world, account).await.unwrap();
    assert_eq!(done.reason.as_deref(), Some("needs_consent"));
    let told = shown(&world, account).await;
    assert_eq!(told.consent_reason.as_deref(), Some(consent::REFUSED));
}

#[tokio::test]
async fn what_certainly_did_nothing_is_no_lost_answer() {
    let world = world().await;
    let (account, _) = world.linked("ada").await;
    let limit = FaultKind::LimitUser { retry_after: 0.3 };
    let limited = Fault::new(limit).on(TOKEN_ROUTE).times(1);
    world.simulator.faults().add(limited);
    let error = refreshed(&world, account).await.unwrap_err();
    assert!(
        matches!(error.class, ErrorClass::RateLimited { wait } if wait >= Duration::from_millis(200)),
        "{error:?}"
    );
    world.simulator.deauthorize(account.get());
    // Told to wait, the limiter may hold the next one up, too.
    let done = loop {
        match refreshed(&world, account).await {
            Ok(done) => break done,
            Err(error) => assert!(matches!(error.class, ErrorClass::RateLimited { .. }), "{error}"),
        }
    };
    assert_eq!(done.reason.as_deref(), Some("needs_consent"));
    let told = shown(&world, account).await;
    assert_eq!(told.consent_reason.as_deref(), Some(consent::REFUSED));
}

/// The stored refresh token.
async fn stored(world: &World) -> StoredSecret {
    let fields = &world.app.services.sealed_fields;
    let page = fields.page(SecretKind::RefreshToken, None, None, 9).await;
    page.unwrap().remove(0)
}

#[tokio::test]
async fn a_token_that_is_sealed_anew_while_discord_is_asked_does_not_lose_the_new_pair() {
    let world = world().await;
    let (account, old) = world.linked("ada").await;
    let slow = Fault::new(FaultKind::Slow { ms: 700 }).on(TOKEN_ROUTE).times(1);
    world.simulator.faults().add(slow);
    let (refreshed, ()) = tokio::join!(refreshed(&world, account), async {
        while calls(&world) == 0 {
            tokio::task::yield_now().await;
        }
        let (services, secret) = (&world.app.services, stored(&world).await);
        let plain = services.vault.open(&secret.text, &secret.place()).unwrap();
        assert_eq!(plain.expose_secret(), old.refresh_token);
        let anew = services.vault.seal(&plain, &secret.place()).unwrap();
        assert!(services.sealed_fields.replace(&secret, &anew).await.unwrap());
    });
    assert_eq!(refreshed.unwrap().effect, Effect::Applied);
    let (services, secret) = (&world.app.services, stored(&world).await);
    let plain = services.vault.open(&secret.text, &secret.place()).unwrap();
    assert_ne!(plain.expose_secret(), old.refresh_token);
}

#[tokio::test]
async fn a_login_while_discord_is_asked_keeps_its_newer_tokens() {
    let world = world().await;
    let (account, _) = world.linked("ada").await;
    let slow = Fault::new(FaultKind::Slow { ms: 700 }).on(TOKEN_ROUTE).times(1);
    world.simulator.faults().add(slow);
    let (refreshed, newer) = tokio::join!(refreshed(&world, account), async {
        while calls(&world) == 0 {
            tokio::task::yield_now().await;
        }
        let (services, secret) = (&world.app.services, stored(&world).await);
        let newer = services.vault.seal(&"newer".into(), &secret.place()).unwrap();
        assert!(services.sealed_fields.replace(&secret, &newer).await.unwrap());
        newer
    });
    assert_eq!(refreshed.unwrap().effect, Effect::Skipped);
    assert_eq!(stored(&world).await.text, newer);
}
