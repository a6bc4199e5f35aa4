//! Tests of [`crate::conditions`].

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::conditions::*;
use crate::ids::GroupId;

fn set(names: &[&str]) -> BTreeSet<GroupId> {
    names.iter().map(|n| GroupId::from(*n)).collect()
}

fn facts() -> Facts {
    Facts {
        groups: set(&["a", "b"]),
        common_groups: Some(set(&["a"])),
        characters: Some(2),
        permissions: Some(["fly".to_owned()].into()),
        banned: false,
    }
}

fn decided(conditions: &Conditions, group: &str, facts: &Facts) -> Decision {
    decide(conditions, &group.into(), facts, None)
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn each_condition_is_obeyed() {
    use Decision::{Denies, Grants};
    let plain = Conditions::default;
    let table = [
        (plain(), "a", Grants),
        (plain(), "c", Denies),
        (
            Conditions {
                require_all: true,
                ..plain()
            },
            "a",
            Grants,
        ),
        (
            Conditions {
                require_all: true,
                ..plain()
            },
            "b",
            Denies,
        ),
        (
            Conditions {
                character_count_min: Some(2),
                ..plain()
            },
            "a",
            Grants,
        ),
        (
            Conditions {
                character_count_min: Some(3),
                ..plain()
            },
            "a",
            Denies,
        ),
        (
            Conditions {
                character_count_max: Some(2),
                ..plain()
            },
            "a",
            Grants,
        ),
        (
            Conditions {
                character_count_max: Some(1),
                ..plain()
            },
            "a",
            Denies,
        ),
        (
            Conditions {
                required_permissions: vec!["fly".into()],
                ..plain()
            },
            "a",
            Grants,
        ),
        (
            Conditions {
                required_permissions: vec!["fly".into(), "land".into()],
                ..plain()
            },
            "a",
            Denies,
        ),
        (
            Conditions {
                excluded_groups: vec!["c".into()],
                ..plain()
            },
            "a",
            Grants,
        ),
        (
            Conditions {
                excluded_groups: vec!["b".into()],
                ..plain()
            },
            "a",
            Denies,
        ),
    ];
    for (conditions, group, decision) in table {
        assert_eq!(
            decided(&conditions, group, &facts()),
            decision,
            "{conditions:?} {group}"
        );
    }
}

#[test]
fn what_the_directory_does_not_know_is_undecided_unless_something_else_denies() {
    let groups_only = Facts {
        groups: set(&["a"]),
        ..Facts::default()
    };
    let asking = [
        Conditions {
            require_all: true,
            ..Conditions::default()
        },
        Conditions {
            character_count_min: Some(1),
            ..Conditions::default()
        },
        Conditions {
            character_count_max: Some(9),
            ..Conditions::default()
        },
        Conditions {
            required_permissions: vec!["fly".into()],
            ..Conditions::default()
        },
    ];
    for conditions in asking {
        assert_eq!(
            decided(&conditions, "a", &groups_only),
            Decision::Undecided,
            "{conditions:?}"
        );
        assert_eq!(
            decided(&conditions, "c", &groups_only),
            Decision::Denies,
            "{conditions:?}"
        );
    }
}

#[test]
fn an_unknown_group_leaves_the_mapping_undecided_also_an_excluded_one() {
    let known = set(&["a", "b"]);
    let plain = Conditions::default();
    let excluding = Conditions {
        excluded_groups: vec!["gone".into()],
        ..Conditions::default()
    };
    for (conditions, group) in [(&plain, "gone"), (&excluding, "a"), (&excluding, "b")] {
        let decision = decide(conditions, &group.into(), &facts(), Some(&known));
        assert_eq!(decision, Decision::Undecided, "{conditions:?} {group}");
    }
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn some_groups() -> impl Strategy<Value = BTreeSet<GroupId>> {
    proptest::sample::subsequence(NAMES.to_vec(), 0..=4).prop_map(|names| set(&names))
}

fn some_permissions() -> impl Strategy<Value = BTreeSet<String>> {
    let names = vec!["fly".to_owned(), "land".to_owned()];
    proptest::sample::subsequence(names, 0..=2).prop_map(|names| names.into_iter().collect())
}

fn count() -> impl Strategy<Value = Option<u32>> {
    proptest::option::of(0u32..4)
}

pub(crate) fn any_conditions() -> impl Strategy<Value = Conditions> {
    (any::<bool>(), count(), count(), some_permissions(), some_groups()).prop_map(
        |(require_all, min, max, permissions, excluded)| Conditions {
            require_all,
            character_count_min: min,
            character_count_max: max,
            required_permissions: permissions.into_iter().collect(),
            excluded_groups: excluded.into_iter().collect(),
        },
    )
}

pub(crate) fn any_facts() -> impl Strategy<Value = Facts> {
    let common = proptest::option::of(some_groups());
    let permissions = proptest::option::of(some_permissions());
    (
        some_groups(),
        common,
        count(),
        permissions,
        proptest::bool::weighted(0.1),
    )
        .prop_map(|(groups, common, characters, permissions, banned)| Facts {
            common_groups: common.map(|c| c.intersection(&groups).cloned().collect()),
            groups,
            characters,
            permissions,
            banned,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_becomes_known_never_overturns_a_decision(
        conditions in any_conditions(),
        whole in any_facts(),
        (hide_common, hide_count, hide_permissions) in any::<(bool, bool, bool)>(),
        group in proptest::sample::select(NAMES.to_vec()),
    ) {
        let mut less = whole.clone();
        if hide_common { less.common_groups = None; }
        if hide_count { less.characters = None; }
        if hide_permissions { less.permissions = None; }
        let (before, after) = (decided(&conditions, group, &less), decided(&conditions, group, &whole));
        prop_assert!(before == Decision::Undecided || before == after);
    }

    #[test]
    fn a_further_condition_never_grants(
        conditions in any_conditions(),
        facts in any_facts(),
        group in proptest::sample::select(NAMES.to_vec()),
    ) {
        let plain = decided(&Conditions::default(), group, &facts);
        if decided(&conditions, group, &facts) == Decision::Grants {
            prop_assert_eq!(plain, Decision::Grants);
        }
    }

    #[test]
    fn a_ban_denies_whatever_else_is_so(
        conditions in any_conditions(),
        facts in any_facts(),
        known in proptest::option::of(some_groups()),
        group in proptest::sample::select(NAMES.to_vec()),
    ) {
        let banned = Facts { banned: true, ..facts };
        prop_assert_eq!(decide(&conditions, &group.into(), &banned, known.as_ref()), Decision::Denies);
    }

    #[test]
    fn a_group_that_is_not_known_never_decides(
        conditions in any_conditions(),
        facts in any_facts(),
        known in some_groups(),
        group in proptest::sample::select(NAMES.to_vec()),
    ) {
        let named = std::iter::once(GroupId::from(group)).chain(conditions.excluded_groups.iter().cloned());
        let unknown = named.into_iter().any(|g| !known.contains(&g));
        if unknown && !facts.banned {
            prop_assert_eq!(decide(&conditions, &group.into(), &facts, Some(&known)), Decision::Undecided);
        }
    }
}
