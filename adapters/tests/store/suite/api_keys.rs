//! Keys of machines.

use std::time::Duration;

use rolecall_core::api_key::{ApiKey, ApiKeyId, KeyHash};
use tokio::task::JoinSet;

use crate::fixture::Fixture;
use crate::given::PAST;

fn id(n: u64) -> ApiKeyId {
    format!("{n:012x}").parse().unwrap()
}

fn key(n: u64, seconds: u64) -> ApiKey {
    ApiKey {
        id: id(n),
        name: format!("key {n}"),
        scopes: ["discord:sync:manage", "jobs:read"].map(String::from).into(),
        hash: KeyHash(format!("{n:064x}")),
        created_by: "cli:ada".to_owned(),
        created_at: PAST + Duration::from_secs(seconds),
        expires_at: Some(PAST + Duration::from_secs(seconds + 3_600)),
        last_used_at: None,
        revoked_at: None,
    }
}

pub(crate) async fn a_key_reads_back_as_it_was_given_and_its_id_is_taken<F: Fixture>(fixture: F) {
    let keys = &fixture.stores().api_keys;
    assert_eq!(keys.get(&id(1)).await.unwrap(), None);
    let endless = ApiKey {
        scopes: [].into(),
        expires_at: None,
        last_used_at: Some(PAST),
        revoked_at: Some(PAST + Duration::from_millis(1)),
        ..key(2, 0)
    };
    for given in [key(1, 0), endless] {
        assert!(keys.insert(&given).await.unwrap());
        let twin = ApiKey {
            hash: KeyHash("another".to_owned()),
            ..given.clone()
        };
        assert!(!keys.insert(&twin).await.unwrap());
        assert_eq!(keys.get(&given.id).await.unwrap(), Some(given.clone()));
        let again = fixture.again().await;
        assert_eq!(again.api_keys.get(&given.id).await.unwrap(), Some(given));
    }
}

pub(crate) async fn keys_are_listed_newest_first<F: Fixture>(fixture: F) {
    let keys = &fixture.stores().api_keys;
    assert_eq!(keys.list().await.unwrap(), []);
    for (n, seconds) in [(1, 5), (2, 9), (3, 5), (4, 1)] {
        keys.insert(&key(n, seconds)).await.unwrap();
    }
    let listed: Vec<_> = keys.list().await.unwrap().into_iter().map(|k| k.id).collect();
    assert_eq!(listed, [id(2), id(3), id(1), id(4)]);
}

pub(crate) async fn a_key_is_taken_back_once_and_for_ever<F: Fixture>(fixture: F) {
    let keys = &fixture.stores().api_keys;
    for n in [1, 2] {
        keys.insert(&key(n, 0)).await.unwrap();
    }
    let at = PAST + Duration::from_secs(60);
    assert!(keys.revoke(&id(1), at).await.unwrap());
    assert!(!keys.revoke(&id(1), at + Duration::from_secs(1)).await.unwrap());
    assert!(!keys.revoke(&id(3), at).await.unwrap());
    // Nobody makes it valid by storing it once more.
    assert!(!keys.insert(&key(1, 0)).await.unwrap());
    let revoked = ApiKey {
        revoked_at: Some(at),
        ..key(1, 0)
    };
    assert_eq!(keys.get(&id(1)).await.unwrap(), Some(revoked));
    assert_eq!(keys.get(&id(2)).await.unwrap(), Some(key(2, 0)));
}

pub(crate) async fn a_use_is_noted_once_a_minute_and_never_set_back<F: Fixture>(fixture: F) {
    let keys = &fixture.stores().api_keys;
    for n in [1, 2] {
        keys.insert(&key(n, 0)).await.unwrap();
    }
    let second = |n: u64| PAST + Duration::from_secs(n);
    for (at, news) in [(100, true), (159, false), (160, true), (30, false), (160, false)] {
        assert_eq!(keys.note_use(&id(1), second(at)).await.unwrap(), news, "{at}");
    }
    assert!(!keys.note_use(&id(3), second(1)).await.unwrap());
    let used = ApiKey {
        last_used_at: Some(second(160)),
        ..key(1, 0)
    };
    assert_eq!(keys.get(&id(1)).await.unwrap(), Some(used));
    assert_eq!(keys.get(&id(2)).await.unwrap(), Some(key(2, 0)));
}

pub(crate) async fn of_sixteen_who_note_the_same_use_one_writes<F: Fixture>(fixture: F) {
    let stores = [fixture.stores().clone(), fixture.again().await];
    stores[0].api_keys.insert(&key(1, 0)).await.unwrap();
    let mut notes = JoinSet::new();
    for n in 0..16 {
        let keys = stores[n % 2].api_keys.clone();
        notes.spawn(async move {
            keys.note_use(&id(1), PAST + Duration::from_secs(60))
                .await
                .unwrap()
        });
    }
    let written = notes.join_all().await;
    assert_eq!(written.iter().filter(|news| **news).count(), 1);
}
