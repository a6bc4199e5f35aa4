//! The imported directory.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::desired::Membership;
use rolecall_core::ids::{DiscordId, GroupId, UserId};
use rolecall_core::link::Link;
use rolecall_core::ports::{ImportReport, ImportRow};

use crate::fixture::{Fixture, Stores};
use crate::given::{account, link, user};

fn row(n: u64, groups: &[&str], discord_id: Option<DiscordId>) -> ImportRow {
    ImportRow {
        user_id: user(n),
        name: format!("User {n}"),
        groups: groups.iter().map(|g| (*g).to_owned()).collect(),
        discord_id,
    }
}

async fn imported(stores: &Stores, rows: &[ImportRow], replace: bool) -> ImportReport {
    stores.import().import(rows, replace).await.unwrap().unwrap()
}

/// The names of a user's groups; `None` if the user is unknown.
async fn groups_of(stores: &Stores, user: &UserId) -> Option<Vec<String>> {
    let names: BTreeMap<GroupId, String> = stores
        .directory()
        .groups()
        .await
        .unwrap()
        .into_iter()
        .map(|g| (g.id, g.name))
        .collect();
    let answer = stores
        .directory()
        .groups_of(std::slice::from_ref(user))
        .await
        .unwrap();
    match &answer[user] {
        Membership::Unknown => None,
        Membership::Known(groups) => {
            let mut found: Vec<_> = groups.iter().map(|g| names[g].clone()).collect();
            found.sort();
            Some(found)
        }
    }
}

pub(crate) async fn a_user_who_was_never_imported_is_unknown_and_not_empty<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    imported(stores, &[row(1, &[], None)], false).await;
    let answer = stores.directory().groups_of(&[user(1), user(2)]).await.unwrap();
    assert_eq!(
        answer,
        [
            (user(1), Membership::Known(BTreeSet::new())),
            (user(2), Membership::Unknown)
        ]
        .into()
    );
}

pub(crate) async fn every_user_who_was_asked_for_is_in_the_answer<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    let rows: Vec<_> = (0..500).map(|n| row(n, &["Pilots", "Wing"], None)).collect();
    imported(stores, &rows, false).await;
    let asked: Vec<_> = (0..3_000).map(user).collect();
    let answer = stores.directory().groups_of(&asked).await.unwrap();
    assert_eq!(answer.len(), 3_000);
    for (n, id) in asked.iter().enumerate() {
        match &answer[id] {
            Membership::Known(groups) => assert!(n < 500 && groups.len() == 2),
            Membership::Unknown => assert!(n >= 500),
        }
    }
    assert_eq!(stores.directory().groups_of(&[]).await.unwrap(), BTreeMap::new());
    assert_eq!(stores.directory().describe(), "imported");
}

pub(crate) async fn importing_again_changes_nothing<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    let rows = [
        row(1, &["Pilots", "Wing", "Pilots"], Some(account(1))),
        row(2, &["Pilots"], None),
    ];
    let first = imported(stores, &rows, false).await;
    let wanted = ImportReport {
        users_added: 2,
        groups_added: 2,
        links_added: 1,
        ..ImportReport::default()
    };
    assert_eq!(first, wanted);
    let groups = stores.directory().groups().await.unwrap();
    let linked = stores.links.of_account(account(1)).await.unwrap();
    for replace in [false, true] {
        let again = imported(stores, &rows, replace).await;
        let wanted = ImportReport {
            users_unchanged: 2,
            ..ImportReport::default()
        };
        assert_eq!(again, wanted);
    }
    assert_eq!(stores.directory().groups().await.unwrap(), groups);
    assert_eq!(stores.links.of_account(account(1)).await.unwrap(), linked);
}

pub(crate) async fn an_import_changes_names_and_groups<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    let rows = [
        row(1, &["Pilots", "Wing"], None),
        row(2, &["Pilots"], None),
        row(3, &[], None),
    ];
    imported(stores, &rows, false).await;
    let renamed = ImportRow {
        name: "Ada".to_owned(),
        ..row(2, &["Pilots"], None)
    };
    let changes = [row(1, &["Wing", "Medics"], None), renamed];
    let report = imported(stores, &changes, false).await;
    let wanted = ImportReport {
        users_changed: 2,
        users_kept: 1,
        groups_added: 1,
        ..ImportReport::default()
    };
    assert_eq!(report, wanted);
    assert_eq!(groups_of(stores, &user(1)).await.unwrap(), ["Medics", "Wing"]);
    assert_eq!(groups_of(stores, &user(2)).await.unwrap(), ["Pilots"]);
}

pub(crate) async fn an_import_that_contradicts_a_link_takes_no_row<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    for n in [1, 2] {
        stores.links.put(&link(n, user(n)), None).await.unwrap();
    }
    let rows = [
        row(7, &["Pilots"], Some(account(1))),
        row(2, &["Pilots"], Some(account(2))),
        row(8, &["Wing"], Some(account(8))),
        row(9, &["Wing"], Some(account(2))),
    ];
    let problems = stores.import().import(&rows, true).await.unwrap().unwrap_err();
    let numbers: Vec<_> = problems.iter().map(|(row, _)| *row).collect();
    assert_eq!(numbers, [0, 3]);
    assert!(problems[0].1.contains(&account(1).to_string()));
    assert!(problems[0].1.contains(user(1).as_str()));
    assert_eq!(groups_of(stores, &user(8)).await, None);
    assert_eq!(stores.directory().groups().await.unwrap(), []);
    assert_eq!(stores.links.of_account(account(8)).await.unwrap(), None);
    assert_eq!(
        stores.links.of_account(account(1)).await.unwrap(),
        Some(link(1, user(1)))
    );
}

pub(crate) async fn an_import_that_names_a_user_or_an_account_twice_takes_no_row<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    let rows = [
        row(1, &["Pilots"], Some(account(1))),
        row(2, &[], Some(account(1))),
        row(1, &["Wing"], None),
    ];
    let problems = stores.import().import(&rows, false).await.unwrap().unwrap_err();
    let numbers: Vec<_> = problems.iter().map(|(row, _)| *row).collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(groups_of(stores, &user(1)).await, None);
}

pub(crate) async fn an_import_links_accounts_once<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    let inactive = Link {
        is_active: false,
        ..link(2, user(2))
    };
    stores.links.put(&inactive, None).await.unwrap();
    stores.links.put(&link(3, user(3)), None).await.unwrap();
    let rows: Vec<_> = (1..=3).map(|n| row(n, &[], Some(account(n)))).collect();
    assert_eq!(imported(stores, &rows, false).await.links_added, 2);
    assert_eq!(imported(stores, &rows, false).await.links_added, 0);
    for n in 1..=3 {
        let found = stores.links.of_account(account(n)).await.unwrap().unwrap();
        assert!(found.is_active && found.user_id == user(n) && !found.has_token);
    }
    assert_eq!(stores.links.count_active().await.unwrap(), 3);
}

pub(crate) async fn replace_empties_those_who_are_not_named_and_keeps_them_known<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    let rows = [
        row(1, &["Pilots"], None),
        row(2, &["Pilots"], None),
        row(3, &[], None),
    ];
    imported(stores, &rows, false).await;
    let report = imported(stores, &rows[..1], true).await;
    let wanted = ImportReport {
        users_unchanged: 1,
        users_kept: 1,
        users_emptied: 1,
        ..ImportReport::default()
    };
    assert_eq!(report, wanted);
    assert_eq!(groups_of(stores, &user(1)).await.unwrap(), ["Pilots"]);
    assert_eq!(groups_of(stores, &user(2)).await, Some(Vec::new()));
    assert_eq!(groups_of(stores, &user(3)).await, Some(Vec::new()));
    assert_eq!(groups_of(stores, &user(4)).await, None);
}

pub(crate) async fn groups_are_listed_by_name_and_keep_their_ids<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    let made = stores.import().ensure_group("Wing").await.unwrap();
    assert_eq!(made.name, "Wing");
    assert_eq!(made.id.as_str().len(), 24);
    assert!(
        made.id
            .as_str()
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    );
    imported(stores, &[row(1, &["Wing", "Pilots"], None)], false).await;
    assert_eq!(stores.import().ensure_group("Wing").await.unwrap(), made);
    let groups = stores.directory().groups().await.unwrap();
    let names: Vec<_> = groups.iter().map(|g| g.name.as_str()).collect();
    assert_eq!(names, ["Pilots", "Wing"]);
    assert_eq!(groups[1].id, made.id);
    let again = fixture.again().await;
    assert_eq!(again.directory().groups().await.unwrap(), groups);
}
