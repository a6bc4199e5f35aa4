//! Refreshes of tokens against a Discord that rotates them: done, lost, refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rolecall_core::account::LinkedAccount;
use rolecall_core::error::{ErrorClass, JobError, StoreError};
use rolecall_core::link::SealedTokens;
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::ports::{AccountFilter, Begun, JobFilter, Refreshes, consent};
use rolecall_core::secrets::{SecretKind, StoredSecret};
use rolecall_core::verdict::{Trial, Verdict, judge};
use rolecall_core::{DiscordId, Timestamp, UserId};
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::services::Services;
use rolecall_jobs::refresh_token::{Access, RefreshToken, fresh_access_token};
use rolecall_simulator::{Fault, FaultKind};
use rolecall_workflows::refresh_tokens::RefreshTokens;
use secrecy::ExposeSecret;

use crate::app::App;
use crate::testing::{HOUR, World, world, world_with};

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

/// The accounts whose tokens a sweep refreshes.
async fn swept(world: &World) -> Vec<DiscordId> {
    let (context, _lease) = world.context::<RefreshTokens>();
    RefreshTokens {}.run(&context).await.unwrap();
    let filter = JobFilter {
        kind: Some(RefreshToken::KIND.to_owned()),
        ..JobFilter::default()
    };
    let ledger = &world.app.services.ledger;
    let jobs = ledger.list(&filter, None, 100).await.unwrap();
    let mut accounts: Vec<_> = jobs.iter().filter_map(|job| job.subject.discord_id).collect();
    accounts.sort_unstable();
    accounts
}

#[tokio::test]
async fn the_sweep_takes_the_tokens_that_end_within_the_setting() {
    for (threshold, both) in [("1h", false), ("3h", true)] {
        let world = world_with(&[("DISCORD_TOKEN_REFRESH_THRESHOLD", threshold)]).await;
        let (now, _) = world.linked("now").await;
        let (later, _) = world.linked("later").await;
        let links = &world.app.services.links;
        let mut link = links.of_account(later).await.unwrap().unwrap();
        let mut tokens = links.tokens(later).await.unwrap().unwrap();
        tokens.expiry = world.now() + HOUR * 2;
        link.token_expiry = Some(tokens.expiry);
        links.put(&link, Some(tokens)).await.unwrap();
        let wanted = if both { vec![now, later] } else { vec![now] };
        assert_eq!(swept(&world).await, wanted, "{threshold}");
    }
}

#[tokio::test]
async fn a_sweep_takes_fifty_tokens_and_no_more() {
    let world = world().await;
    for n in 0..51 {
        world.linked(&format!("user{n}")).await;
    }
    assert_eq!(swept(&world).await.len(), 50);
}

#[test]
fn a_refresh_that_failed_for_a_while_is_tried_three_times_more_five_minutes_apart() {
    let failed = Err(JobError::transient("discord_unavailable", "no answer"));
    let after = |attempt: u32| {
        let now = Timestamp(1_000_000);
        let trial = Trial {
            attempt,
            max_attempts: RefreshToken::MAX_ATTEMPTS,
            inserted_at: now,
            now,
            dice: 0.5,
            cancel_requested: false,
        };
        match judge(&failed, RefreshToken::backoff(), trial) {
            Verdict::RetryAt(at) => Some(at.millis_since(now) / 1_000),
            _ => None,
        }
    };
    for attempt in 1..=3 {
        let wait = after(attempt).unwrap();
        assert!((150..=450).contains(&wait), "{wait} s after attempt {attempt}");
    }
    assert_eq!(after(4), None);
}

#[tokio::test]
async fn many_who_need_the_token_at_once_make_one_refresh() {
    let world = world().await;
    let (account, _) = world.linked("ada").await;
    let slow = Fault::new(FaultKind::Slow { ms: 300 }).on(TOKEN_ROUTE);
    world.simulator.faults().add(slow);
    let all = (0..8).map(|_| refreshed(&world, account));
    let done = futures::future::join_all(all).await;
    let applied = done.iter().flatten().filter(|o| o.effect == Effect::Applied);
    assert_eq!((applied.count(), calls(&world)), (1, 1));
    for error in done.iter().filter_map(|d| d.as_ref().err()) {
        assert_eq!(error.code, "token_refresh_under_way");
        assert!(matches!(error.class, ErrorClass::RateLimited { .. }), "{error:?}");
    }
    assert!(!shown(&world, account).await.needs_consent);
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
    // Discord may still be at work on it: nobody asks again at once.
    let error = refreshed(&world, account).await.unwrap_err();
    assert_eq!(error.code, "token_refresh_under_way");
    assert_eq!(calls(&world), 1);
    let since = Some(world.now());
    let refreshes = &world.app.services.refreshes;
    refreshes.nothing_done(account, since).await.unwrap();
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

/// Refreshes as they are, but before the first pair is stored, somebody changes the stored refresh token.
struct Meddled {
    refreshes: Arc<dyn Refreshes>,
    app: Arc<App>,
    /// What is stored then; `None`: the same token, sealed anew.
    token: Option<&'static str>,
    done: AtomicBool,
}

#[async_trait]
impl Refreshes for Meddled {
    async fn begin(&self, account: DiscordId, now: Timestamp) -> Result<Begun, StoreError> {
        self.refreshes.begin(account, now).await
    }

    async fn nothing_done(&self, account: DiscordId, since: Option<Timestamp>) -> Result<(), StoreError> {
        self.refreshes.nothing_done(account, since).await
    }

    async fn succeed(
        &self,
        account: DiscordId,
        user: &UserId,
        instead_of: &str,
        tokens: &SealedTokens,
    ) -> Result<bool, StoreError> {
        if !self.done.swap(true, Ordering::SeqCst) {
            let (services, secret) = (&self.app.services, stored(&self.app).await);
            let now = services.vault.open(&secret.text, &secret.place()).unwrap();
            let plain = self.token.map_or(now, Into::into);
            let anew = services.vault.seal(&plain, &secret.place()).unwrap();
            assert!(services.sealed_fields.replace(&secret, &anew).await.unwrap());
        }
        self.refreshes.succeed(account, user, instead_of, tokens).await
    }

    async fn refuse(&self, account: DiscordId, reason: &str) -> Result<(), StoreError> {
        self.refreshes.refuse(account, reason).await
    }

    async fn refused(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.refreshes.refused().await
    }
}

/// The stored refresh token.
async fn stored(app: &App) -> StoredSecret {
    let fields = &app.services.sealed_fields;
    let page = fields.page(SecretKind::RefreshToken, None, None, 9).await;
    page.unwrap().remove(0)
}

async fn opened(app: &App) -> String {
    let secret = stored(app).await;
    let plain = app.services.vault.open(&secret.text, &secret.place());
    plain.unwrap().expose_secret().to_owned()
}

/// Refreshes an account while somebody changes its stored refresh token; what became of it.
async fn meddled(world: &World, account: DiscordId, token: Option<&'static str>) -> Effect {
    let (mut context, _lease) = world.context::<RefreshToken>();
    let meddled = Meddled {
        refreshes: Arc::clone(&world.app.services.refreshes),
        app: Arc::clone(&world.app),
        token,
        done: AtomicBool::new(false),
    };
    context.services = Arc::new(Services {
        refreshes: Arc::new(meddled),
        ..Services::clone(&context.services)
    });
    let job = RefreshToken { discord_id: account };
    job.run(&context).await.unwrap().effect
}

#[tokio::test]
async fn a_token_that_is_sealed_anew_while_discord_is_asked_does_not_lose_the_new_pair() {
    let world = world().await;
    let (account, old) = world.linked("ada").await;
    assert_eq!(meddled(&world, account, None).await, Effect::Applied);
    assert_ne!(opened(&world.app).await, old.refresh_token);
}

#[tokio::test]
async fn a_login_while_discord_is_asked_keeps_its_newer_tokens() {
    let world = world().await;
    let (account, _) = world.linked("ada").await;
    assert_eq!(meddled(&world, account, Some("newer")).await, Effect::Skipped);
    assert_eq!(opened(&world.app).await, "newer");
}
