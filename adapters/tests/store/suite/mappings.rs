//! Role mappings.

use rolecall_core::conditions::Conditions;
use rolecall_core::ids::MappingId;
use rolecall_core::mapping::Mapping;
use rolecall_core::time::Timestamp;
use tokio::task::JoinSet;

use crate::fixture::Fixture;
use crate::given::{PAST, group, guild, mapping, role};

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

fn conditions() -> Conditions {
    Conditions {
        require_all: true,
        character_count_min: Some(0),
        character_count_max: Some(u32::MAX),
        required_permissions: vec!["fleet:view".to_owned(), "a b".to_owned()],
        excluded_groups: vec![group(7), "traitors".into()],
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp(PAST.0 + ms)
}

pub(crate) async fn conditions_and_who_added_it_read_back_as_they_were_given<F: Fixture>(fixture: F) {
    let mappings = &fixture.stores().mappings;
    let given = Mapping {
        conditions: conditions(),
        created_by: Some(9_000_000_000),
        ..mapping(1, guild(1), group(1))
    };
    mappings.add(given.clone()).await.unwrap().unwrap();
    assert_eq!(mappings.get(&given.id).await.unwrap(), Some(given.clone()));
    assert_eq!(mappings.list(Some(guild(1))).await.unwrap(), [given]);
}

pub(crate) async fn an_updated_mapping_keeps_who_added_it_and_when<F: Fixture>(fixture: F) {
    let mappings = &fixture.stores().mappings;
    let given = Mapping {
        created_by: Some(5),
        ..mapping(1, guild(1), group(1))
    };
    let other = mapping(2, guild(1), group(2));
    for mapping in [&given, &other] {
        mappings.add(mapping.clone()).await.unwrap().unwrap();
    }
    let wanted = Mapping {
        group_name: "Wing".to_owned(),
        role_id: role(8),
        role_name: "wing".to_owned(),
        priority: 3,
        conditions: conditions(),
        is_active: false,
        updated_at: at(1),
        ..given.clone()
    };
    let forged = Mapping {
        created_by: Some(6),
        created_at: at(1),
        ..wanted.clone()
    };
    assert!(mappings.update(&forged, None).await.unwrap());
    assert_eq!(mappings.get(&given.id).await.unwrap(), Some(wanted.clone()));
    assert_eq!(mappings.get(&other.id).await.unwrap(), Some(other.clone()));
    // It stays that of its guild and group.
    for moved in [
        Mapping {
            guild_id: guild(2),
            ..given.clone()
        },
        Mapping {
            group_id: group(2),
            ..given.clone()
        },
        mapping(3, guild(1), group(1)),
    ] {
        assert!(!mappings.update(&moved, None).await.unwrap());
    }
    assert_eq!(mappings.list(None).await.unwrap(), [wanted, other]);
}

pub(crate) async fn an_update_is_refused_when_somebody_changed_the_mapping_since<F: Fixture>(fixture: F) {
    let mappings = &fixture.stores().mappings;
    let given = mapping(1, guild(1), group(1));
    mappings.add(given.clone()).await.unwrap().unwrap();
    let to = |role_id, ms| Mapping {
        role_id,
        updated_at: at(ms),
        ..given.clone()
    };
    assert!(mappings.update(&to(role(2), 1), Some(PAST)).await.unwrap());
    assert!(!mappings.update(&to(role(3), 2), Some(PAST)).await.unwrap());
    assert!(!mappings.update(&to(role(3), 2), Some(at(2))).await.unwrap());
    assert_eq!(mappings.get(&given.id).await.unwrap(), Some(to(role(2), 1)));
    assert!(mappings.update(&to(role(3), 2), Some(at(1))).await.unwrap());
    assert!(mappings.update(&to(role(4), 3), None).await.unwrap());
    mappings.remove(&given.id).await.unwrap();
    assert!(!mappings.update(&to(role(5), 4), Some(at(3))).await.unwrap());
    assert!(!mappings.update(&to(role(5), 4), None).await.unwrap());
    assert_eq!(mappings.list(None).await.unwrap(), []);
}

pub(crate) async fn syncs_are_noted_without_touching_anything_else<F: Fixture>(fixture: F) {
    let mappings = &fixture.stores().mappings;
    let (first, second) = (mapping(1, guild(1), group(1)), mapping(2, guild(1), group(2)));
    for mapping in [&first, &second] {
        mappings.add(mapping.clone()).await.unwrap().unwrap();
    }
    let gone = MappingId(format!("{:024x}", 77));
    mappings.note_sync(&[], at(1)).await.unwrap();
    mappings
        .note_sync(&[first.id.clone(), gone], at(5))
        .await
        .unwrap();
    mappings
        .note_sync(&[first.id.clone(), second.id.clone()], at(7))
        .await
        .unwrap();
    // One that is noted late does not put the time back.
    mappings
        .note_sync(std::slice::from_ref(&first.id), at(6))
        .await
        .unwrap();
    let synced = |mapping: Mapping, ms, sync_count| Mapping {
        last_sync: Some(at(ms)),
        sync_count,
        ..mapping
    };
    let expected = [synced(first.clone(), 7, 3), synced(second, 7, 1)];
    assert_eq!(mappings.list(None).await.unwrap(), expected);
    // A change keeps what was noted, whatever its writer believed.
    let changed = Mapping {
        priority: 4,
        updated_at: at(9),
        ..first
    };
    assert!(mappings.update(&changed, Some(PAST)).await.unwrap());
    let found = mappings.get(&changed.id).await.unwrap();
    assert_eq!(found, Some(synced(changed, 7, 3)));
}

pub(crate) async fn of_sixteen_updates_of_one_reading_one_counts<F: Fixture>(fixture: F) {
    let stores = [fixture.stores().clone(), fixture.again().await];
    let given = mapping(1, guild(1), group(1));
    stores[0].mappings.add(given.clone()).await.unwrap().unwrap();
    let mut updates = JoinSet::new();
    for n in 0..16_u64 {
        let mappings = stores[usize::try_from(n).unwrap() % 2].mappings.clone();
        let changed = Mapping {
            role_id: role(n + 10),
            updated_at: at(n.cast_signed() + 1),
            ..given.clone()
        };
        updates.spawn(async move {
            let counts = mappings.update(&changed, Some(PAST)).await.unwrap();
            counts.then_some(changed)
        });
    }
    let counted: Vec<Mapping> = updates.join_all().await.into_iter().flatten().collect();
    assert_eq!(counted.len(), 1);
    assert_eq!(stores[0].mappings.list(None).await.unwrap(), counted);
}
