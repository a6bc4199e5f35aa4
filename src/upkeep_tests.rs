//! What keeps the store tidy and private: keys, retention, export, unlink.

use std::sync::Arc;
use std::time::Duration;

use rolecall_core::audit::{Act, AuditFilter};
use rolecall_core::cause::Cause;
use rolecall_core::ports::{JobFilter, NewGuild};
use rolecall_core::secrets::SecretKind;
use rolecall_core::{DiscordId, UserId};
use rolecall_jobs::forget_account::ForgetAccount;
use rolecall_jobs::kernel::audit::record;
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::seal_secrets::{SealSecrets, Which, walk};
use rolecall_workflows::schedule::{Action, Overlap, Ticked, tick, tick_id};
use rolecall_workflows::unlink_account::request_unlink;
use secrecy::ExposeSecret;

use crate::app::App;
use crate::export;
use crate::testing::{World, app, context_of, world};

const OLD: &str = "old:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEW: &str = "new:/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v4=";

/// The same store, with these keys.
async fn with_keys(world: &World, keys: &str) -> Arc<App> {
    let url = &world.app.config.discord.base_url;
    let keys = [("ROLECALL_ENCRYPTION_KEYS", keys)];
    app(world.folder.path().to_owned(), url, &world.simulator, &keys).await
}

/// Puts a plain text where a sealed one is, as the original does.
async fn plain(app: &App, kind: SecretKind, text: &str) {
    let fields = &app.services.sealed_fields;
    let read = fields.page(kind, None, None, 9).await.unwrap().remove(0);
    assert!(fields.replace(&read, text).await.unwrap());
}

#[tokio::test]
async fn a_new_key_seals_everything_anew_and_the_old_one_is_no_longer_needed() {
    let world = world().await;
    let (ada, _) = world.linked("ada").await;
    world.linked("bob").await;
    let before = with_keys(&world, OLD).await;
    // What the file's key sealed opens, too, and nothing is sealed with the given key yet.
    let seen = walk(&before.services, Which::All, false).await.unwrap();
    assert_eq!((seen.by_key["k1"], seen.plain, seen.unreadable), (4, 0, 0));
    assert!(seen.is_behind("old"));
    let seen = walk(&before.services, Which::NotNewest, true).await.unwrap();
    assert_eq!((seen.sealed, seen.changed_meanwhile), (4, 0));
    plain(&before, SecretKind::RefreshToken, "plain.of.the.original").await;

    let both = with_keys(&world, &format!("{NEW},{OLD}")).await;
    let dry = walk(&both.services, Which::NotNewest, false).await.unwrap();
    assert_eq!((dry.by_key["old"], dry.plain, dry.sealed), (3, 1, 0));
    let seen = walk(&both.services, Which::NotNewest, true).await.unwrap();
    assert_eq!((seen.sealed, seen.unreadable), (4, 0));
    // Begun again, it finds nothing to do.
    let again = walk(&both.services, Which::NotNewest, true).await.unwrap();
    assert_eq!(again, rolecall_jobs::seal_secrets::Seen::default());

    let after = with_keys(&world, NEW).await;
    let seen = walk(&after.services, Which::All, false).await.unwrap();
    assert_eq!(
        (seen.by_key.len(), seen.by_key["new"], seen.unreadable),
        (1, 4, 0)
    );
    assert!(!seen.is_behind("new"));
    let tokens = after.services.links.tokens(ada).await.unwrap().unwrap();
    assert!(tokens.access.starts_with("rc1:new:"));
}

#[tokio::test]
async fn what_does_not_open_is_named_without_its_text_and_stays_as_it_is() {
    let world = world().await;
    let (ada, _) = world.linked("ada").await;
    let old = with_keys(&world, OLD).await;
    walk(&old.services, Which::NotNewest, true).await.unwrap();
    // Altered, and sealed with a key that is gone.
    let tampered = "rc1:k1:AAAA:AAAA";
    plain(&old, SecretKind::RefreshToken, tampered).await;
    let new = with_keys(&world, NEW).await;
    let seen = walk(&new.services, Which::NotNewest, true).await.unwrap();
    assert_eq!((seen.unreadable, seen.sealed), (2, 0));
    for (one, field, why) in [
        (&seen.unreadable_named[0], "access_token", "\"old\""),
        (&seen.unreadable_named[1], "refresh_token", "altered"),
    ] {
        assert_eq!((one.collection, one.field), ("discord_users", field));
        assert_eq!(one.record, ada.to_string());
        assert!(one.why.contains(why) && !one.why.contains("AAAA"), "{}", one.why);
    }
    let stored = new.services.links.tokens(ada).await.unwrap().unwrap();
    assert_eq!(stored.refresh, tampered);
    assert!(stored.access.starts_with("rc1:old:"));
}

#[tokio::test]
async fn plain_texts_are_sealed_by_the_clock_and_those_of_an_older_key_are_not() {
    let world = world().await;
    world.linked("ada").await;
    let app = with_keys(&world, NEW).await;
    plain(&app, SecretKind::AccessToken, "plain.of.the.original").await;
    let (context, _lease) = context_of::<SealSecrets>(&app);
    let outcome = SealSecrets {}.run(&context).await.unwrap();
    assert_eq!(outcome.counts["sealed"], 1);
    let seen = walk(&app.services, Which::All, false).await.unwrap();
    assert_eq!((seen.plain, seen.by_key["new"], seen.by_key["k1"]), (0, 1, 1));
    let fields = &app.services.sealed_fields;
    let secret = fields.page(SecretKind::AccessToken, None, None, 9).await.unwrap();
    assert!(!secret[0].text.contains("plain"));
    let opened = app.services.vault.open(&secret[0].text, &secret[0].place());
    assert_eq!(opened.unwrap().expose_secret(), "plain.of.the.original");
}

#[tokio::test]
async fn many_schedulers_make_one_job_a_tick_for_every_schedule() {
    let world = world().await;
    let services = &world.app.services;
    for action in Action::ALL {
        for _ in 0..3 {
            let ticked = tick(services, &world.app.queue, action, Overlap::Skip, 1_800_000_000).await;
            let nothing = action == Action::RoleSync;
            // Without a guild there is nothing to sync.
            let wanted = if nothing { Ticked::Nothing } else { Ticked::Begun };
            assert_eq!(ticked.unwrap(), wanted, "{action:?}");
        }
    }
    let jobs = services
        .ledger
        .list(&JobFilter::default(), None, 99)
        .await
        .unwrap();
    let mut kinds: Vec<&str> = jobs.iter().map(|j| j.kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        ["check_guilds", "refresh_tokens", "retention", "seal_secrets"]
    );
    let id = tick_id(Action::Retention, 1_800_000_000);
    assert!(jobs.iter().any(|j| j.kind == "retention" && j.id.0 == id));
}

/// Every byte of the store.
fn bytes(world: &World) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(world.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .is_some_and(|n| n.to_string_lossy().starts_with("rolecall.db"))
        {
            all.extend(std::fs::read(path).unwrap());
        }
    }
    all
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|w| w == text.as_bytes())
}

/// Unlinks an account, and does the job that forgets it.
async fn unlinked(world: &World, user: &str, account: DiscordId) {
    let services = &world.app.services;
    let link = services.links.of_account(account).await.unwrap().unwrap();
    let cause = Cause::new(format!("user:{user}"), "unlinked");
    request_unlink(services, &world.app.queue, &link, cause.into(), None)
        .await
        .unwrap();
    let forget = ForgetAccount {
        user_id: user.into(),
        discord_id: account,
        until: world.now(),
    };
    let (context, _lease) = world.context::<ForgetAccount>();
    forget.run(&context).await.unwrap();
}

#[tokio::test]
async fn after_an_unlink_nothing_of_the_person_is_stored_but_ids() {
    let world = world().await;
    let services = &world.app.services;
    let (ada, pair) = world.linked("ada").await;
    let by = Cause::new("user:ada", "ada's global name").into();
    let act = Act::new("account.linked", format!("account:{ada}"))
        .after(&serde_json::json!({ "username": "ada at Discord" }));
    record(services, &by, act).await.unwrap().done();
    let sealed = services.links.tokens(ada).await.unwrap().unwrap();
    let personal = [
        "ada at Discord",
        "ada's global name",
        "a_picture_hash",
        sealed.access.as_str(),
        sealed.refresh.as_str(),
        pair.access_token.as_str(),
        pair.refresh_token.as_str(),
    ];
    let before = bytes(&world);
    assert!(holds(&before, personal[0]) && holds(&before, personal[3]) && !holds(&before, personal[5]));
    unlinked(&world, "ada", ada).await;
    let export = export::of_user(services, &"ada".into()).await.unwrap();
    let left = serde_json::to_string(&export).unwrap();
    assert!(
        export.accounts.is_empty() && left.contains(&ada.to_string()),
        "{left}"
    );
    for text in personal {
        assert!(!left.contains(text), "{text}: {left}");
    }
    let audit = services
        .audit
        .list(&AuditFilter::default(), None, 99)
        .await
        .unwrap();
    let actions: Vec<&str> = audit.iter().map(|r| r.action.as_str()).collect();
    assert_eq!(actions, ["audit.erased", "account.unlinked", "account.linked"]);
    assert!(
        audit
            .iter()
            .all(|r| r.before.is_none() && r.after.is_none() && r.reason.is_none())
    );
    // Erased, and told: the chain is whole.
    let seen = crate::trail::verify(&*services.audit, None)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((seen.records, seen.erased), (3, 2));
    let jobs = services
        .ledger
        .list(&JobFilter::default(), None, 99)
        .await
        .unwrap();
    for job in jobs {
        let text = format!("{job:?}");
        assert!(personal.iter().all(|p| !text.contains(p)), "{text}");
    }
}

#[tokio::test]
async fn an_export_has_ones_own_data_and_nobody_elses() {
    let world = world().await;
    let services = &world.app.services;
    let (ada, pair) = world.linked("ada").await;
    let (bob, _) = world.linked("bob").await;
    let guild = rolecall_core::guild::GuildConfig {
        guild_id: rolecall_core::GuildId::new(7).unwrap(),
        guild_name: "Corp".to_owned(),
        is_enabled: true,
        bot_user_id: None,
        settings: rolecall_core::guild::GuildSettings::default(),
        health: None,
        created_by: None,
        created_at: world.now(),
        updated_at: world.now(),
    };
    let new = NewGuild {
        config: guild,
        sealed_token: Some("a.bot.token".to_owned()),
    };
    services.guilds.put(new).await.unwrap();
    let link = services.links.of_account(bob).await.unwrap().unwrap();
    let operator = Cause::new("user:operator", "asked for");
    request_unlink(services, &world.app.queue, &link, operator.clone().into(), None)
        .await
        .unwrap();
    let link = services.links.of_account(ada).await.unwrap().unwrap();
    request_unlink(services, &world.app.queue, &link, operator.into(), None)
        .await
        .unwrap();
    let export = export::of_user(services, &UserId("ada".to_owned()))
        .await
        .unwrap();
    assert_eq!(export.accounts[0].discord_id, ada.to_string());
    assert_eq!(export.groups, None, "the directory does not know ada");
    assert_eq!(
        (export.jobs.len(), export.runs.len(), export.audit.len()),
        (1, 1, 1)
    );
    assert_eq!(export.jobs[0].kind, "unlink_account");
    let text = serde_json::to_string(&export).unwrap();
    for foreign in [
        "bob",
        &bob.to_string(),
        "operator",
        &pair.access_token,
        &pair.refresh_token,
        "rc1:",
        "a.bot.token",
    ] {
        assert!(!text.contains(foreign), "{foreign}: {text}");
    }
}

#[test]
fn no_debug_output_of_a_setting_or_of_a_type_that_carries_a_secret_shows_it() {
    const CANARY: &str = "Q4nary-0123456789-0123456789-0123456789";
    let vars = [
        ("MONGODB_URI", format!("mongodb://user:{CANARY}@host")),
        ("REDIS_URL", format!("redis://:{CANARY}@host")),
        ("JWT_SECRET", CANARY.to_owned()),
        ("ROLECALL_ENCRYPTION_KEYS", CANARY.to_owned()),
        ("DISCORD_CLIENT_ID", "7".to_owned()),
        ("DISCORD_CLIENT_SECRET", CANARY.to_owned()),
        ("DISCORD_DEFAULT_BOT_TOKEN", CANARY.to_owned()),
    ];
    let vars = vars.map(|(k, v)| (k.to_owned(), v)).into();
    let config = crate::config::Config::load(&vars, &|_| Ok(String::new())).unwrap();
    let pair = rolecall_core::ports::TokenPair {
        access: CANARY.into(),
        refresh: CANARY.into(),
        expires_in: Duration::ZERO,
        scope: String::new(),
    };
    let client = rolecall_core::ports::OAuthClient {
        id: "7".to_owned(),
        secret: CANARY.into(),
    };
    let tokens = rolecall_core::link::SealedTokens {
        access: CANARY.to_owned(),
        refresh: CANARY.to_owned(),
        expiry: rolecall_core::Timestamp(0),
    };
    let secret = rolecall_core::secrets::StoredSecret {
        kind: SecretKind::BotToken,
        record: "7".to_owned(),
        name: "7".to_owned(),
        text: CANARY.to_owned(),
    };
    let link = rolecall_workflows::link_account::NewLink {
        user_id: "ada".into(),
        discord_id: DiscordId::new(7).unwrap(),
        profile: rolecall_core::account::Profile::default(),
        tokens: pair.clone(),
        allow_move: false,
        trace: None,
    };
    let described = config.describe();
    let shown = format!("{config:?} {described:?} {pair:?} {client:?} {tokens:?} {secret:?} {link:?}");
    assert!(shown.contains("host") || shown.contains("REDACTED"), "{shown}");
    assert!(!shown.contains("Q4nary"), "{shown}");
}
