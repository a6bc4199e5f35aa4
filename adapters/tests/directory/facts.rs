//! What go-falcon knows of people, for conditions.

use mongodb::Database;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use rolecall_adapters::directory::{Chosen, GoFalcon, Setting};
use rolecall_core::conditions::Facts;
use rolecall_core::ids::GroupId;
use rolecall_core::ports::{Directory as _, Import as _, ImportRow};

use crate::{fresh, put, user};

fn profile(n: usize, character: impl Into<Bson>) -> Document {
    doc! { "user_id": user(n).0, "character_id": character.into() }
}

fn member(group: ObjectId, character: i64) -> Document {
    doc! { "group_id": group, "character_id": character, "is_active": true }
}

fn grant(group: impl Into<Bson>, permission: &str, active: impl Into<Bson>) -> Document {
    doc! { "group_id": group.into(), "permission_id": permission, "is_active": active.into() }
}

/// The groups `Pilots` and `Wing`, both active, and `Old`, which is not.
async fn groups(db: &Database) -> [ObjectId; 3] {
    let ids = [ObjectId::new(), ObjectId::new(), ObjectId::new()];
    let group = |id: ObjectId, name: &str, active| doc! { "_id": id, "name": name, "is_active": active };
    let documents = vec![
        group(ids[0], "Pilots", true),
        group(ids[1], "Wing", true),
        group(ids[2], "Old", false),
    ];
    put(db, "groups", documents).await;
    ids
}

fn facts(groups: &[ObjectId], common: &[ObjectId], characters: u32, permissions: &[&str]) -> Facts {
    let ids = |ids: &[ObjectId]| ids.iter().map(|id| GroupId(id.to_hex())).collect();
    Facts {
        groups: ids(groups),
        common_groups: Some(ids(common)),
        characters: Some(characters),
        permissions: Some(permissions.iter().map(|p| (*p).to_owned()).collect()),
        banned: false,
    }
}

#[tokio::test]
async fn facts_count_characters_and_tell_common_groups_and_permissions() {
    let (store, db) = fresh().await;
    let [pilots, wing, old] = groups(&db).await;
    let profiles = vec![
        profile(1, 1_i32),
        profile(1, 2_i64),
        profile(2, 3.0),
        profile(3, 4_i64),
        profile(3, 5_i64),
        // The same character once more is no further one.
        profile(3, 5.0),
    ];
    put(&db, "user_profiles", profiles).await;
    let memberships = vec![
        member(pilots, 1),
        member(pilots, 2),
        member(wing, 2),
        member(old, 1),
        member(old, 2),
        member(wing, 3),
        member(wing, 4),
    ];
    put(&db, "group_memberships", memberships).await;
    let grants = vec![
        grant(pilots, "fleet:view", true),
        grant(wing.to_hex(), "wing:lead", true),
        grant(wing, "fleet:view", true),
        grant(wing, "wing:former", false),
        grant(wing, "wing:unsaid", Bson::Null),
        grant(old, "old:all", true),
        grant(ObjectId::new(), "others", true),
    ];
    put(&db, "group_permissions", grants).await;

    let directory = GoFalcon::new(store.clone());
    let asked: Vec<_> = (1..=4).map(user).collect();
    let wanted = [
        (
            user(1),
            facts(&[pilots, wing], &[pilots], 2, &["fleet:view", "wing:lead"]),
        ),
        (user(2), facts(&[wing], &[wing], 1, &["fleet:view", "wing:lead"])),
        (user(3), facts(&[wing], &[], 2, &["fleet:view", "wing:lead"])),
    ];
    // A user whom go-falcon does not know is left out.
    assert_eq!(directory.facts_of(&asked).await.unwrap(), wanted.clone().into());
    assert_eq!(directory.facts_of(&[]).await.unwrap(), [].into());
    let chosen = Chosen::new(store, Setting::GoFalcon);
    assert_eq!(chosen.facts_of(&asked).await.unwrap(), wanted.into());
}

#[tokio::test]
async fn somebody_is_banned_if_one_profile_is() {
    let (store, db) = fresh().await;
    let with = |n, character: i64, banned: Bson| {
        let mut profile = profile(n, character);
        profile.insert("banned", banned);
        profile
    };
    let profiles = vec![
        with(1, 1, false.into()),
        with(1, 2, true.into()),
        profile(1, 3_i64),
        with(2, 4, false.into()),
        with(3, 5, Bson::Null),
    ];
    put(&db, "user_profiles", profiles).await;
    let asked: Vec<_> = (1..=3).map(user).collect();
    let found = GoFalcon::new(store).facts_of(&asked).await.unwrap();
    let banned: Vec<_> = found.values().map(|facts| facts.banned).collect();
    assert_eq!(banned, [true, false, false]);
}

#[tokio::test]
async fn a_document_that_cannot_be_read_fails_all_facts() {
    let (store, db) = fresh().await;
    let [pilots, ..] = groups(&db).await;
    put(&db, "user_profiles", vec![profile(1, 1), profile(2, 2)]).await;
    put(&db, "group_memberships", vec![member(pilots, 1)]).await;
    let directory = GoFalcon::new(store);
    let asked = [user(1), user(2)];
    let whole = directory.facts_of(&asked).await.unwrap();
    assert_eq!(whole.len(), 2);
    let broken = [
        (
            "user_profiles",
            doc! { "user_id": user(2).0, "character_id": 3, "banned": "yes" },
        ),
        (
            "group_memberships",
            doc! { "character_id": 1, "group_id": 5, "is_active": true },
        ),
        ("groups", doc! { "name": "X", "is_active": 1 }),
        ("group_permissions", grant(pilots, "x", "yes")),
        (
            "group_permissions",
            doc! { "group_id": pilots, "is_active": true },
        ),
        (
            "group_permissions",
            doc! { "group_id": pilots, "permission_id": 5, "is_active": true },
        ),
    ];
    for (collection, mut document) in broken {
        let id = ObjectId::new();
        document.insert("_id", id);
        put(&db, collection, vec![document]).await;
        let error = directory.facts_of(&asked).await.unwrap_err().to_string();
        assert!(error.contains(collection), "{error}");
        let collection = db.collection::<Document>(collection);
        collection.delete_one(doc! { "_id": id }).await.unwrap();
    }
    assert_eq!(directory.facts_of(&asked).await.unwrap(), whole);
}

#[tokio::test]
async fn what_was_imported_tells_groups_and_leaves_the_rest_open() {
    let (store, _) = fresh().await;
    let chosen = Chosen::new(store, Setting::Auto);
    let row = ImportRow {
        user_id: user(1),
        name: "Ada".to_owned(),
        groups: vec!["Pilots".to_owned()],
        discord_id: None,
    };
    chosen.import(&[row], false).await.unwrap().unwrap();
    let pilots = chosen.groups().await.unwrap().remove(0).id;
    let wanted = Facts {
        groups: [pilots].into(),
        ..Facts::default()
    };
    let found = chosen.facts_of(&[user(1), user(2)]).await.unwrap();
    assert_eq!(found, [(user(1), wanted)].into());
}
