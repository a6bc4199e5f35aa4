//! Which changes of a plan are made where a guild's setting lets only so many through: a pure function.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::ids::{DiscordId, RoleId};

/// A change that a plan holds. Those of one priority go in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// An account joins, with all its roles; counts as one change.
    Join(DiscordId),
    /// A member gets a role.
    Add(DiscordId, RoleId),
    /// A member loses a role.
    Remove(DiscordId, RoleId),
}

/// The `max` changes that go first: by priority, the highest first; then joins, additions, removals; then by account and
/// role, so that a plan that is made again is the same.
pub fn first(mut changes: Vec<(i32, Change)>, max: u32) -> BTreeSet<Change> {
    changes.sort_by_key(|(priority, change)| (Reverse(*priority), *change));
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    changes.into_iter().take(max).map(|(_, change)| change).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn change() -> impl Strategy<Value = Change> {
        (0..3, 1u64..6, 1u64..4).prop_map(|(what, account, role)| {
            let (account, role) = (DiscordId::new(account).unwrap(), RoleId::new(role).unwrap());
            match what {
                0 => Change::Join(account),
                1 => Change::Add(account, role),
                _ => Change::Remove(account, role),
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_more_than_the_maximum_go_and_none_that_stays_has_a_higher_priority(
            changes in proptest::collection::btree_map(change(), -3i32..3, 0..20),
            max in 0u32..25,
        ) {
            let all: Vec<(i32, Change)> = changes.iter().map(|(c, p)| (*p, *c)).collect();
            let kept = first(all, max);
            prop_assert_eq!(kept.len(), changes.len().min(max as usize));
            let lowest = kept.iter().map(|c| changes[c]).min();
            let highest_left = changes.iter().filter(|(c, _)| !kept.contains(c)).map(|(_, p)| *p).max();
            if let (Some(lowest), Some(left)) = (lowest, highest_left) {
                prop_assert!(lowest >= left);
            }
        }

        #[test]
        fn the_order_in_which_changes_were_found_is_irrelevant(
            changes in proptest::collection::btree_map(change(), -3i32..3, 0..20),
            max in 0u32..25,
        ) {
            let forward: Vec<(i32, Change)> = changes.iter().map(|(c, p)| (*p, *c)).collect();
            let backward = forward.iter().rev().copied().collect();
            prop_assert_eq!(first(forward, max), first(backward, max));
        }
    }
}
