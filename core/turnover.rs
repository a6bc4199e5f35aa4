//! Who came to a guild and who left it between two readings of its members: pure functions.
//!
//! Discord tells of each member when it joined, by its own clock. Whoever joined later than the newest member of the
//! reading before has come since, and the two numbers of members then say how many left. Who left and came back counts as
//! both; who came and left between the readings was seen by neither.

use crate::time::Timestamp;

/// What a reading leaves for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// How many members there were.
    pub members: u64,
    /// When the newest of them joined, or of those before.
    pub newest_join: Timestamp,
}

/// How many came and how many left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turnover {
    /// Joined, and are still there.
    pub joined: u64,
    /// Were there, and left.
    pub left: u64,
}

/// A reading that is under way.
#[derive(Debug)]
pub struct Count {
    before: Option<Reading>,
    members: u64,
    joined: u64,
    newest_join: Option<Timestamp>,
}

impl Count {
    /// Begins. Without a reading before, nothing is known of who came and left.
    pub const fn since(before: Option<Reading>) -> Self {
        Self {
            before,
            members: 0,
            joined: 0,
            newest_join: None,
        }
    }

    /// One member, and when it joined (`None`: Discord does not say).
    pub fn member(&mut self, joined_at: Option<Timestamp>) {
        self.members += 1;
        self.newest_join = self.newest_join.max(joined_at);
        let is_new = |before: Reading| joined_at > Some(before.newest_join);
        self.joined += u64::from(self.before.is_some_and(is_new));
    }

    /// When the newest member joined, of this reading or of those before. Never goes back.
    pub fn newest_join(&self) -> Option<Timestamp> {
        self.newest_join.max(self.before.map(|before| before.newest_join))
    }

    /// Who came and who left since the reading before.
    pub fn turnover(&self) -> Option<Turnover> {
        let before = self.before?;
        Some(Turnover {
            joined: self.joined,
            left: (before.members + self.joined).saturating_sub(self.members),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(before: Option<Reading>, joins: &[i64]) -> (Reading, Option<Turnover>) {
        let mut count = Count::since(before);
        for at in joins {
            count.member(Some(Timestamp(*at)));
        }
        let reading = Reading {
            members: joins.len() as u64,
            newest_join: count.newest_join().unwrap_or_default(),
        };
        (reading, count.turnover())
    }

    #[test]
    fn the_first_reading_tells_of_nobody_and_a_swap_is_two() {
        let (first, none) = read(None, &[1, 5, 9]);
        assert_eq!(none, None);
        let (second, swapped) = read(Some(first), &[1, 9, 12]);
        assert_eq!(swapped, Some(Turnover { joined: 1, left: 1 }));
        assert_eq!(
            read(Some(second), &[1, 9, 12]).1,
            Some(Turnover { joined: 0, left: 0 })
        );
    }

    #[test]
    fn members_of_whom_discord_does_not_say_it_are_no_newcomers() {
        let (first, _) = read(None, &[5]);
        let mut count = Count::since(Some(first));
        count.member(None);
        count.member(Some(Timestamp(5)));
        assert_eq!(count.turnover(), Some(Turnover { joined: 0, left: 0 }));
    }

    proptest! {
        /// What each member does between two readings: 0 stays, 1 leaves, 2 leaves and comes back; and how many come.
        #[test]
        fn who_came_and_left_is_counted_one_by_one(
            rounds in prop::collection::vec((prop::collection::vec(0..3u8, 0..12), 0..5u64), 1..8)
        ) {
            let (mut clock, mut joins) = (100, vec![1_i64, 2, 3]);
            let mut before = read(None, &joins).0;
            for (does, come) in rounds {
                let mut expected = Turnover { joined: come, left: 0 };
                let mut next = Vec::new();
                for (n, at) in joins.iter().enumerate() {
                    match does.get(n) {
                        Some(1) => expected.left += 1,
                        Some(2) => {
                            clock += 1;
                            next.push(clock);
                            expected.left += 1;
                            expected.joined += 1;
                        }
                        _ => next.push(*at),
                    }
                }
                for _ in 0..come {
                    clock += 1;
                    next.push(clock);
                }
                joins = next;
                let (reading, turnover) = read(Some(before), &joins);
                prop_assert_eq!(turnover, Some(expected));
                before = reading;
            }
        }
    }
}
