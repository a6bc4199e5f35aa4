//! Who is told of events, and what was told.

use std::collections::BTreeSet;
use std::time::Duration;

use rolecall_core::event::EventType;
use rolecall_core::ids::ChannelId;
use rolecall_core::secrets::SecretKind;
use rolecall_core::webhook::{Alarm, Endpoint, EndpointId, Sink, StoredEndpoint};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::fixture::Fixture;
use crate::given::{PAST, guild};

fn id(n: u128) -> EndpointId {
    EndpointId(Uuid::from_u128(n))
}

pub(super) fn endpoint(n: u128, seconds: u64) -> StoredEndpoint {
    let sink = Sink::Webhook {
        url: format!("https://ops.example.com/{n}"),
    };
    StoredEndpoint {
        endpoint: Endpoint {
            events: [EventType::GroupOpened, EventType::QueueLate].into(),
            description: "the operators' pager".to_owned(),
            ..Endpoint::new(
                id(n),
                sink,
                PAST + Duration::from_secs(seconds),
                "cli:ada".to_owned(),
            )
        },
        revision: 1,
        secret: format!("rc1:new:s{n}"),
        old_secret: String::new(),
    }
}

pub(crate) async fn an_endpoint_reads_back_as_it_was_given_and_its_id_is_taken<F: Fixture>(fixture: F) {
    let webhooks = &fixture.stores().webhooks;
    assert_eq!(webhooks.get(id(1)).await.unwrap(), None);
    let mut full = endpoint(2, 5);
    full.endpoint = Endpoint {
        sink: Sink::DiscordChannel {
            guild_id: guild(1),
            channel_id: ChannelId::new(u64::MAX).unwrap(),
        },
        events: BTreeSet::new(),
        enabled: false,
        disabled_reason: Some("it said that it is gone".to_owned()),
        disabled_at: Some(PAST + Duration::from_millis(3)),
        failures: 7,
        failing_since: Some(PAST),
        failed_at: Some(PAST + Duration::from_millis(2)),
        old_secret_until: Some(PAST + Duration::from_millis(1)),
        rotated_by: Some(Uuid::from_u128(7)),
        ..full.endpoint
    };
    full.old_secret = "rc1:old:x".to_owned();
    for given in [endpoint(1, 0), full] {
        assert!(webhooks.insert(&given).await.unwrap());
        let twin = StoredEndpoint {
            secret: "another".to_owned(),
            ..given.clone()
        };
        assert!(!webhooks.insert(&twin).await.unwrap());
        let again = fixture.again().await;
        assert_eq!(again.webhooks.get(given.endpoint.id).await.unwrap(), Some(given));
    }
}

pub(crate) async fn endpoints_are_listed_oldest_first_until_they_are_removed<F: Fixture>(fixture: F) {
    let webhooks = &fixture.stores().webhooks;
    assert_eq!(webhooks.list().await.unwrap(), []);
    for (n, seconds) in [(1, 5), (2, 1), (3, 5)] {
        webhooks.insert(&endpoint(n, seconds)).await.unwrap();
    }
    let listed = async || -> Vec<EndpointId> {
        let all = webhooks.list().await.unwrap();
        all.into_iter().map(|e| e.endpoint.id).collect()
    };
    assert_eq!(listed().await, [id(2), id(1), id(3)]);
    assert!(webhooks.remove(id(1)).await.unwrap());
    assert!(!webhooks.remove(id(1)).await.unwrap());
    assert_eq!(listed().await, [id(2), id(3)]);
}

pub(crate) async fn of_sixteen_changes_of_one_reading_one_counts<F: Fixture>(fixture: F) {
    let stores = [fixture.stores().clone(), fixture.again().await];
    let old = endpoint(1, 0);
    stores[0].webhooks.insert(&old).await.unwrap();
    let mut changes = JoinSet::new();
    for n in 0..16 {
        let (webhooks, old) = (stores[n % 2].webhooks.clone(), old.clone());
        changes.spawn(async move {
            let mut new = old.clone();
            new.endpoint.failures = n as u64 + 1;
            webhooks
                .replace(&old, &new)
                .await
                .unwrap()
                .then_some(n as u64 + 1)
        });
    }
    let counted: Vec<u64> = changes.join_all().await.into_iter().flatten().collect();
    let now = stores[0].webhooks.get(id(1)).await.unwrap().unwrap();
    assert_eq!(counted, [now.endpoint.failures]);
    assert_eq!(now.revision, 2);
}

pub(crate) async fn a_change_is_refused_when_a_secret_was_sealed_anew_meanwhile<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    let old = endpoint(1, 0);
    stores.webhooks.insert(&old).await.unwrap();
    let fields = &stores.sealed_fields;
    let secrets = fields
        .page(SecretKind::WebhookSecret, None, None, 9)
        .await
        .unwrap();
    assert_eq!(secrets.len(), 1);
    assert_eq!(secrets[0].name, id(1).to_string());
    assert!(fields.replace(&secrets[0], "rc1:newest:s").await.unwrap());
    let mut new = old.clone();
    new.endpoint.enabled = false;
    assert!(!stores.webhooks.replace(&old, &new).await.unwrap());
    let now = stores.webhooks.get(id(1)).await.unwrap().unwrap();
    assert_eq!(
        (now.secret.as_str(), now.endpoint.enabled),
        ("rc1:newest:s", true)
    );
    let off = StoredEndpoint {
        endpoint: new.endpoint,
        ..now.clone()
    };
    assert!(stores.webhooks.replace(&now, &off).await.unwrap());
}

pub(crate) async fn an_alarm_stands_as_it_was_first_raised_until_it_is_cleared<F: Fixture>(fixture: F) {
    let alarms = &fixture.stores().alarms;
    let alarm = |since, told| Alarm {
        key: "queue.late:bulk".to_owned(),
        since,
        told,
    };
    let later = PAST + Duration::from_secs(9);
    let key = "queue.late:bulk";
    assert_eq!(alarms.raise(key, PAST).await.unwrap(), alarm(PAST, false));
    assert_eq!(alarms.raise(key, later).await.unwrap(), alarm(PAST, false));
    alarms.told(key).await.unwrap();
    assert_eq!(alarms.raise(key, later).await.unwrap(), alarm(PAST, true));
    alarms.raise("group.opened:x", PAST).await.unwrap();
    let listed = fixture.again().await.alarms.list().await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[1], alarm(PAST, true));
    assert!(alarms.clear(key).await.unwrap());
    assert!(!alarms.clear(key).await.unwrap());
    alarms.told(key).await.unwrap();
    assert_eq!(alarms.raise(key, later).await.unwrap(), alarm(later, false));
}

pub(crate) async fn of_sixteen_who_raise_an_alarm_all_hear_of_the_same<F: Fixture>(fixture: F) {
    let stores = [fixture.stores().clone(), fixture.again().await];
    let mut raised = JoinSet::new();
    for n in 0..16 {
        let alarms = stores[n % 2].alarms.clone();
        raised.spawn(async move {
            alarms
                .raise("x", PAST + Duration::from_secs(n as u64))
                .await
                .unwrap()
        });
    }
    let all = raised.join_all().await;
    assert!(all.iter().all(|alarm| *alarm == all[0]), "{all:?}");
}
