//! Documents as go-falcon's description has them: settings, health, conditions, profiles, states.

use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, doc};
use rolecall_core::account::Taken;
use rolecall_core::conditions::Conditions;
use rolecall_core::error::StoreError;
use rolecall_core::guild::{GuildSettings, HealthStatus};
use rolecall_core::ids::ChannelId;
use rolecall_core::ports::{AccountFilter, NewGuild};
use rolecall_core::time::Timestamp;

use super::Mongo;
use crate::fixture::Fixture;
use crate::given::{LONG, PAST, account, config, group, guild, link, mapping, role, user};

fn at(ms: i64) -> DateTime {
    DateTime::from_millis(PAST.0 + ms)
}

async fn put(mongo: &Mongo, collection: &str, document: Document) {
    let collection = mongo.database().await.collection::<Document>(collection);
    collection.insert_one(document).await.unwrap();
}

async fn first(mongo: &Mongo, collection: &str) -> Document {
    let collection = mongo.database().await.collection::<Document>(collection);
    collection.find_one(doc! {}).await.unwrap().unwrap()
}

fn described_guild() -> Document {
    doc! {
        "_id": "config-uuid", "guild_id": guild(1).to_string(), "guild_name": "My Discord Server",
        "bot_token": "encrypted-bot-token", "enabled": true,
        "settings": {
            "auto_sync": true, "sync_interval": "15m", "sync_on_join": true, "remove_roles_on_leave": true,
            "audit_channel_id": "123456789012345679", "notification_channel_id": "123456789012345680",
            "max_role_changes_per_sync": 100,
        },
        "bot_permissions": "2147483647", "bot_user_id": account(1).to_string(), "owner_id": "user-id-123",
        "last_health_check": at(5), "health_status": "healthy", "created_at": at(1), "updated_at": at(2),
    }
}

#[tokio::test]
async fn a_guild_of_the_description_is_read() {
    let mongo = Mongo::fresh().await.unwrap();
    put(&mongo, "discord_guild_configs", described_guild()).await;
    let guilds = &mongo.stores().guilds;
    let found = guilds.get(guild(1)).await.unwrap().unwrap();
    let wanted = GuildSettings {
        sync_interval: Some(Duration::from_secs(900)),
        audit_channel_id: ChannelId::new(123_456_789_012_345_679),
        notification_channel_id: ChannelId::new(123_456_789_012_345_680),
        max_role_changes_per_sync: Some(100),
        ..GuildSettings::default()
    };
    assert_eq!((found.is_enabled, found.settings), (true, wanted));
    let health = found.health.unwrap();
    assert_eq!(health.status, HealthStatus::Healthy);
    assert_eq!(health.checked_at, Timestamp(PAST.0 + 5));
    // The description's owner is a user of the application, and no account.
    assert_eq!(
        (health.bot_permissions, health.owner_id),
        (Some(2_147_483_647), None)
    );
    let id = guilds.record_id(guild(1)).await.unwrap();
    assert_eq!(id.as_deref(), Some("config-uuid"));
}

#[tokio::test]
async fn settings_and_health_are_read_whatever_their_types() {
    let mongo = Mongo::fresh().await.unwrap();
    let guilds = &mongo.stores().guilds;
    let documents = [
        doc! { "settings": Bson::Null, "health_status": Bson::Null, "created_by": Bson::Null },
        doc! { "settings": {}, "health_status": "never looked", "created_by": "user-id-123" },
        doc! { "settings": {
            "auto_sync": Bson::Null, "sync_interval": 900_000_000_000_i64, "audit_channel_id": "",
            "notification_channel_id": 5_i64, "max_role_changes_per_sync": 7.0,
        }, "created_by": 5_i32 },
        doc! { "settings": { "sync_interval": "" }, "health_status": "degraded", "last_error": "",
        "bot_permissions": 8_i64, "owner_id": account(3).get().cast_signed(), "created_by": 5.0 },
    ];
    for (n, mut document) in (1_u64..).zip(documents) {
        document.insert("guild_id", guild(n).to_string());
        put(&mongo, "discord_guild_configs", document).await;
    }
    let mut found = Vec::new();
    for n in 1..=4 {
        found.push(guilds.get(guild(n)).await.unwrap().unwrap());
    }
    for n in [0, 1, 3] {
        assert_eq!(found[n].settings, GuildSettings::default(), "{n}");
    }
    let typed = GuildSettings {
        sync_interval: Some(Duration::from_secs(900)),
        notification_channel_id: ChannelId::new(5),
        max_role_changes_per_sync: Some(7),
        ..GuildSettings::default()
    };
    assert_eq!(found[2].settings, typed);
    assert!(found[..3].iter().all(|g| g.health.is_none()));
    let added: Vec<_> = found.iter().map(|g| g.created_by).collect();
    assert_eq!(added, [None, None, Some(5), Some(5)]);
    let health = found[3].health.clone().unwrap();
    assert_eq!((health.status, health.last_error), (HealthStatus::Degraded, None));
    assert_eq!(
        (health.bot_permissions, health.owner_id),
        (Some(8), Some(account(3)))
    );
}

#[tokio::test]
async fn a_mapping_of_the_description_is_read() {
    let mongo = Mongo::fresh().await.unwrap();
    let excluded = ObjectId::new();
    let document = doc! {
        "_id": "mapping-uuid", "guild_id": guild(1).to_string(), "discord_role_id": role(1).to_string(),
        "discord_role_name": "EVE Pilot", "group_id": "go-falcon-group-id", "group_name": "EVE Players",
        "conditions": {
            "require_all": false, "character_count_min": 1, "character_count_max": Bson::Null,
            "required_permissions": [], "excluded_groups": [excluded, "another"],
        },
        "priority": 1, "enabled": true, "created_by": "user-id-123", "last_sync": at(3), "sync_count": 147,
        "created_at": at(1), "updated_at": at(2),
    };
    put(&mongo, "discord_role_mappings", document).await;
    let mappings = &mongo.stores().mappings;
    let found = mappings.list(Some(guild(1))).await.unwrap().remove(0);
    let wanted = Conditions {
        character_count_min: Some(1),
        excluded_groups: vec![excluded.to_hex().as_str().into(), "another".into()],
        ..Conditions::default()
    };
    assert_eq!((&found.conditions, found.created_by), (&wanted, None));
    assert!(found.is_active && found.priority == 1);
    // It can be changed, and keeps what rolecall does not know.
    let changed = rolecall_core::mapping::Mapping {
        is_active: false,
        ..found
    };
    assert!(mappings.update(&changed, Some(changed.updated_at)).await.unwrap());
    assert_eq!(mappings.get(&changed.id).await.unwrap(), Some(changed));
    assert_eq!(
        first(&mongo, "discord_role_mappings").await.get_i32("sync_count"),
        Ok(147)
    );
}

#[tokio::test]
async fn a_mapping_without_times_or_conditions_is_read_and_can_be_changed() {
    let mongo = Mongo::fresh().await.unwrap();
    let document = doc! {
        "_id": ObjectId::new(), "guild_id": guild(1).to_string(), "group_id": ObjectId::new(),
        "discord_role_id": role(1).to_string(), "is_active": true, "conditions": Bson::Null, "created_by": 5_i64,
    };
    put(&mongo, "discord_role_mappings", document).await;
    let mappings = &mongo.stores().mappings;
    let found = mappings.list(None).await.unwrap().remove(0);
    assert_eq!(
        (&found.conditions, found.created_by),
        (&Conditions::default(), Some(5))
    );
    let changed = rolecall_core::mapping::Mapping {
        priority: 3,
        updated_at: PAST,
        ..found.clone()
    };
    assert!(mappings.update(&changed, Some(found.updated_at)).await.unwrap());
    assert!(!mappings.update(&changed, Some(found.updated_at)).await.unwrap());
}

#[tokio::test]
async fn an_account_of_the_description_is_listed() {
    let mongo = Mongo::fresh().await.unwrap();
    let described = doc! {
        "_id": "user-uuid", "user_id": user(1).0, "discord_id": account(1).to_string(), "username": "ada",
        "avatar": "avatar-hash", "access_token": "t", "refresh_token": "r", "token_expiry": at(9),
        "scopes": ["identify", "guilds"],
        "guilds": [{ "id": guild(1).to_string(), "name": "Mine", "permissions": "2147483647", "joined_at": at(0) },
            { "id": guild(2).get().cast_signed(), "permissions": 8_i64 }],
        "last_sync": at(4), "is_active": true, "linked_at": at(1), "updated_at": at(2),
    };
    put(&mongo, "discord_users", described).await;
    let bare = doc! {
        "user_id": user(2).0, "discord_id": account(2).to_string(), "username": Bson::Null, "global_name": Bson::Null,
        "scopes": "identify guilds.join", "guilds": Bson::Null, "enabled": false,
    };
    put(&mongo, "discord_users", bare).await;
    let accounts = &mongo.stores().accounts;
    let (page, total) = accounts.list(&AccountFilter::default(), 0, 9).await.unwrap();
    assert_eq!((page.len(), total), (2, 2));
    let (ada, other) = (&page[0], &page[1]);
    assert_eq!(
        (ada.id.as_str(), ada.profile.avatar.as_deref()),
        ("user-uuid", Some("avatar-hash"))
    );
    assert_eq!(ada.profile.scopes, ["identify", "guilds"]);
    let permissions: Vec<_> = ada
        .profile
        .guilds
        .iter()
        .map(|g| g.permissions.as_deref())
        .collect();
    assert_eq!(permissions, [Some("2147483647"), Some("8")]);
    assert_eq!(
        (ada.last_sync, ada.token_expiry),
        (Some(Timestamp(PAST.0 + 4)), Some(Timestamp(PAST.0 + 9)))
    );
    assert_eq!(other.profile.scopes, ["identify", "guilds.join"]);
    assert_eq!(
        (other.is_active, other.token_expiry, other.id.len()),
        (false, None, 24)
    );
}

#[tokio::test]
async fn of_an_account_that_is_there_twice_one_is_listed_and_both_are_removed() {
    let mongo = Mongo::fresh().await.unwrap();
    let db = mongo.database().await;
    let users = db.collection::<Document>("discord_users");
    users.drop_indexes().await.unwrap();
    for (n, ms, active) in [(1, 1, true), (2, 9, false)] {
        let document = doc! { "discord_id": account(1).to_string(), "user_id": user(n).0, "is_active": active,
        "updated_at": at(ms), "linked_at": at(0) };
        users.insert_one(document).await.unwrap();
    }
    let accounts = &mongo.stores().accounts;
    let (page, total) = accounts.list(&AccountFilter::default(), 0, 9).await.unwrap();
    assert_eq!((page.len(), total, &page[0].user_id), (1, 1, &user(2)));
    let active = AccountFilter {
        is_active: Some(true),
        ..AccountFilter::default()
    };
    assert_eq!(accounts.list(&active, 0, 9).await.unwrap(), (vec![], 0));
    assert!(accounts.remove(account(1)).await.unwrap());
    assert_eq!(users.count_documents(doc! {}).await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_written_has_the_descriptions_names_and_types() {
    let mongo = Mongo::fresh().await.unwrap();
    let stores = mongo.stores();
    let mut given = config(1, "Alpha");
    given.settings.sync_interval = Some(Duration::from_secs(900));
    let new = NewGuild {
        config: given,
        sealed_token: None,
    };
    stores.guilds.put(new).await.unwrap();
    let found = first(&mongo, "discord_guild_configs").await;
    let settings = found.get_document("settings").unwrap();
    assert_eq!(settings.get_str("sync_interval"), Ok("15m"));
    assert_eq!(settings.get("audit_channel_id"), Some(&Bson::Null));

    let mut given = mapping(1, guild(1), group(1));
    given.conditions.excluded_groups = vec![group(2)];
    stores.mappings.add(given).await.unwrap().unwrap();
    let found = first(&mongo, "discord_role_mappings").await;
    let conditions = found.get_document("conditions").unwrap();
    assert_eq!(conditions.get_bool("require_all"), Ok(false));
    let excluded = conditions.get_array("excluded_groups").unwrap();
    assert!(matches!(excluded[0], Bson::ObjectId(_)));

    stores.links.put(&link(1, user(1)), None).await.unwrap();
    stores.accounts.set_last_sync(account(1), PAST).await.unwrap();
    let found = first(&mongo, "discord_users").await;
    assert_eq!(found.get_datetime("last_sync"), Ok(&at(0)));
}

#[tokio::test]
async fn a_state_of_go_falcons_is_never_valid_here() {
    let mongo = Mongo::fresh().await.unwrap();
    let state = "5".repeat(64);
    let end = DateTime::from_millis(DateTime::now().timestamp_millis() + 600_000);
    let document = doc! { "state": &state, "user_id": Bson::Null, "created_at": at(0), "expires_at": end };
    put(&mongo, "discord_oauth_states", document).await;
    // It is stored as it is there, and asked for by its hash here.
    let hash = "6".repeat(64);
    let taken = mongo.stores().oauth_states.take(&hash, PAST).await.unwrap();
    assert_eq!(taken, Taken::Unknown);
    // Its index makes the server forget states in the end.
    let db = mongo.database().await;
    let states = db.collection::<Document>("discord_oauth_states");
    let mut indexes = states.list_indexes().await.unwrap();
    let mut kept = None;
    while let Some(index) = futures::TryStreamExt::try_next(&mut indexes).await.unwrap() {
        kept = kept.or(index.options.and_then(|o| o.expire_after));
    }
    assert_eq!(kept, Some(Duration::from_secs(3_600)));
    assert!(kept < Some(LONG * 10));
}

#[tokio::test]
async fn a_condition_or_a_setting_that_cannot_be_read_is_an_error() {
    let mongo = Mongo::fresh().await.unwrap();
    let stores = mongo.stores();
    let settings = [
        doc! { "sync_interval": "soon" },
        doc! { "max_role_changes_per_sync": -1 },
        doc! { "auto_sync": "yes" },
    ];
    for (n, settings) in (1..).zip(settings) {
        let document = doc! { "guild_id": guild(n).to_string(), "settings": settings };
        put(&mongo, "discord_guild_configs", document).await;
        let error = stores.guilds.get(guild(n)).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
    }
    let conditions = [
        doc! { "character_count_min": "many" },
        doc! { "excluded_groups": [5] },
        doc! { "required_permissions": "x" },
    ];
    for (n, conditions) in (1..).zip(conditions) {
        let document = doc! { "guild_id": guild(n).to_string(), "group_id": ObjectId::new(),
        "discord_role_id": role(1).to_string(), "conditions": conditions };
        put(&mongo, "discord_role_mappings", document).await;
        let error = stores.mappings.list(Some(guild(n))).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
    }
}
