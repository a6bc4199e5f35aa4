//! What go-falcon's collections let people do.

use mongodb::Database;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use rolecall_adapters::permissions::GoFalconPermissions;
use rolecall_adapters::store::mongo::MongoStore;
use rolecall_core::ports::{Granted, Permissions as _, permission};

use crate::{fresh, put, user};

fn profile(n: usize, character: impl Into<Bson>) -> Document {
    doc! {
        "user_id": user(n).0, "character_id": character.into(), "character_name": "Ada", "scopes": Bson::Null,
        "valid": true, "position": 0_i32, "metadata": Bson::Null,
    }
}

fn member(group: impl Into<Bson>, character: impl Into<Bson>, active: impl Into<Bson>) -> Document {
    doc! {
        "group_id": group.into(), "character_id": character.into(), "is_active": active.into(),
        "added_by": Bson::Null,
    }
}

fn grant(group: impl Into<Bson>, permission: &str, active: impl Into<Bson>) -> Document {
    doc! {
        "group_id": group.into(), "permission_id": permission, "is_active": active.into(),
        "granted_by": Bson::Null,
    }
}

fn group(id: ObjectId, name: &str, system_name: impl Into<Bson>, active: impl Into<Bson>) -> Document {
    doc! { "_id": id, "name": name, "system_name": system_name.into(), "is_active": active.into() }
}

/// Two groups that give `discord:guilds:manage` and `discord:sync:manage`.
async fn two_groups(db: &Database) -> [ObjectId; 2] {
    let ids = [ObjectId::new(), ObjectId::new()];
    let groups = vec![
        group(ids[0], "Guilds", Bson::Null, true),
        doc! { "_id": ids[1], "name": "Syncs", "is_active": true },
    ];
    put(db, "groups", groups).await;
    let grants = vec![
        grant(ids[0], permission::GUILDS, true),
        grant(ids[1], permission::SYNC, true),
    ];
    put(db, "group_permissions", grants).await;
    ids
}

async fn of(store: &MongoStore, n: usize) -> Granted {
    let permissions = GoFalconPermissions::new(store.clone());
    permissions.of_user(&user(n)).await.unwrap()
}

fn granted(names: &[&str]) -> Granted {
    Granted {
        permissions: names.iter().map(|n| (*n).to_owned()).collect(),
        banned: false,
    }
}

#[tokio::test]
async fn permissions_count_over_all_characters_whatever_their_integer_type() {
    let (store, db) = fresh().await;
    let [guilds, syncs] = two_groups(&db).await;
    let big = 3_000_000_000_i64;
    let profiles = vec![
        profile(1, 1_i32),
        profile(1, 2.0),
        profile(2, big),
        profile(3, 3_i64),
        profile(4, 4_i32),
    ];
    put(&db, "user_profiles", profiles).await;
    let memberships = vec![
        member(guilds, 1.0, true),
        member(syncs, 2_i64, true),
        member(guilds, 3_000_000_000.0, true),
        member(syncs.to_hex(), 3_i32, true),
    ];
    put(&db, "group_memberships", memberships).await;
    assert_eq!(
        of(&store, 1).await,
        granted(&[permission::GUILDS, permission::SYNC])
    );
    assert_eq!(of(&store, 2).await, granted(&[permission::GUILDS]));
    assert_eq!(of(&store, 3).await, granted(&[permission::SYNC]));
    assert_eq!(of(&store, 4).await, granted(&[]));
    // Nobody knows this one.
    assert_eq!(of(&store, 5).await, granted(&[]));
}

#[tokio::test]
async fn what_is_not_active_gives_nothing() {
    let (store, db) = fresh().await;
    let [guilds, _] = two_groups(&db).await;
    let (old, unsaid) = (ObjectId::new(), ObjectId::new());
    let groups = vec![
        group(old, "Old", "super_admin", false),
        doc! { "_id": unsaid, "name": "Unsaid" },
    ];
    put(&db, "groups", groups).await;
    let grants = vec![
        grant(old, permission::ADMIN, true),
        grant(unsaid, permission::ADMIN, true),
        grant(guilds, permission::JOBS_READ, false),
        grant(guilds, permission::JOBS_MANAGE, Bson::Null),
        doc! { "group_id": guilds, "permission_id": permission::SYNC },
    ];
    put(&db, "group_permissions", grants).await;
    put(
        &db,
        "user_profiles",
        (1..=3).map(|n| profile(n, n as i64)).collect(),
    )
    .await;
    let memberships = vec![
        member(guilds, 1, true),
        member(old, 1, true),
        member(unsaid, 1, true),
        // A group that is gone.
        member(ObjectId::new(), 1, true),
        member(guilds, 2, false),
        member(guilds, 3, Bson::Null),
        doc! { "group_id": guilds, "character_id": 3_i64 },
    ];
    put(&db, "group_memberships", memberships).await;
    assert_eq!(of(&store, 1).await, granted(&[permission::GUILDS]));
    assert_eq!(of(&store, 2).await, granted(&[]));
    assert_eq!(of(&store, 3).await, granted(&[]));
}

#[tokio::test]
async fn super_administrators_are_known_by_their_system_name_and_never_by_what_is_shown() {
    let (store, db) = fresh().await;
    let [real, pretended, empty] = [ObjectId::new(), ObjectId::new(), ObjectId::new()];
    let groups = vec![
        group(real, "Renamed", "super_admin", true),
        group(pretended, "Super Administrator", "custom", true),
        group(empty, "Administrator", Bson::Null, true),
    ];
    put(&db, "groups", groups).await;
    put(
        &db,
        "user_profiles",
        (1..=3).map(|n| profile(n, n as i64)).collect(),
    )
    .await;
    let memberships = vec![
        member(real, 1, true),
        member(pretended, 2, true),
        member(empty, 3, true),
    ];
    put(&db, "group_memberships", memberships).await;
    assert_eq!(of(&store, 1).await, granted(&[permission::ADMIN]));
    assert_eq!(of(&store, 2).await, granted(&[]));
    assert_eq!(of(&store, 3).await, granted(&[]));
}

#[tokio::test]
async fn duplicates_of_every_kind_change_nothing() {
    let (store, db) = fresh().await;
    let [guilds, _] = two_groups(&db).await;
    // go-falcon's unique indexes may be missing, so each of these may be there twice.
    for _ in 0..2 {
        put(&db, "user_profiles", vec![profile(1, 1_i64), profile(1, 1.0)]).await;
        put(&db, "group_memberships", vec![member(guilds, 1_i64, true)]).await;
        put(
            &db,
            "group_permissions",
            vec![grant(guilds, permission::GUILDS, true)],
        )
        .await;
    }
    // Of two memberships in one group, one that is active is enough.
    put(&db, "group_memberships", vec![member(guilds, 1_i32, false)]).await;
    assert_eq!(of(&store, 1).await, granted(&[permission::GUILDS]));
}

#[tokio::test]
async fn a_user_is_banned_if_one_character_is_and_keeps_no_permission() {
    let (store, db) = fresh().await;
    let [guilds, _] = two_groups(&db).await;
    let with = |n, character: Bson, banned: Bson| {
        let mut profile = profile(n, character);
        profile.insert("banned", banned);
        profile
    };
    let profiles = vec![
        profile(1, 1_i64),
        with(1, 2_i64.into(), true.into()),
        with(2, 3_i64.into(), false.into()),
        with(3, 4_i64.into(), Bson::Null),
        // A profile whose character is not known counts, too.
        with(4, Bson::Null, true.into()),
    ];
    put(&db, "user_profiles", profiles).await;
    let memberships = [1, 3, 4].map(|character| member(guilds, character, true));
    put(&db, "group_memberships", memberships.into()).await;
    for (n, banned) in [(1, true), (2, false), (3, false), (4, true)] {
        let found = of(&store, n).await;
        assert_eq!(
            (found.banned, found.any_of(&[permission::GUILDS])),
            (banned, !banned),
            "{n}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_and_never_a_permission_less() {
    let (store, db) = fresh().await;
    let [guilds, _] = two_groups(&db).await;
    put(&db, "user_profiles", vec![profile(1, 1_i64)]).await;
    put(&db, "group_memberships", vec![member(guilds, 1_i64, true)]).await;
    let whole = of(&store, 1).await;
    let broken = [
        (
            "user_profiles",
            doc! { "user_id": user(1).0, "character_id": "7" },
        ),
        (
            "user_profiles",
            doc! { "user_id": user(1).0, "character_id": 8, "banned": "yes" },
        ),
        ("group_memberships", member(5, 1_i64, true)),
        (
            "group_permissions",
            doc! { "group_id": guilds, "is_active": true },
        ),
        (
            "group_permissions",
            doc! { "group_id": guilds, "permission_id": 5, "is_active": true },
        ),
    ];
    let permissions = GoFalconPermissions::new(store.clone());
    for (collection, mut document) in broken {
        let id = ObjectId::new();
        document.insert("_id", id);
        put(&db, collection, vec![document]).await;
        let error = permissions.of_user(&user(1)).await.unwrap_err().to_string();
        assert!(error.contains(collection), "{error}");
        let collection = db.collection::<Document>(collection);
        collection.delete_one(doc! { "_id": id }).await.unwrap();
    }
    assert_eq!(of(&store, 1).await, whole);
}
