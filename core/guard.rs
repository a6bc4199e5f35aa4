//! When a plan is held back: a pure function of the removals it holds.
//!
//! Every role sync that hurt its community did it by removing. Additions are never held.

use serde::{Deserialize, Serialize};

/// How much may be taken away in one guild by one run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Share of the linked members who may lose a role, from 0 to 1.
    pub share: f64,
    /// So many members may lose a role whatever their share, so that small guilds are not held for nothing.
    pub floor: u64,
}

impl Default for Limits {
    /// A quarter of the linked members, and always twenty.
    fn default() -> Self {
        Self {
            share: 0.25,
            floor: 20,
        }
    }
}

/// What a plan would take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removals {
    /// Linked members that the plan looked at.
    pub linked: u64,
    /// Of these, how many would lose at least one role.
    pub losing: u64,
}

/// Why a plan is held, or `None` if it may go.
pub fn held(removals: Removals, limits: Limits) -> Option<String> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of members are far below 2^52 and not negative"
    )]
    let allowed = ((removals.linked as f64 * limits.share.clamp(0.0, 1.0)).floor() as u64).max(limits.floor);
    (removals.losing > allowed).then(|| {
        format!(
            "{} of {} linked members would lose a role, more than the {} allowed at once",
            removals.losing, removals.linked, allowed
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_few_removals_pass_and_a_mass_removal_is_held() {
        let limits = Limits::default();
        assert_eq!(
            held(
                Removals {
                    linked: 30,
                    losing: 20
                },
                limits
            ),
            None
        );
        assert_eq!(
            held(
                Removals {
                    linked: 1_000,
                    losing: 250
                },
                limits
            ),
            None
        );
        assert!(
            held(
                Removals {
                    linked: 1_000,
                    losing: 251
                },
                limits
            )
            .unwrap()
            .contains("251 of 1000")
        );
        assert!(
            held(
                Removals {
                    linked: 21,
                    losing: 21
                },
                limits
            )
            .is_some()
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn fewer_removals_are_never_held_where_more_pass(linked in 0u64..10_000, losing in 1u64..10_000) {
            let limits = Limits::default();
            if held(Removals { linked, losing }, limits).is_none() {
                prop_assert_eq!(held(Removals { linked, losing: losing - 1 }, limits), None);
            }
        }
    }
}
