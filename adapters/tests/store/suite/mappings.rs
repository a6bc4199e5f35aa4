//! Role mappings.

use rolecall_core::ids::MappingId;
use rolecall_core::mapping::Mapping;
use tokio::task::JoinSet;

use crate::fixture::Fixture;
use crate::given::{group, guild, mapping, role};

pub(crate) async fn a_mapping_reads_back_as_it_was_given<F: Fixture>(fixture: F) {
    let mappings = &fixture.stores().mappings;
    let mut given = mapping(1, guild(1), group(1));
    given.priority = -5;
    given.is_active = false;
    mappings.add(given.clone()).await.unwrap().unwrap();
    assert_eq!(mappings.get(&given.id).await.unwrap(), Some(given.clone()));
    assert_eq!(
        mappings.get(&MappingId(format!("{:024x}", 77))).await.unwrap(),
        None
    );
    let found = mappings.find(guild(1), &group(1), role(1)).await.unwrap();
    assert_eq!(found, Some(given));
    for (g, m, r) in [(2, 1, 1), (1, 2, 1), (1, 1, 2)] {
        assert_eq!(mappings.find(guild(g), &group(m), role(r)).await.unwrap(), None);
    }
}

pub(crate) async fn a_group_has_one_role_in_a_guild<F: Fixture>(fixture: F) {
    let mappings = &fixture.stores().mappings;
    let first = mapping(1, guild(1), group(1));
    mappings.add(first.clone()).await.unwrap().unwrap();
    let second = mappings.add(mapping(2, guild(1), group(1))).await.unwrap();
    assert_eq!(second, Err(first.clone()));
    assert_eq!(mappings.list(None).await.unwrap(), [first]);
    mappings
        .add(mapping(3, guild(2), group(1)))
        .await
        .unwrap()
        .unwrap();
    mappings
        .add(mapping(4, guild(1), group(2)))
        .await
        .unwrap()
        .unwrap();
}

pub(crate) async fn sixteen_concurrent_mappings_of_one_group_give_one<F: Fixture>(fixture: F) {
    let stores = [fixture.stores().clone(), fixture.again().await];
    let mut adds = JoinSet::new();
    for n in 0..16_u64 {
        let mappings = stores[usize::try_from(n).unwrap() % 2].mappings.clone();
        adds.spawn(async move { mappings.add(mapping(n + 1, guild(1), group(1))).await.unwrap() });
    }
    let answers = adds.join_all().await;
    assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 1);
    let stored = stores[0].mappings.list(None).await.unwrap();
    assert_eq!(stored.len(), 1);
    assert!(
        answers
            .into_iter()
            .all(|a| a.is_ok() || a == Err(stored[0].clone()))
    );
}

pub(crate) async fn mappings_are_listed_by_guild_and_priority<F: Fixture>(fixture: F) {
    let mappings = &fixture.stores().mappings;
    for (n, g, priority) in [(1, 2, 0), (2, 1, 0), (3, 1, 7), (5, 1, -1), (4, 1, 7)] {
        let given = Mapping {
            priority,
            ..mapping(n, guild(g), group(n))
        };
        mappings.add(given).await.unwrap().unwrap();
    }
    let listed = |found: Vec<Mapping>| found.into_iter().map(|m| m.role_id).collect::<Vec<_>>();
    assert_eq!(
        listed(mappings.list(None).await.unwrap()),
        [role(3), role(4), role(2), role(5), role(1)]
    );
    assert_eq!(
        listed(mappings.list(Some(guild(1))).await.unwrap()),
        [role(3), role(4), role(2), role(5)]
    );
    assert_eq!(mappings.list(Some(guild(9))).await.unwrap(), []);
}

pub(crate) async fn a_removed_mapping_is_gone<F: Fixture>(fixture: F) {
    let mappings = &fixture.stores().mappings;
    let given = mapping(1, guild(1), group(1));
    mappings.add(given.clone()).await.unwrap().unwrap();
    assert!(mappings.remove(&given.id).await.unwrap());
    assert!(!mappings.remove(&given.id).await.unwrap());
    assert_eq!(mappings.get(&given.id).await.unwrap(), None);
    // Its group may get another role now.
    mappings
        .add(mapping(2, guild(1), group(1)))
        .await
        .unwrap()
        .unwrap();
}
