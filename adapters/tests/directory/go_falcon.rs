//! go-falcon's collections.

use std::collections::{BTreeMap, BTreeSet};

use mongodb::Database;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use rolecall_adapters::directory::GoFalcon;
use rolecall_core::desired::Membership;
use rolecall_core::ids::GroupId;
use rolecall_core::ports::Directory as _;

use crate::{fresh, put, user};

fn profile(n: usize, character: impl Into<Bson>) -> Document {
    doc! { "user_id": user(n).0, "character_id": character.into(), "scopes": Bson::Null }
}

fn member(group: ObjectId, character: impl Into<Bson>, active: bool) -> Document {
    doc! { "group_id": group, "character_id": character.into(), "is_active": active, "added_by": Bson::Null }
}

/// The groups `Pilots` and `Wing`, both active, and `Old`, which is not.
async fn groups(db: &Database) -> [ObjectId; 3] {
    let ids = [ObjectId::new(), ObjectId::new(), ObjectId::new()];
    let group = |id: ObjectId, name: &str, active| doc! { "_id": id, "name": name, "is_active": active };
    let mut pilots = group(ids[0], "Pilots", true);
    pilots.insert("description", "Who flies");
    let mut wing = group(ids[1], "Wing", true);
    wing.insert("description", 5);
    let documents = vec![wing, pilots, group(ids[2], "Old", false)];
    put(db, "groups", documents).await;
    ids
}

fn known(ids: &[ObjectId]) -> Membership {
    Membership::Known(ids.iter().map(|id| GroupId(id.to_hex())).collect())
}

#[tokio::test]
async fn a_user_has_the_active_groups_of_all_its_characters_whatever_their_integer_type() {
    let (store, db) = fresh().await;
    let [pilots, wing, old] = groups(&db).await;
    let big = 3_000_000_000_i64;
    let profiles = vec![
        profile(1, 1_i32),
        profile(1, 2_i64),
        profile(1, 3.0),
        profile(2, big),
        profile(3, 4_i32),
        profile(4, 5.0),
    ];
    put(&db, "user_profiles", profiles).await;
    let memberships = vec![
        member(pilots, 1_i64, true),
        member(wing, 3_i32, true),
        member(old, 2_i32, true),
        member(pilots, 3_000_000_000.0, true),
        member(wing, big, false),
        doc! { "group_id": wing.to_hex(), "character_id": 5_i64, "is_active": true },
        member(wing, 999_i64, true),
        // Without the switch, go-falcon does not count it either.
        doc! { "group_id": wing, "character_id": 4_i64, "is_active": Bson::Null },
        doc! { "group_id": pilots, "character_id": 4_i64 },
    ];
    put(&db, "group_memberships", memberships).await;

    let directory = GoFalcon::new(store);
    let asked: Vec<_> = (1..=5).map(user).collect();
    let wanted: BTreeMap<_, _> = [
        (user(1), known(&[pilots, wing])),
        (user(2), known(&[pilots])),
        (user(3), known(&[])),
        (user(4), known(&[wing])),
        (user(5), Membership::Unknown),
    ]
    .into();
    assert_eq!(directory.groups_of(&asked).await.unwrap(), wanted);
    assert_eq!(directory.groups_of(&[]).await.unwrap(), BTreeMap::new());
    let all = directory.groups().await.unwrap();
    let told: Vec<_> = all
        .iter()
        .map(|g| (g.name.as_str(), g.description.as_deref()))
        .collect();
    assert_eq!(told, [("Pilots", Some("Who flies")), ("Wing", None)]);
    assert_eq!(directory.describe(), "go-falcon collections");
}

#[tokio::test]
async fn many_users_are_answered_whole() {
    let (store, db) = fresh().await;
    let [pilots, ..] = groups(&db).await;
    let number = |n: usize| i64::try_from(n).unwrap();
    put(
        &db,
        "user_profiles",
        (0..1_100).map(|n| profile(n, number(n))).collect(),
    )
    .await;
    let memberships = (0..1_100).map(|n| member(pilots, number(n), true)).collect();
    put(&db, "group_memberships", memberships).await;
    let asked: Vec<_> = (0..2_500).map(user).collect();
    let answer = GoFalcon::new(store).groups_of(&asked).await.unwrap();
    assert_eq!(answer.len(), 2_500);
    for (n, id) in asked.iter().enumerate() {
        let wanted = if n < 1_100 {
            known(&[pilots])
        } else {
            Membership::Unknown
        };
        assert_eq!(answer[id], wanted, "{n}");
    }
}

#[tokio::test]
async fn a_document_that_cannot_be_read_fails_the_whole_answer() {
    let broken = [
        (
            "user_profiles",
            doc! { "user_id": user(1).0, "character_id": "7" },
        ),
        ("user_profiles", doc! { "user_id": user(1).0 }),
        (
            "group_memberships",
            doc! { "character_id": 1, "group_id": 5, "is_active": true },
        ),
        (
            "group_memberships",
            doc! { "character_id": 1, "group_id": ObjectId::new(), "is_active": "yes" },
        ),
        ("groups", doc! { "name": "X", "is_active": 1 }),
    ];
    let (store, db) = fresh().await;
    let [pilots, ..] = groups(&db).await;
    put(&db, "user_profiles", vec![profile(1, 1), profile(2, 2)]).await;
    put(&db, "group_memberships", vec![member(pilots, 2, true)]).await;
    let directory = GoFalcon::new(store);
    let asked = [user(1), user(2)];
    let whole = directory.groups_of(&asked).await.unwrap();
    assert_eq!(whole[&user(1)], Membership::Known(BTreeSet::new()));
    for (collection, mut document) in broken {
        let id = ObjectId::new();
        document.insert("_id", id);
        put(&db, collection, vec![document]).await;
        let error = directory.groups_of(&asked).await.unwrap_err().to_string();
        assert!(error.contains(collection), "{error}");
        db.collection::<Document>(collection)
            .delete_one(doc! { "_id": id })
            .await
            .unwrap();
    }
    assert_eq!(directory.groups_of(&asked).await.unwrap(), whole);
}

#[tokio::test]
async fn the_character_of_position_0_stands_for_its_user() {
    let (store, db) = fresh().await;
    let named = |n: usize, character: i64, position: Bson, name: &str| {
        doc! { "user_id": user(n).0, "character_id": character, "position": position, "character_name": name,
        "scopes": "publicData esi-x.v1" }
    };
    let profiles = vec![
        named(1, 5, Bson::Null, "Without"),
        named(1, 7, 1_i32.into(), "Second"),
        named(1, 9, 0_i64.into(), "Main"),
        profile(2, 4),
        profile(2, 3),
    ];
    put(&db, "user_profiles", profiles).await;
    let directory = GoFalcon::new(store);
    let main = directory.main_character(&user(1)).await.unwrap().unwrap();
    assert_eq!(
        (main.id, main.name.as_str(), main.scopes.as_str()),
        (9, "Main", "publicData esi-x.v1")
    );
    assert_eq!(directory.main_character(&user(2)).await.unwrap().unwrap().id, 3);
    assert_eq!(directory.main_character(&user(3)).await.unwrap(), None);
}
