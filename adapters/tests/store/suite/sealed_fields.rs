//! Every stored secret.

use std::time::Duration;

use rolecall_core::account::OAuthState;
use rolecall_core::guild::RetiredGuild;
use rolecall_core::link::SealedTokens;
use rolecall_core::ports::NewGuild;
use rolecall_core::secrets::{SecretKind, StoredSecret};
use rolecall_core::time::Timestamp;
use rolecall_core::webhook::StoredEndpoint;
use uuid::Uuid;

use crate::fixture::{Fixture, Stores};
use crate::given::{PAST, account, config, guild, link, new_run, user};
use crate::suite::webhooks::endpoint;

/// Three guilds, of which one has no token, and one that was removed; two links, of which one has no refresh token; a login; an
/// endpoint.
async fn filled(stores: &Stores) {
    for (n, token) in [(1, Some("rc1:old:a")), (2, Some("plain")), (3, None)] {
        let new = NewGuild {
            config: config(n, "Alpha"),
            sealed_token: token.map(str::to_owned),
        };
        stores.guilds.put(new).await.unwrap();
    }
    for (n, refresh) in [(1, "rc1:new:r"), (2, "")] {
        let tokens = SealedTokens {
            access: format!("rc1:new:{n}"),
            refresh: refresh.to_owned(),
            expiry: PAST,
        };
        stores.links.put(&link(n, user(n)), Some(tokens)).await.unwrap();
    }
    stores.links.put(&link(3, user(3)), None).await.unwrap();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = Timestamp(i64::try_from(since.unwrap().as_millis()).unwrap());
    let state = OAuthState {
        hash: "abc".to_owned(),
        browser: "b".to_owned(),
        user_id: None,
        verifier: "rc1:old:v".to_owned(),
        redirect_url: None,
        scopes: Vec::new(),
        created_at: now,
        expires_at: now + Duration::from_secs(600),
    };
    stores.oauth_states.put(&state).await.unwrap();
    let retired = RetiredGuild {
        guild_id: guild(7),
        guild_name: "Gone".to_owned(),
        bot_user_id: None,
        sealed_token: "rc1:old:g".to_owned(),
        roles: [].into(),
        run_id: new_run(),
        retired_at: now,
    };
    stores.retired_guilds.put(&retired).await.unwrap();
    let endpoint = StoredEndpoint {
        old_secret: "rc1:old:w".to_owned(),
        ..endpoint(1, 0)
    };
    stores.webhooks.insert(&endpoint).await.unwrap();
}

/// All secrets of a kind, read in pages of one.
async fn walked(stores: &Stores, kind: SecretKind, other_than: Option<&str>) -> Vec<StoredSecret> {
    let mut all: Vec<StoredSecret> = Vec::new();
    loop {
        let after = all.last().map(|s| s.record.clone());
        let page = stores
            .sealed_fields
            .page(kind, after.as_deref(), other_than, 1)
            .await
            .unwrap();
        assert!(page.len() <= 1);
        let Some(secret) = page.into_iter().next() else {
            break;
        };
        all.push(secret);
    }
    all
}

fn shown(mut secrets: Vec<StoredSecret>) -> Vec<(String, String)> {
    secrets.sort_by(|a, b| a.name.cmp(&b.name));
    secrets.into_iter().map(|s| (s.name, s.text)).collect()
}

fn pairs<const N: usize>(wanted: [(String, &str); N]) -> Vec<(String, String)> {
    wanted.map(|(name, text)| (name, text.to_owned())).into()
}

pub(crate) async fn every_secret_is_found_in_pages_and_empty_ones_are_not<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    for kind in SecretKind::ALL {
        assert_eq!(walked(stores, kind, None).await, []);
    }
    filled(stores).await;
    let (one, two) = (account(1).to_string(), account(2).to_string());
    for (kind, wanted) in [
        (
            SecretKind::BotToken,
            pairs([
                (guild(1).to_string(), "rc1:old:a"),
                (guild(2).to_string(), "plain"),
            ]),
        ),
        (
            SecretKind::AccessToken,
            pairs([(one.clone(), "rc1:new:1"), (two, "rc1:new:2")]),
        ),
        (
            SecretKind::RetiredBotToken,
            pairs([(guild(7).to_string(), "rc1:old:g")]),
        ),
        (SecretKind::RefreshToken, pairs([(one, "rc1:new:r")])),
        (SecretKind::Verifier, pairs([("abc".to_owned(), "rc1:old:v")])),
        (
            SecretKind::WebhookSecret,
            pairs([(Uuid::from_u128(1).to_string(), "rc1:new:s1")]),
        ),
        (
            SecretKind::OldWebhookSecret,
            pairs([(Uuid::from_u128(1).to_string(), "rc1:old:w")]),
        ),
    ] {
        assert_eq!(shown(walked(stores, kind, None).await), wanted, "{kind:?}");
    }
}

pub(crate) async fn those_that_begin_with_the_mark_are_left_out<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    filled(stores).await;
    let mark = Some("rc1:new:");
    assert_eq!(walked(stores, SecretKind::AccessToken, mark).await, []);
    assert_eq!(walked(stores, SecretKind::BotToken, mark).await.len(), 2);
    let old = walked(stores, SecretKind::BotToken, Some("rc1:old:")).await;
    assert_eq!(shown(old), pairs([(guild(2).to_string(), "plain")]));
    // A sign that means something in patterns means itself here.
    assert_eq!(
        walked(stores, SecretKind::BotToken, Some("rc1.old:")).await.len(),
        2
    );
}

pub(crate) async fn a_secret_is_replaced_only_if_it_is_as_it_was_read<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    filled(stores).await;
    for kind in SecretKind::ALL {
        let read = walked(stores, kind, None).await.remove(0);
        let others = |all: Vec<StoredSecret>| -> Vec<StoredSecret> {
            all.into_iter().filter(|s| s.record != read.record).collect()
        };
        let before = others(walked(stores, kind, None).await);
        assert!(stores.sealed_fields.replace(&read, "rc1:new:z").await.unwrap());
        assert!(
            !stores.sealed_fields.replace(&read, "rc1:new:y").await.unwrap(),
            "{kind:?}"
        );
        let after = walked(stores, kind, None).await;
        let now = after.iter().find(|s| s.record == read.record).unwrap();
        assert_eq!((now.text.as_str(), &now.name), ("rc1:new:z", &read.name));
        assert_eq!(others(after), before);
    }
    // Nothing else of the record changes, and a record that is gone is not made.
    let token = stores.links.tokens(account(1)).await.unwrap().unwrap();
    assert_eq!(
        (token.access.as_str(), token.refresh.as_str(), token.expiry),
        ("rc1:new:z", "rc1:new:z", PAST)
    );
    let read = walked(stores, SecretKind::BotToken, None).await.remove(0);
    stores.guilds.remove(read.name.parse().unwrap()).await.unwrap();
    assert!(!stores.sealed_fields.replace(&read, "x").await.unwrap());
    assert_eq!(stores.guilds.list().await.unwrap().len(), 2);
}
