//! Which roles a member should have.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{GroupId, MappingId, RoleId};
use crate::mapping::Mapping;

/// What the directory knows of one user. Unknown is not empty: it decides nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// These groups, perhaps none.
    Known(BTreeSet<GroupId>),
    /// The directory has never heard of this user.
    Unknown,
}

/// The roles that rolecall decides about for one member, and what it decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    /// The member should have these. With each, the mappings that give it.
    pub wanted: BTreeMap<RoleId, Vec<MappingId>>,
    /// Roles of which we decide; no other role is ever touched.
    pub managed: BTreeSet<RoleId>,
}

impl Desired {
    /// The wanted roles alone.
    pub fn roles(&self) -> BTreeSet<RoleId> {
        self.wanted.keys().copied().collect()
    }
}

/// The active mappings of one guild, ready to be asked about many members.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    by_group: BTreeMap<GroupId, Vec<(RoleId, MappingId)>>,
    managed: BTreeSet<RoleId>,
}

impl Rules {
    /// Takes the active mappings whose group the directory knows.
    ///
    /// A mapping whose group is unknown is undecided: it neither gives its role nor lets it be taken, because nobody
    /// can say who belongs to it. `known` is `None` where the directory cannot list its groups; then every group
    /// counts as known.
    pub fn new(mappings: &[Mapping], known: Option<&BTreeSet<GroupId>>) -> Self {
        let mut rules = Self::default();
        let mut undecided = BTreeSet::new();
        for mapping in mappings.iter().filter(|m| m.is_active) {
            if known.is_some_and(|groups| !groups.contains(&mapping.group_id)) {
                undecided.insert(mapping.role_id);
                continue;
            }
            rules.managed.insert(mapping.role_id);
            rules
                .by_group
                .entry(mapping.group_id.clone())
                .or_default()
                .push((mapping.role_id, mapping.id.clone()));
        }
        // Another mapping may still give such a role, but its absence from the rest proves nothing.
        for role in undecided {
            rules.managed.remove(&role);
        }
        rules
    }

    /// Roles that may be taken away from somebody who should not have them.
    pub fn managed(&self) -> &BTreeSet<RoleId> {
        &self.managed
    }

    /// Whether there is nothing to decide.
    pub fn is_empty(&self) -> bool {
        self.by_group.is_empty()
    }

    /// What a member of these groups should have: the union over all mappings.
    pub fn desired(&self, groups: &BTreeSet<GroupId>) -> Desired {
        let mut wanted: BTreeMap<RoleId, Vec<MappingId>> = BTreeMap::new();
        for (role, mapping) in groups.iter().filter_map(|g| self.by_group.get(g)).flatten() {
            wanted.entry(*role).or_default().push(mapping.clone());
        }
        Desired {
            wanted,
            managed: self.managed.clone(),
        }
    }

    /// Whether a member of these groups should have this role.
    pub fn wants(&self, groups: &BTreeSet<GroupId>, role: RoleId) -> bool {
        groups
            .iter()
            .filter_map(|g| self.by_group.get(g))
            .flatten()
            .any(|(r, _)| *r == role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::GuildId;
    use crate::time::Timestamp;

    fn mapping(group: &str, role: u64, is_active: bool) -> Mapping {
        Mapping {
            id: MappingId(format!("{group}-{role}")),
            guild_id: GuildId::new(1).unwrap(),
            group_id: group.into(),
            group_name: group.into(),
            role_id: RoleId::new(role).unwrap(),
            role_name: String::new(),
            priority: 0,
            conditions: crate::conditions::Conditions::default(),
            is_active,
            created_by: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        }
    }

    fn groups(names: &[&str]) -> BTreeSet<GroupId> {
        names.iter().map(|n| GroupId::from(*n)).collect()
    }

    #[test]
    fn a_member_gets_the_union_of_what_its_groups_give() {
        let rules = Rules::new(
            &[
                mapping("a", 1, true),
                mapping("b", 1, true),
                mapping("b", 2, true),
            ],
            None,
        );
        let desired = rules.desired(&groups(&["a", "b", "unmapped"]));
        assert_eq!(desired.roles(), [1, 2].map(|r| RoleId::new(r).unwrap()).into());
        assert_eq!(desired.wanted[&RoleId::new(1).unwrap()].len(), 2);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig {
            failure_persistence: None, ..proptest::prelude::ProptestConfig::default()
        })]

        #[test]
        fn the_order_of_mappings_is_irrelevant_and_the_union_over_them_counts(
            pairs in proptest::collection::vec((0usize..5, 1u64..8, proptest::bool::ANY), 0..12),
            held in proptest::collection::btree_set(0usize..5, 0..5),
        ) {
            const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
            let mut mappings: Vec<_> = pairs.iter().map(|(g, r, active)| mapping(NAMES[*g], *r, *active)).collect();
            let groups: BTreeSet<GroupId> = held.iter().map(|g| GroupId::from(NAMES[*g])).collect();
            let forward = Rules::new(&mappings, None);
            mappings.reverse();
            let backward = Rules::new(&mappings, None);
            proptest::prop_assert_eq!(forward.desired(&groups).roles(), backward.desired(&groups).roles());
            proptest::prop_assert_eq!(forward.managed(), backward.managed());
            let union: BTreeSet<RoleId> = pairs
                .iter()
                .filter(|(g, _, active)| *active && held.contains(g))
                .filter_map(|(_, r, _)| RoleId::new(*r))
                .collect();
            proptest::prop_assert_eq!(forward.desired(&groups).roles(), union);
        }
    }

    #[test]
    fn an_inactive_mapping_neither_gives_nor_takes() {
        let rules = Rules::new(&[mapping("a", 1, false)], None);
        assert!(rules.desired(&groups(&["a"])).wanted.is_empty());
        assert!(rules.managed().is_empty());
    }

    #[test]
    fn a_mapping_of_an_unknown_group_is_undecided_and_nobody_loses_its_role() {
        let rules = Rules::new(
            &[mapping("a", 1, true), mapping("gone", 1, true)],
            Some(&groups(&["a"])),
        );
        assert!(rules.wants(&groups(&["a"]), RoleId::new(1).unwrap()));
        assert!(rules.managed().is_empty());
    }
}
