//! Which roles go when what gave them is removed.
//!
//! A sync touches only roles that active mappings name, so a role whose last mapping ends would stay with everybody who
//! has it. Such a role is *retired*: it is taken from linked members, unless an active mapping names it at the moment of
//! the write; then the next sync decides about it.

use std::collections::BTreeSet;

use crate::desired::Rules;
use crate::ids::RoleId;
use crate::mapping::Mapping;

/// The role that a change of a mapping retires: the one that it named, if it was active, and is not or names another one
/// now. `after` is `None` where the mapping was removed.
pub fn retired_by(before: &Mapping, after: Option<&Mapping>) -> Option<RoleId> {
    let still = |m: &Mapping| m.is_active && m.role_id == before.role_id;
    (before.is_active && !after.is_some_and(still)).then_some(before.role_id)
}

/// Whether what is stored of a mapping now is still what it was before its change, so that the change is not written
/// yet. `stored` is `None` where there is no such mapping (any more).
pub fn is_unwritten(before: &Mapping, stored: Option<&Mapping>) -> bool {
    stored.is_some_and(|now| now.updated_at == before.updated_at && retired_by(before, Some(now)).is_none())
}

/// Those of the retired roles that no active mapping of the guild names now.
pub fn unnamed(retired: &BTreeSet<RoleId>, rules: &Rules) -> BTreeSet<RoleId> {
    retired.iter().copied().filter(|r| !rules.names(*r)).collect()
}

/// Roles of active mappings: what is retired when their guild is removed.
pub fn named_by<'a>(mappings: impl IntoIterator<Item = &'a Mapping>) -> BTreeSet<RoleId> {
    let active = mappings.into_iter().filter(|m| m.is_active);
    active.map(|m| m.role_id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions::Conditions;
    use crate::ids::{GuildId, MappingId};
    use crate::time::Timestamp;

    fn role(n: u64) -> RoleId {
        RoleId::new(n).unwrap()
    }

    fn mapping(n: usize, to: u64, is_active: bool) -> Mapping {
        Mapping {
            last_sync: None,
            sync_count: 0,
            id: MappingId(n.to_string()),
            guild_id: GuildId::new(1).unwrap(),
            group_id: format!("group-{n}").into(),
            group_name: String::new(),
            role_id: role(to),
            role_name: String::new(),
            priority: 0,
            conditions: Conditions::default(),
            is_active,
            created_by: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(5),
        }
    }

    #[test]
    fn a_role_is_retired_when_its_mapping_goes_sleeps_or_names_another_one() {
        let before = mapping(1, 7, true);
        let renamed = Mapping {
            priority: 3,
            role_name: "x".to_owned(),
            ..before.clone()
        };
        assert_eq!(retired_by(&before, None), Some(role(7)));
        assert_eq!(retired_by(&before, Some(&mapping(1, 7, false))), Some(role(7)));
        assert_eq!(retired_by(&before, Some(&mapping(1, 8, true))), Some(role(7)));
        assert_eq!(retired_by(&before, Some(&renamed)), None);
        // What was asleep gave nothing, so nothing of it is taken.
        let asleep = mapping(1, 7, false);
        for after in [None, Some(&before), Some(&mapping(1, 8, true))] {
            assert_eq!(retired_by(&asleep, after), None);
        }
    }

    #[test]
    fn a_change_is_unwritten_while_the_mapping_is_as_it_was() {
        let before = mapping(1, 7, true);
        let touched = Mapping {
            updated_at: Timestamp(6),
            ..before.clone()
        };
        assert!(is_unwritten(&before, Some(&before)));
        for stored in [None, Some(&touched), Some(&mapping(1, 8, true))] {
            assert!(!is_unwritten(&before, stored), "{stored:?}");
        }
    }

    #[test]
    fn a_removed_guild_retires_what_its_active_mappings_name() {
        let all = [mapping(1, 7, true), mapping(2, 8, false), mapping(3, 7, true)];
        assert_eq!(named_by(&all), [role(7)].into());
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig {
            failure_persistence: None, ..proptest::prelude::ProptestConfig::default()
        })]

        /// Whatever else is mapped, known or undecided: what goes was retired, is named by no active mapping, and is all
        /// of that.
        #[test]
        fn exactly_the_retired_roles_that_nobody_names_go(
            given in proptest::collection::vec((1u64..6, proptest::bool::ANY), 0..6),
            retired in proptest::collection::btree_set(1u64..6, 0..5),
            knows_groups in proptest::bool::ANY,
        ) {
            let mappings: Vec<Mapping> =
                given.iter().enumerate().map(|(n, (to, active))| mapping(n, *to, *active)).collect();
            let nothing = BTreeSet::new();
            let rules = Rules::new(&mappings, (!knows_groups).then_some(&nothing));
            let retired: BTreeSet<RoleId> = retired.into_iter().map(role).collect();
            let go = unnamed(&retired, &rules);
            for n in 1..6 {
                let named = given.iter().any(|(to, active)| *to == n && *active);
                proptest::prop_assert_eq!(go.contains(&role(n)), retired.contains(&role(n)) && !named);
            }
        }
    }
}
