//! Files of older versions open, with everything that is in them.

use std::path::Path;

use rolecall_adapters::store::sqlite::SqliteStore;
use rolecall_core::audit::Via;
use rolecall_core::audit_chain::Verifier;
use rolecall_core::guild::{GuildConfig, GuildHealth, HealthStatus};
use rolecall_core::ids::{GroupId, MappingId};
use rolecall_core::link::Link;
use rolecall_core::mapping::Mapping;
use rolecall_core::ports::{AccountFilter, Accounts, Audit, Guilds, Links, Mappings, StoreHealth};
use rusqlite::Connection;

use crate::given::{PAST, account, config, guild, is_hex_id, link, mapping, user};

/// A file as version 1 left it: two guilds, a mapping, two links.
fn version_1(path: &Path) {
    let db = Connection::open(path).unwrap();
    db.execute_batch(include_str!("../../../store/sqlite/migrations/1.sql"))
        .unwrap();
    db.pragma_update(None, "journal_mode", "wal").unwrap();
    db.pragma_update(None, "application_id", 0x726f_6c65).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    for n in [1, 2] {
        db.execute(
            "INSERT INTO discord_guild_configs VALUES (?1, 'Alpha', 'sealed', 1, ?2, ?3, ?3)",
            (guild(n).to_string(), account(900 + n).to_string(), PAST.0),
        )
        .unwrap();
        db.execute(
            "INSERT INTO discord_users VALUES (?1, ?2, ?3, 'a', 'r', ?4, 0, 1, ?4, ?4)",
            (account(n).to_string(), user(n).0, format!("ada{n}"), PAST.0),
        )
        .unwrap();
    }
    let given = old_mapping();
    db.execute(
        "INSERT INTO discord_role_mappings VALUES (?1, ?2, ?3, 'Pilots', ?4, 'pilot', 0, 1, ?5, ?5)",
        (
            given.id.as_str(),
            guild(1).to_string(),
            given.group_id.as_str(),
            given.role_id.to_string(),
            PAST.0,
        ),
    )
    .unwrap();
}

/// Ids of that time may be anything.
fn old_mapping() -> Mapping {
    Mapping {
        id: MappingId("0190-old".to_owned()),
        ..mapping(1, guild(1), GroupId("pilots".to_owned()))
    }
}

#[tokio::test]
async fn a_file_of_version_1_opens_with_everything_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rolecall.db");
    version_1(&path);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.prepare().await.unwrap(), Vec::<String>::new());
    assert_eq!(store.check().await.unwrap(), Vec::<String>::new());

    // What it did not have yet is as by default.
    let guilds = Guilds::list(&store).await.unwrap();
    assert_eq!(guilds, [config(1, "Alpha"), config(2, "Alpha")]);
    assert_eq!(
        store.sealed_token(guild(1)).await.unwrap().as_deref(),
        Some("sealed")
    );
    assert_eq!(Mappings::list(&store, None).await.unwrap(), [old_mapping()]);
    let wanted = Link {
        has_token: true,
        token_expiry: Some(PAST),
        ..link(1, user(1))
    };
    assert_eq!(store.of_account(account(1)).await.unwrap(), Some(wanted));

    // Records have ids now, each its own, and keep them.
    let ids = async |store: &SqliteStore| {
        let (page, total) = Accounts::list(store, &AccountFilter::default(), 0, 9)
            .await
            .unwrap();
        assert_eq!(total, 2);
        let mut ids: Vec<String> = page.into_iter().map(|a| a.id).collect();
        for n in [1, 2] {
            ids.push(store.record_id(guild(n)).await.unwrap().unwrap());
        }
        ids
    };
    let found = ids(&store).await;
    assert!(found.iter().all(|id| is_hex_id(id)), "{found:?}");
    assert_eq!(found.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    let again = SqliteStore::open(&path).unwrap();
    assert_eq!(ids(&again).await, found);
}

#[tokio::test]
async fn what_is_new_is_stored_in_a_file_of_version_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rolecall.db");
    version_1(&path);
    let store = SqliteStore::open(&path).unwrap();
    let health = GuildHealth {
        status: HealthStatus::Healthy,
        last_error: None,
        checked_at: PAST,
        bot_permissions: None,
        owner_id: None,
    };
    store.set_health(guild(1), &health).await.unwrap();
    let wanted = GuildConfig {
        health: Some(health),
        ..config(1, "Alpha")
    };
    assert_eq!(Guilds::get(&store, guild(1)).await.unwrap(), Some(wanted));
    let changed = Mapping {
        priority: 4,
        ..old_mapping()
    };
    assert!(store.update(&changed, Some(PAST)).await.unwrap());
    assert_eq!(Mappings::list(&store, None).await.unwrap(), [changed]);
}

#[tokio::test]
async fn eight_stores_that_open_a_file_of_version_1_at_once_all_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rolecall.db");
    version_1(&path);
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || SqliteStore::open(&path).unwrap())
        })
        .collect();
    let stores: Vec<_> = opening.into_iter().map(|o| o.join().unwrap()).collect();
    let first = stores[0].record_id(guild(1)).await.unwrap();
    for store in &stores {
        assert_eq!(store.record_id(guild(1)).await.unwrap(), first);
    }
}

#[tokio::test]
async fn records_from_before_the_chain_are_taken_into_it_by_their_age_and_marked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rolecall.db");
    version_1(&path);
    let db = Connection::open(&path).unwrap();
    db.execute_batch(include_str!("../../../store/sqlite/migrations/2.sql"))
        .unwrap();
    db.pragma_update(None, "user_version", 2).unwrap();
    for (id, at, after) in [(2, 5, None), (1, 5, Some("{\"a\": 1.0}")), (3, 1, None)] {
        db.execute(
            "INSERT INTO rolecall_audit (id, at, actor, action, target, after) VALUES (?1, ?2, 'cli:root', 'x', 'y', ?3)",
            (format!("00000000-0000-0000-0000-00000000000{id}"), at, after),
        )
        .unwrap();
    }
    drop(db);
    let store = SqliteStore::open(&path).unwrap();
    let records = store.after(0, 9).await.unwrap();
    let found: Vec<_> = records
        .iter()
        .map(|r| (r.seq, r.id.as_u128(), r.adopted, r.via))
        .collect();
    assert_eq!(
        found,
        [
            (1, 3, true, Via::Cli),
            (2, 1, true, Via::Cli),
            (3, 2, true, Via::Cli)
        ]
    );
    assert!(records[1].after.is_some());
    let mut verifier = Verifier::new(store.ends().await.unwrap());
    records.iter().for_each(|record| verifier.take(record).unwrap());
    let seen = verifier.finish().unwrap();
    assert_eq!((seen.records, seen.adopted), (3, 3));
}
