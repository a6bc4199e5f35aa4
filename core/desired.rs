//! Which roles a member should have.

use std::collections::{BTreeMap, BTreeSet};

use crate::conditions::{Conditions, Decision, Facts, decide, unknown_groups};
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
    /// Roles of which we decide for this member; no other role is ever touched.
    pub managed: BTreeSet<RoleId>,
}

impl Desired {
    /// The wanted roles alone.
    pub fn roles(&self) -> BTreeSet<RoleId> {
        self.wanted.keys().copied().collect()
    }
}

/// An active mapping whose groups the directory knows.
#[derive(Debug, Clone)]
struct Rule {
    id: MappingId,
    role: RoleId,
    conditions: Conditions,
}

/// The active mappings of one guild, ready to be asked about many members.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Somebody who is not in a group is denied by all of its mappings.
    by_group: BTreeMap<GroupId, Vec<Rule>>,
    managed: BTreeSet<RoleId>,
    /// Roles of all active mappings, undecided ones included, with the highest priority of these mappings.
    priorities: BTreeMap<RoleId, i32>,
}

impl Rules {
    /// Takes the active mappings whose groups the directory knows.
    ///
    /// A mapping that names an unknown group is undecided: it neither gives its role nor lets it be taken, because
    /// nobody can say who belongs to it. `known` is `None` where the directory cannot list its groups; then every group
    /// counts as known.
    pub fn new(mappings: &[Mapping], known: Option<&BTreeSet<GroupId>>) -> Self {
        let mut rules = Self::default();
        let mut undecided = BTreeSet::new();
        for mapping in mappings.iter().filter(|m| m.is_active) {
            let priority = rules
                .priorities
                .entry(mapping.role_id)
                .or_insert(mapping.priority);
            *priority = mapping.priority.max(*priority);
            if unknown_groups(&mapping.conditions, &mapping.group_id, known)
                .next()
                .is_some()
            {
                undecided.insert(mapping.role_id);
                continue;
            }
            rules.managed.insert(mapping.role_id);
            rules
                .by_group
                .entry(mapping.group_id.clone())
                .or_default()
                .push(Rule {
                    id: mapping.id.clone(),
                    role: mapping.role_id,
                    conditions: mapping.conditions.clone(),
                });
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

    /// Whether an active mapping names this role, be it an undecided one.
    pub fn names(&self, role: RoleId) -> bool {
        self.priorities.contains_key(&role)
    }

    /// Whether there is nothing to decide.
    pub fn is_empty(&self) -> bool {
        self.priorities.is_empty()
    }

    /// The highest priority of the active mappings of this role: which change goes first where not all may.
    pub fn priority(&self, role: RoleId) -> i32 {
        self.priorities.get(&role).copied().unwrap_or(0)
    }

    /// What the mappings of the user's groups say; those of other groups deny.
    fn decisions<'a>(&'a self, facts: &'a Facts) -> impl Iterator<Item = (&'a Rule, Decision)> {
        let of_group = |g: &'a GroupId| self.by_group.get(g).map(|rules| (g, rules));
        facts
            .groups
            .iter()
            .filter_map(of_group)
            .flat_map(move |(group, rules)| {
                rules
                    .iter()
                    .map(move |rule| (rule, decide(&rule.conditions, group, facts, None)))
            })
    }

    /// What such a user should have: the union over all mappings that grant. Where mappings of one role disagree, one
    /// that grants gives it; where none grants and one is undecided, the role is not ours to decide.
    pub fn desired(&self, facts: &Facts) -> Desired {
        if facts.banned {
            return Desired {
                wanted: BTreeMap::new(),
                managed: self.priorities.keys().copied().collect(),
            };
        }
        let mut wanted: BTreeMap<RoleId, Vec<MappingId>> = BTreeMap::new();
        let mut managed = self.managed.clone();
        for (rule, decision) in self.decisions(facts) {
            match decision {
                Decision::Grants => wanted.entry(rule.role).or_default().push(rule.id.clone()),
                Decision::Undecided => {
                    managed.remove(&rule.role);
                }
                Decision::Denies => {}
            }
        }
        Desired { wanted, managed }
    }

    /// Whether such a user should have this role.
    pub fn wants(&self, facts: &Facts, role: RoleId) -> bool {
        self.decisions(facts)
            .any(|(rule, decision)| rule.role == role && decision == Decision::Grants)
    }

    /// Whether such a user should not have this role, and we are the ones to say so.
    pub fn denies(&self, facts: &Facts, role: RoleId) -> bool {
        if facts.banned {
            return self.priorities.contains_key(&role);
        }
        let mut of_role = self.decisions(facts).filter(|(rule, _)| rule.role == role);
        self.managed.contains(&role) && of_role.all(|(_, decision)| decision == Decision::Denies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions_tests::{any_conditions, any_facts};
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
            conditions: Conditions::default(),
            is_active,
            created_by: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            last_sync: None,
            sync_count: 0,
        }
    }

    fn groups(names: &[&str]) -> BTreeSet<GroupId> {
        names.iter().map(|n| GroupId::from(*n)).collect()
    }

    fn member_of(names: &[&str]) -> Facts {
        Facts {
            groups: groups(names),
            ..Facts::default()
        }
    }

    fn role(n: u64) -> RoleId {
        RoleId::new(n).unwrap()
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
        let desired = rules.desired(&member_of(&["a", "b", "unmapped"]));
        assert_eq!(desired.roles(), [role(1), role(2)].into());
        assert_eq!(desired.wanted[&role(1)].len(), 2);
    }

    #[test]
    fn an_inactive_mapping_neither_gives_nor_takes() {
        let rules = Rules::new(&[mapping("a", 1, false)], None);
        assert!(rules.desired(&member_of(&["a"])).wanted.is_empty());
        assert!(rules.managed().is_empty());
    }

    #[test]
    fn a_mapping_of_an_unknown_group_is_undecided_and_nobody_loses_its_role() {
        let rules = Rules::new(
            &[mapping("a", 1, true), mapping("gone", 1, true)],
            Some(&groups(&["a"])),
        );
        assert!(rules.wants(&member_of(&["a"]), role(1)));
        assert!(rules.managed().is_empty());
        assert!(!rules.denies(&member_of(&[]), role(1)));
    }

    #[test]
    fn where_mappings_of_a_role_disagree_one_that_grants_gives_it() {
        let mut excluding = mapping("b", 1, true);
        excluding.conditions.excluded_groups = vec!["a".into()];
        let rules = Rules::new(&[mapping("a", 1, true), excluding], None);
        assert!(rules.wants(&member_of(&["a", "b"]), role(1)));
    }

    #[test]
    fn a_role_that_is_undecided_for_a_user_is_left_as_it_is_for_this_user_alone() {
        let mut counting = mapping("a", 1, true);
        counting.conditions.character_count_min = Some(2);
        let rules = Rules::new(&[counting], None);
        let unsure = rules.desired(&member_of(&["a"]));
        assert!(unsure.wanted.is_empty() && unsure.managed.is_empty());
        let sure = rules.desired(&member_of(&["b"]));
        assert_eq!(sure.managed, [role(1)].into());
    }

    #[test]
    fn a_banned_user_loses_every_mapped_role_and_nothing_else() {
        let rules = Rules::new(
            &[
                mapping("a", 1, true),
                mapping("gone", 2, true),
                mapping("a", 3, false),
            ],
            Some(&groups(&["a"])),
        );
        let banned = Facts {
            banned: true,
            ..member_of(&["a"])
        };
        let desired = rules.desired(&banned);
        assert!(desired.wanted.is_empty());
        assert_eq!(desired.managed, [role(1), role(2)].into());
        assert!(rules.denies(&banned, role(2)) && !rules.denies(&banned, role(3)));
    }

    #[test]
    fn a_role_has_the_highest_priority_of_its_mappings() {
        let of = |group: &str, priority| Mapping {
            priority,
            ..mapping(group, 1, true)
        };
        let rules = Rules::new(&[of("a", -5), of("b", 7), of("c", 2)], None);
        assert_eq!((rules.priority(role(1)), rules.priority(role(2))), (7, 0));
    }

    const NAMES: [&str; 4] = ["a", "b", "c", "d"];

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig {
            failure_persistence: None, ..proptest::prelude::ProptestConfig::default()
        })]

        /// The index by groups is only an index: what comes out is what every mapping, asked for itself, says.
        #[test]
        fn the_rules_say_what_their_mappings_say(
            given in proptest::collection::vec(
                (0usize..4, 1u64..5, proptest::bool::weighted(0.9), any_conditions()), 0..8,
            ),
            facts in any_facts(),
            known in proptest::option::of(proptest::sample::subsequence(NAMES.to_vec(), 2..=4)),
        ) {
            let mappings: Vec<Mapping> = given
                .into_iter()
                .map(|(g, r, active, conditions)| Mapping { conditions, ..mapping(NAMES[g], r, active) })
                .collect();
            let known = known.map(|names| groups(&names));
            let reversed: Vec<Mapping> = mappings.iter().rev().cloned().collect();
            let rules = Rules::new(&mappings, known.as_ref());
            let desired = rules.desired(&facts);
            let backward = Rules::new(&reversed, known.as_ref()).desired(&facts);
            proptest::prop_assert_eq!((desired.roles(), &desired.managed), (backward.roles(), &backward.managed));
            for role in (1..5).map(role) {
                let said: Vec<Decision> = mappings
                    .iter()
                    .filter(|m| m.is_active && m.role_id == role)
                    .map(|m| decide(&m.conditions, &m.group_id, &facts, known.as_ref()))
                    .collect();
                let wanted = said.contains(&Decision::Grants);
                let denied = !said.is_empty() && said.iter().all(|d| *d == Decision::Denies);
                proptest::prop_assert_eq!(desired.wanted.contains_key(&role), wanted);
                proptest::prop_assert_eq!(rules.wants(&facts, role), wanted);
                proptest::prop_assert_eq!(rules.denies(&facts, role), denied);
                let taken = desired.managed.contains(&role) && !wanted;
                proptest::prop_assert_eq!(taken, denied);
            }
        }
    }
}
