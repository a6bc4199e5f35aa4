//! Documents that go-falcon wrote: other types, missing fields, duplicates.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::ids::GroupId;
use rolecall_core::ports::{AccountFilter, RunFilter};
use rolecall_core::run::{RunKind, RunResults, RunState};
use rolecall_core::time::Timestamp;

use super::Mongo;
use crate::fixture::Fixture;
use crate::given::{PAST, account, guild, mapping, role, run, user};

fn at(ms: i64) -> DateTime {
    DateTime::from_millis(PAST.0 + ms)
}

async fn put(mongo: &Mongo, collection: &str, documents: Vec<Document>) {
    let collection = mongo.database().await.collection::<Document>(collection);
    collection.insert_many(documents).await.unwrap();
}

/// As a database in which go-falcon never made an index.
async fn without_indexes() -> Mongo {
    let mongo = Mongo::fresh().await.unwrap();
    for name in ["discord_users", "discord_guild_configs", "discord_role_mappings"] {
        let collection = mongo.database().await.collection::<Document>(name);
        collection.drop_indexes().await.unwrap();
    }
    mongo
}

#[tokio::test]
async fn duplicates_are_told_with_an_example_and_the_one_changed_last_counts() {
    let mongo = without_indexes().await;
    let (g, a) = (guild(1).to_string(), account(1).to_string());
    let link = |n: u64, ms, active| {
        doc! {
            "discord_id": &a, "user_id": user(n).0, "is_active": active, "updated_at": at(ms), "linked_at": at(0),
            "access_token": "t", "refresh_token": "r", "token_expiry": at(n.cast_signed()),
        }
    };
    put(
        &mongo,
        "discord_users",
        vec![link(1, 1, true), link(2, 9, false), link(3, 5, true)],
    )
    .await;
    let config = |name: &str, ms| doc! { "guild_id": &g, "guild_name": name, "is_enabled": true, "bot_token": name, "updated_at": at(ms) };
    put(
        &mongo,
        "discord_guild_configs",
        vec![config("new", 9), config("old", 1)],
    )
    .await;
    let group = ObjectId::new();
    let mapped = |n: u64| doc! { "guild_id": &g, "group_id": group, "discord_role_id": role(n).to_string(), "is_active": true };
    put(&mongo, "discord_role_mappings", vec![mapped(1), mapped(2)]).await;

    let stores = mongo.stores();
    for _ in 0..2 {
        let told = stores.health.prepare().await.unwrap();
        assert_eq!(told.len(), 3, "{told:?}");
        for (sentence, parts) in told.iter().zip([
            ["discord_users", "discord_id", a.as_str()],
            ["discord_guild_configs", "guild_id", g.as_str()],
            ["discord_role_mappings", "group_id", &group.to_hex()],
        ]) {
            assert!(parts.iter().all(|p| sentence.contains(p)), "{sentence}");
        }
    }
    let found = stores.links.of_account(account(1)).await.unwrap().unwrap();
    assert_eq!((found.user_id, found.is_active), (user(2), false));
    assert_eq!(stores.links.active().await.unwrap(), []);
    assert_eq!(stores.links.count_active().await.unwrap(), 0);
    assert_eq!(stores.links.of_user(&user(1)).await.unwrap(), []);
    assert_eq!(
        stores.links.expiring(PAST + crate::given::LONG, 9).await.unwrap(),
        []
    );
    let listed = stores.guilds.list().await.unwrap();
    assert_eq!((listed.len(), listed[0].guild_name.as_str()), (1, "new"));
    let token = stores.guilds.sealed_token(guild(1)).await.unwrap();
    assert_eq!(token.as_deref(), Some("new"));
    assert_eq!(stores.mappings.list(None).await.unwrap().len(), 2);
    assert!(stores.guilds.remove(guild(1)).await.unwrap());
    assert_eq!(stores.guilds.list().await.unwrap(), []);
}

#[tokio::test]
async fn an_index_that_is_not_unique_is_told() {
    let mongo = without_indexes().await;
    let links = mongo.database().await.collection::<Document>("discord_users");
    let index = mongodb::IndexModel::builder()
        .keys(doc! { "discord_id": 1 })
        .build();
    links.create_index(index).await.unwrap();
    let told = mongo.stores().health.prepare().await.unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("discord_users") && told[0].contains("unique"),
        "{told:?}"
    );
}

#[tokio::test]
async fn what_go_falcon_wrote_is_read_whatever_its_types() {
    let mongo = Mongo::fresh().await.unwrap();
    let stores = mongo.stores();
    put(
        &mongo,
        "discord_guild_configs",
        vec![
            doc! { "guild_id": guild(1).to_string(), "guild_name": "A", "bot_token": "plain", "enabled": false,
            "role_mappings": Bson::Null, "created_by": Bson::Null, "created_at": at(1), "updated_at": at(2) },
            doc! { "guild_id": guild(2).get().cast_signed(), "guild_name": Bson::Null, "is_enabled": true },
        ],
    )
    .await;
    let listed = stores.guilds.list().await.unwrap();
    let enabled: Vec<_> = listed.iter().map(|g| (g.guild_id, g.is_enabled)).collect();
    assert_eq!(enabled, [(guild(2), true), (guild(1), false)]);

    let (group, id) = (ObjectId::new(), ObjectId::new());
    let mapped = |group: Bson, priority: Bson| {
        doc! { "guild_id": guild(1).to_string(), "group_id": group,
        "group_name": "", "discord_role_id": role(1).to_string(), "discord_role_name": Bson::Null, "enabled": false,
        "priority": priority, "created_by": 5_i64 }
    };
    let mut first = mapped(group.into(), 3.0.into());
    first.insert("_id", id);
    let second = mapped("pilots".into(), Bson::Int64(2));
    let mut third = mapped(ObjectId::new().to_hex().into(), Bson::Null);
    third.insert("_id", "mapping-uuid");
    put(&mongo, "discord_role_mappings", vec![first, second, third]).await;
    let listed = stores.mappings.list(Some(guild(1))).await.unwrap();
    let seen: Vec<_> = listed.iter().map(|m| (m.priority, m.is_active)).collect();
    assert_eq!(seen, [(3, false), (2, false), (0, false)]);
    assert_eq!(listed[0].id.0, id.to_hex());
    assert_eq!(listed[0].group_id.0, group.to_hex());
    assert_eq!(
        stores.mappings.get(&listed[2].id).await.unwrap().as_ref(),
        Some(&listed[2])
    );
    // A group that is stored as a text is the same group.
    let twin = mapping(9, guild(1), GroupId(listed[2].group_id.0.clone()));
    assert_eq!(stores.mappings.add(twin).await.unwrap(), Err(listed[2].clone()));
}

#[tokio::test]
async fn what_rolecall_writes_has_go_falcons_types() {
    let mongo = Mongo::fresh().await.unwrap();
    let given = mapping(1, guild(1), crate::given::group(1));
    mongo.stores().mappings.add(given).await.unwrap().unwrap();
    let run = run(PAST, vec![guild(1)]);
    mongo.stores().runs.insert(&run).await.unwrap();
    let db = mongo.database().await;
    let first = async |name: &str| {
        db.collection::<Document>(name)
            .find_one(doc! {})
            .await
            .unwrap()
            .unwrap()
    };
    let found = first("discord_role_mappings").await;
    assert!(found.get_object_id("_id").is_ok() && found.get_object_id("group_id").is_ok());
    let found = first("discord_sync_status").await;
    assert!(found.get_object_id("_id").is_ok());
    assert_eq!(found.get_str("guild_id"), Ok(guild(1).to_string().as_str()));
    assert_eq!(
        (found.get_str("status"), found.get_str("sync_type")),
        (Ok("running"), Ok("guild"))
    );
    for number in [
        "users_processed",
        "users_succeeded",
        "users_failed",
        "roles_added",
        "roles_removed",
        "duration",
    ] {
        assert!(found.get_i64(number).is_ok(), "{number}");
    }
    for date in ["last_sync_at", "created_at", "started_at"] {
        assert!(found.get_datetime(date).is_ok(), "{date}");
    }
}

#[tokio::test]
async fn runs_of_go_falcon_are_listed_with_ours_and_can_be_closed() {
    let mongo = Mongo::fresh().await.unwrap();
    let runs = &mongo.stores().runs;
    let theirs = |ms, status: &str| {
        doc! { "guild_id": guild(1).to_string(), "last_sync_at": at(ms), "users_processed": 5_i32,
        "users_succeeded": 4_i64, "users_failed": 1.0, "errors": ["x"], "status": status, "duration": 7_i64, "created_at": at(ms) }
    };
    let documents = vec![
        theirs(10, "completed"),
        theirs(20, "running"),
        theirs(20, "completed"),
    ];
    put(&mongo, "discord_sync_status", documents).await;
    let ours = run(Timestamp(PAST.0 + 20), vec![guild(1)]);
    runs.insert(&ours).await.unwrap();

    let (mut walked, mut after) = (Vec::new(), None);
    while let Some(found) = runs
        .list(RunFilter::of_guild(Some(guild(1))), after, 1)
        .await
        .unwrap()
        .pop()
    {
        after = Some((found.started_at, found.id));
        walked.push(found);
    }
    assert_eq!(walked.len(), 4);
    assert_eq!(walked[0], ours);
    let oldest = &walked[3];
    assert_eq!((oldest.kind, oldest.state), (RunKind::Guild, RunState::Completed));
    assert_eq!(oldest.finished_at, Some(Timestamp(PAST.0 + 17)));
    let results = oldest.results.as_ref().unwrap();
    assert_eq!(
        (
            results.users_processed,
            results.users_failed,
            results.errors.len()
        ),
        (5, 1, 1)
    );
    assert_eq!(runs.get(oldest.id).await.unwrap().as_ref(), Some(oldest));

    let running = runs.running().await.unwrap();
    assert_eq!(running.len(), 2);
    for run in running {
        let end = Timestamp(PAST.0 + 99);
        assert!(
            runs.close(run.id, RunState::Failed, &RunResults::default(), end)
                .await
                .unwrap()
        );
        assert!(
            !runs
                .close(run.id, RunState::Failed, &RunResults::default(), end)
                .await
                .unwrap()
        );
    }
    assert_eq!(runs.running().await.unwrap(), []);
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_an_error_and_not_nothing() {
    let mongo = Mongo::fresh().await.unwrap();
    let stores = mongo.stores();
    put(
        &mongo,
        "discord_role_mappings",
        vec![doc! { "guild_id": guild(1).to_string(), "group_id": 5 }],
    )
    .await;
    put(
        &mongo,
        "discord_users",
        vec![doc! { "discord_id": account(1).to_string(), "user_id": Bson::Null }],
    )
    .await;
    put(
        &mongo,
        "discord_guild_configs",
        vec![doc! { "guild_id": guild(1).to_string(), "is_enabled": "yes" }],
    )
    .await;
    let corrupt = |e: StoreError| matches!(e, StoreError::Corrupt(_));
    assert!(corrupt(stores.mappings.list(Some(guild(1))).await.unwrap_err()));
    assert!(corrupt(stores.links.active().await.unwrap_err()));
    assert!(corrupt(stores.links.of_account(account(1)).await.unwrap_err()));
    assert!(corrupt(stores.guilds.get(guild(1)).await.unwrap_err()));
}

/// What stands in a database that was filled from JSON: dates are texts.
#[tokio::test]
async fn dates_that_are_texts_are_read_and_such_a_mapping_can_be_changed() {
    let mongo = Mongo::fresh().await.unwrap();
    let stores = mongo.stores();
    let (day, later) = ("2024-01-15T10:30:00Z", "2024-01-16T10:30:00.250+01:00");
    let read = |text| Timestamp::from_rfc3339(text).unwrap();
    let g = guild(1).to_string();
    let config = doc! { "guild_id": &g, "health_status": "healthy", "last_health_check": day, "created_at": day,
    "updated_at": later };
    put(&mongo, "discord_guild_configs", vec![config]).await;
    let found = stores.guilds.get(guild(1)).await.unwrap().unwrap();
    assert_eq!((found.created_at, found.updated_at), (read(day), read(later)));
    assert_eq!(found.health.unwrap().checked_at, read(day));

    let mapped = |n: u64, updated: &str| {
        doc! { "guild_id": &g, "group_id": ObjectId::new(), "discord_role_id": role(n).to_string(), "is_active": true,
        "created_at": day, "updated_at": updated, "last_sync": "" }
    };
    let documents = vec![mapped(1, day), mapped(2, "2024-01-16T10:30:00.250Z")];
    put(&mongo, "discord_role_mappings", documents).await;
    for found in stores.mappings.list(Some(guild(1))).await.unwrap() {
        let since = Some(found.updated_at);
        assert!(stores.mappings.update(&found, since).await.unwrap(), "{found:?}");
    }

    let link = doc! { "discord_id": account(1).to_string(), "user_id": "ada", "access_token": "t", "token_expiry": later,
    "linked_at": day, "updated_at": day, "last_sync": day };
    put(&mongo, "discord_users", vec![link]).await;
    let found = stores.links.of_account(account(1)).await.unwrap().unwrap();
    assert_eq!(
        (found.linked_at, found.token_expiry),
        (read(day), Some(read(later)))
    );
    let (accounts, _) = stores
        .accounts
        .list(&AccountFilter::default(), 0, 9)
        .await
        .unwrap();
    assert_eq!(accounts[0].last_sync, Some(read(day)));

    put(
        &mongo,
        "discord_users",
        vec![doc! { "discord_id": account(2).to_string(), "user_id": "x", "linked_at": "once" }],
    )
    .await;
    let unreadable = stores.links.of_account(account(2)).await.unwrap_err();
    assert!(matches!(unreadable, StoreError::Corrupt(_)));
}

/// go-falcon checks no id that it is given, so there may be any text, and an empty one.
#[tokio::test]
async fn what_is_about_nothing_at_discord_is_left_out_and_hides_nothing_else() {
    let mongo = Mongo::fresh().await.unwrap();
    let stores = mongo.stores();
    let (g, now) = (guild(1).to_string(), at(0));
    let config = |id: &str| doc! { "guild_id": id, "guild_name": "x", "is_enabled": true, "updated_at": now };
    let configs = ["", "my server", &g].map(config);
    put(&mongo, "discord_guild_configs", configs.to_vec()).await;
    let listed = stores.guilds.list().await.unwrap();
    assert_eq!(listed.iter().map(|c| c.guild_id).collect::<Vec<_>>(), [guild(1)]);

    let mapped = |guild: &str, role: &str| doc! { "guild_id": guild, "group_id": ObjectId::new(), "discord_role_id": role, "is_active": true };
    let real = role(1).to_string();
    let mappings = [
        ("", real.as_str()),
        ("x", &real),
        (&g, ""),
        (&g, "Pilot"),
        (&g, &real),
    ];
    put(
        &mongo,
        "discord_role_mappings",
        mappings.map(|(g, r)| mapped(g, r)).to_vec(),
    )
    .await;
    for guild in [None, Some(guild(1))] {
        let listed = stores.mappings.list(guild).await.unwrap();
        assert_eq!(listed.iter().map(|m| m.role_id).collect::<Vec<_>>(), [role(1)]);
    }

    let linked = |account: &str| doc! { "discord_id": account, "user_id": "ada", "is_active": true, "updated_at": now };
    let links = ["", "ada#1234", &account(1).to_string()].map(linked);
    put(&mongo, "discord_users", links.to_vec()).await;
    let described =
        doc! { "_id": "uuid", "go_falcon_user_id": "ada", "discord_user_id": account(2).to_string() };
    put(&mongo, "discord_users", vec![described]).await;
    assert_eq!(stores.links.count_active().await.unwrap(), 1);
    let active: Vec<_> = stores.links.active().await.unwrap();
    assert_eq!(
        active.iter().map(|l| l.discord_id).collect::<Vec<_>>(),
        [account(1)]
    );
    assert_eq!(
        stores
            .accounts
            .list(&AccountFilter::default(), 0, 9)
            .await
            .unwrap()
            .1,
        1
    );

    let ran = |guild: &str| doc! { "guild_id": guild, "last_sync_at": now, "status": "completed" };
    let described =
        doc! { "_id": "sync-uuid", "sync_type": "full", "status": "completed", "started_at": now };
    put(&mongo, "discord_sync_status", vec![ran("x"), described, ran(&g)]).await;
    let runs = stores.runs.list(RunFilter::default(), None, 9).await.unwrap();
    assert_eq!(runs.len() as u64, stores.runs.count(None).await.unwrap());
    assert!(runs.len() == 2 && runs.iter().all(|run| run.kind == RunKind::Guild));

    let told = stores.health.prepare().await.unwrap();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(
        told.iter().all(|sentence| sentence.contains("no Discord id")),
        "{told:?}"
    );
}
