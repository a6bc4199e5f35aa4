//! Which directory counts.

use mongodb::bson::doc;
use rolecall_adapters::directory::{Chosen, Setting};
use rolecall_core::desired::Membership;
use rolecall_core::ports::{Directory as _, Import as _, ImportRow};

use crate::{fresh, put, user};

fn row(n: usize) -> ImportRow {
    ImportRow {
        user_id: user(n),
        name: "Ada".to_owned(),
        groups: vec!["Pilots".to_owned()],
        discord_id: None,
    }
}

#[tokio::test]
async fn without_an_import_go_falcons_collections_count_and_then_what_was_imported() {
    let (store, db) = fresh().await;
    let chosen = Chosen::new(store, Setting::Auto);
    let of = async |n| {
        chosen
            .groups_of(&[user(n)])
            .await
            .unwrap()
            .remove(&user(n))
            .unwrap()
    };
    assert_eq!(of(1).await, Membership::Unknown);
    assert_eq!(chosen.describe(), "go-falcon collections");
    chosen.import(&[row(1)], false).await.unwrap().unwrap();
    assert!(matches!(of(1).await, Membership::Known(groups) if groups.len() == 1));
    assert_eq!(chosen.describe(), "imported");
    // Once imported, a go-falcon that comes later changes nothing.
    put(
        &db,
        "user_profiles",
        vec![doc! { "user_id": user(2).0, "character_id": 2 }],
    )
    .await;
    assert_eq!(of(2).await, Membership::Unknown);
}

#[tokio::test]
async fn an_import_never_pushes_go_falcons_users_aside_unless_it_is_said_so() {
    let (store, db) = fresh().await;
    put(
        &db,
        "user_profiles",
        vec![doc! { "user_id": user(2).0, "character_id": 2 }],
    )
    .await;
    for setting in [Setting::Auto, Setting::GoFalcon] {
        let chosen = Chosen::new(store.clone(), setting);
        let refused = chosen.import(&[row(1)], false).await.unwrap().unwrap_err();
        assert!(
            refused[0].1.contains("ROLECALL_DIRECTORY=imported"),
            "{refused:?}"
        );
        assert!(chosen.ensure_group("Pilots").await.is_err());
        let answer = chosen.groups_of(&[user(1), user(2)]).await.unwrap();
        assert_eq!(answer[&user(1)], Membership::Unknown);
        assert!(matches!(&answer[&user(2)], Membership::Known(groups) if groups.is_empty()));
    }
    let imported = Chosen::new(store.clone(), Setting::Imported);
    imported.import(&[row(1)], false).await.unwrap().unwrap();
    let answer = imported.groups_of(&[user(1), user(2)]).await.unwrap();
    assert!(matches!(&answer[&user(1)], Membership::Known(groups) if groups.len() == 1));
    assert_eq!(answer[&user(2)], Membership::Unknown);
    assert_eq!(imported.groups().await.unwrap().len(), 1);
    assert_eq!(Chosen::new(store, Setting::GoFalcon).groups().await.unwrap(), []);
}
