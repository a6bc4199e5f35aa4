//! From what a member has and should have to the calls that make it so.

use std::collections::{BTreeMap, BTreeSet};

use crate::desired::Desired;
use crate::hierarchy::Obstacle;
use crate::ids::{DiscordId, RoleId};

/// The difference for one member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// Roles to give.
    pub add: BTreeSet<RoleId>,
    /// Roles to take.
    pub remove: BTreeSet<RoleId>,
    /// Roles that should be given or taken, but cannot be.
    pub blocked: BTreeMap<RoleId, Obstacle>,
}

impl Diff {
    /// Nothing to do.
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }

    /// How many roles change hands.
    pub fn len(&self) -> usize {
        self.add.len() + self.remove.len()
    }
}

/// Compares. Only roles in `desired.managed` are ever taken; `obstacle` says which roles cannot be moved at all.
pub fn diff(
    held: &BTreeSet<RoleId>,
    desired: &Desired,
    obstacle: impl Fn(RoleId) -> Option<Obstacle>,
) -> Diff {
    let mut out = Diff::default();
    let missing = desired
        .wanted
        .keys()
        .filter(|r| !held.contains(r))
        .map(|r| (*r, true));
    let surplus = held
        .iter()
        .filter(|r| desired.managed.contains(r) && !desired.wanted.contains_key(r))
        .map(|r| (*r, false));
    for (role, give) in missing.chain(surplus) {
        match obstacle(role) {
            Some(why) => {
                out.blocked.insert(role, why);
            }
            None if give => {
                out.add.insert(role);
            }
            None => {
                out.remove.insert(role);
            }
        }
    }
    out
}

/// What a member holds after a difference was applied.
pub fn apply(held: &BTreeSet<RoleId>, diff: &Diff) -> BTreeSet<RoleId> {
    held.difference(&diff.remove)
        .copied()
        .chain(diff.add.iter().copied())
        .collect()
}

/// One write to Discord.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// `PUT` the role.
    Add(DiscordId, RoleId),
    /// `DELETE` the role.
    Remove(DiscordId, RoleId),
    /// `PATCH` the member with the full set.
    SetRoles(DiscordId, Diff),
}

impl Operation {
    /// How many roles change hands.
    pub fn len(&self) -> usize {
        match self {
            Self::Add(..) | Self::Remove(..) => 1,
            Self::SetRoles(_, diff) => diff.len(),
        }
    }

    /// Never: an operation changes something.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it takes a role away.
    pub fn removes(&self) -> bool {
        match self {
            Self::Add(..) => false,
            Self::Remove(..) => true,
            Self::SetRoles(_, diff) => !diff.remove.is_empty(),
        }
    }
}

/// Shares operations between Discord's two write budgets of a guild: single-role calls (`PUT`, `DELETE`), and `PATCH`.
/// Each is about one call a second (observed, not documented), so using both halves the time.
///
/// A single change goes by the role lane, which needs no read. Only when that lane is more than
/// [`Lanes::SPILL`] calls longer does it go by `PATCH`, which costs a read more. Several changes of one member go by
/// `PATCH`, one call for all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lanes {
    role_calls: u64,
    member_calls: u64,
}

impl Lanes {
    /// About two minutes of one lane: below this, fewer calls count more than time.
    pub const SPILL: u64 = 120;

    /// Lanes that already have this many calls waiting: single-role ones, and `PATCH`es.
    pub fn with_backlog(role_calls: u64, member_calls: u64) -> Self {
        Self {
            role_calls,
            member_calls,
        }
    }

    /// The operations for one member.
    pub fn assign(&mut self, member: DiscordId, diff: Diff) -> Vec<Operation> {
        let n = diff.len() as u64;
        if n == 0 {
            return Vec::new();
        }
        let by_role = if n == 1 {
            self.role_calls <= self.member_calls + Self::SPILL
        } else {
            // Several changes: single calls only where the PATCH lane is far behind.
            self.role_calls + n + Self::SPILL < self.member_calls
        };
        if !by_role {
            self.member_calls += 1;
            return vec![Operation::SetRoles(member, diff)];
        }
        self.role_calls += n;
        let adds = diff.add.into_iter().map(|r| Operation::Add(member, r));
        adds.chain(diff.remove.into_iter().map(|r| Operation::Remove(member, r)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn roles() -> impl Strategy<Value = BTreeSet<RoleId>> {
        proptest::collection::btree_set((1u64..12).prop_map(|n| RoleId::new(n).unwrap()), 0..10)
    }

    fn desired(wanted: &BTreeSet<RoleId>, managed: &BTreeSet<RoleId>) -> Desired {
        // What is wanted comes from mappings, so it is managed, too.
        Desired {
            wanted: wanted.iter().map(|r| (*r, Vec::new())).collect(),
            managed: managed.union(wanted).copied().collect(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_plan_applied_gives_the_desired_roles(wanted in roles(), held in roles(), managed in roles()) {
            let desired = desired(&wanted, &managed);
            let after = apply(&held, &diff(&held, &desired, |_| None));
            let ours: BTreeSet<_> = after.intersection(&desired.managed).copied().collect();
            prop_assert_eq!(ours, wanted);
        }

        #[test]
        fn a_second_plan_after_the_first_is_empty(wanted in roles(), held in roles(), managed in roles()) {
            let desired = desired(&wanted, &managed);
            let after = apply(&held, &diff(&held, &desired, |_| None));
            prop_assert!(diff(&after, &desired, |_| None).is_empty());
        }

        #[test]
        fn roles_that_are_not_ours_never_move(wanted in roles(), held in roles(), managed in roles()) {
            let desired = desired(&wanted, &managed);
            let after = apply(&held, &diff(&held, &desired, |_| None));
            let foreign = |set: &BTreeSet<RoleId>| set.difference(&desired.managed).copied().collect::<Vec<_>>();
            prop_assert_eq!(foreign(&after), foreign(&held));
        }

        #[test]
        fn a_blocked_role_stays_as_it_is(wanted in roles(), held in roles(), blocked in roles()) {
            let desired = desired(&wanted, &held);
            let plan = diff(&held, &desired, |r| blocked.contains(&r).then_some(Obstacle::RoleAboveBot));
            prop_assert!(plan.add.is_disjoint(&blocked) && plan.remove.is_disjoint(&blocked));
        }

        #[test]
        fn every_change_is_in_exactly_one_operation(wanted in roles(), held in roles(), role_calls in 0u64..500, member_calls in 0u64..500) {
            let plan = diff(&held, &desired(&wanted, &held), |_| None);
            let mut lanes = Lanes::with_backlog(role_calls, member_calls);
            let ops = lanes.assign(DiscordId::new(1).unwrap(), plan.clone());
            prop_assert_eq!(ops.iter().map(Operation::len).sum::<usize>(), plan.len());
        }
    }

    #[test]
    fn a_hundred_single_changes_cost_a_hundred_single_calls() {
        let mut lanes = Lanes::default();
        for n in 1..=100 {
            let plan = Diff {
                add: [RoleId::new(1).unwrap()].into(),
                ..Diff::default()
            };
            let ops = lanes.assign(DiscordId::new(n).unwrap(), plan);
            assert!(matches!(ops[..], [Operation::Add(..)]));
        }
    }

    #[test]
    fn several_changes_of_one_member_are_one_call() {
        let plan = Diff {
            add: [1, 2, 3].map(|r| RoleId::new(r).unwrap()).into(),
            ..Diff::default()
        };
        assert_eq!(Lanes::default().assign(DiscordId::new(1).unwrap(), plan).len(), 1);
    }

    #[test]
    fn a_long_plan_uses_both_budgets() {
        let mut lanes = Lanes::default();
        for n in 1..=10_000 {
            let plan = Diff {
                add: [RoleId::new(1).unwrap()].into(),
                ..Diff::default()
            };
            lanes.assign(DiscordId::new(n).unwrap(), plan);
        }
        assert!(lanes.role_calls.abs_diff(lanes.member_calls) <= Lanes::SPILL + 1);
    }
}
