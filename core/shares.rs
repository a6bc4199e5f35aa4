//! How lanes divide what they share: 6 : 3 : 1.
//!
//! Stride scheduling: each lane has a number that says how much it was given, divided by its weight, and the lane with
//! the lowest number is next. So a lane gets its part while others want theirs, and everything while they do not.

use serde::{Deserialize, Serialize};

use crate::job::Lane;

/// What a call costs a lane, in the order of [`Lane::ALL`]: 30 divided by the weights 6, 3 and 1.
pub const STRIDES: [u64; 3] = [5, 10, 30];

/// Lanes, in the order of [`Lane::ALL`].
pub type PerLane<T> = [T; 3];

/// Where a place stands among those of all lanes. Smaller is earlier; the more urgent lane first among equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    pass: u64,
    lane: Lane,
}

/// What each lane was given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    passes: PerLane<u64>,
}

impl Shares {
    /// Somebody comes to a lane; `queued` are the places that were taken before.
    ///
    /// A lane that was empty has saved nothing up: it begins where the one is that is next. When nobody waits at all,
    /// what was given before is forgotten.
    pub fn wake(&mut self, lane: Lane, queued: PerLane<usize>) {
        let own = usize::from(lane.rank());
        if queued[own] > 0 {
            return;
        }
        let others = (0..queued.len()).filter(|l| queued[*l] > 0);
        match others.map(|l| self.passes[l]).min() {
            Some(next) => self.passes[own] = self.passes[own].max(next),
            None => self.passes = PerLane::default(),
        }
    }

    /// The turn of a lane's place, by how many of its lane are before it.
    pub fn turn(&self, lane: Lane, index: usize) -> Turn {
        let l = usize::from(lane.rank());
        Turn {
            pass: self.passes[l] + STRIDES[l] * index as u64,
            lane,
        }
    }

    /// How many places of a lane, were it long enough, come before this turn.
    pub fn before(&self, lane: Lane, turn: Turn) -> usize {
        let l = usize::from(lane.rank());
        let Some(lead) = turn.pass.checked_sub(self.passes[l]) else {
            return 0;
        };
        let count = if lane < turn.lane {
            lead / STRIDES[l] + 1
        } else {
            lead.div_ceil(STRIDES[l])
        };
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// A place of this lane is served. `queued` are the places of the others, and `held` those among them that go
    /// before it, and for which something is kept.
    ///
    /// Another lane may be behind by what is kept for it, and by no more: what it could not use is lost, so that it does
    /// not crowd out the others when it can go on.
    pub fn serve(&mut self, lane: Lane, queued: PerLane<usize>, held: PerLane<usize>) {
        let own = usize::from(lane.rank());
        let pass = self.passes[own];
        for l in (0..queued.len()).filter(|l| *l != own && queued[*l] > 0) {
            let least = pass.saturating_sub(STRIDES[l] * held[l] as u64);
            self.passes[l] = self.passes[l].max(least);
        }
        self.passes[own] = pass + STRIDES[own];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lane that is next, of those in which somebody waits.
    fn next(shares: &Shares, queued: PerLane<usize>) -> Lane {
        let waiting = Lane::ALL
            .into_iter()
            .filter(|l| queued[usize::from(l.rank())] > 0);
        waiting.min_by_key(|l| shares.turn(*l, 0)).unwrap()
    }

    fn serve(shares: &mut Shares, queued: PerLane<usize>) -> Lane {
        let lane = next(shares, queued);
        shares.serve(lane, queued, [0; 3]);
        lane
    }

    const FULL: PerLane<usize> = [1_000; 3];

    #[test]
    fn of_ten_calls_six_are_interactive_three_normal_and_one_bulk() {
        let mut shares = Shares::default();
        let served: String = (0..20).map(|_| &serve(&mut shares, FULL).as_str()[..1]).collect();
        assert_eq!(served, "inbiiniiniinbiiniini");
    }

    #[test]
    fn places_are_counted_as_they_will_be_served() {
        for lane in Lane::ALL {
            for index in 0..20 {
                let mut shares = Shares::default();
                shares.serve(Lane::Normal, FULL, [0, 0, 0]);
                let turn = shares.turn(lane, index);
                let counted = Lane::ALL.map(|l| shares.before(l, turn));
                let mut served = [0; 3];
                while next(&shares, FULL) != lane || served[usize::from(lane.rank())] < index {
                    served[usize::from(serve(&mut shares, FULL).rank())] += 1;
                }
                assert_eq!(counted, served, "{lane} {index}");
            }
        }
    }

    #[test]
    fn a_lane_is_behind_by_what_is_kept_for_it_and_by_no_more() {
        for held in 0..5 {
            let mut shares = Shares::default();
            for _ in 0..60 {
                shares.serve(Lane::Interactive, FULL, [0, 0, held]);
            }
            let first = shares.turn(Lane::Interactive, 0);
            assert_eq!(shares.before(Lane::Bulk, first), held + 1);
        }
    }

    proptest! {
        #[test]
        fn with_all_lanes_full_every_long_stretch_is_six_to_three_to_one(
            before in proptest::collection::vec(proptest::array::uniform3(0..3_usize), 0..200),
            length in 1..40_usize,
        ) {
            let mut shares = Shares::default();
            let mut last = [0; 3];
            for queued in before {
                for lane in Lane::ALL {
                    let l = usize::from(lane.rank());
                    if queued[l] > 0 && last[l] == 0 {
                        shares.wake(lane, last);
                        last[l] = queued[l];
                    }
                }
                last = queued;
                if queued != [0; 3] {
                    serve(&mut shares, queued);
                }
            }
            for lane in Lane::ALL {
                shares.wake(lane, last);
                last[usize::from(lane.rank())] = 1;
            }
            let mut counts = [0_usize; 3];
            for _ in 0..length * 10 {
                counts[usize::from(serve(&mut shares, FULL).rank())] += 1;
            }
            for (count, weight) in counts.into_iter().zip([6, 3, 1]) {
                // One stride of the slowest lane is six calls of the fastest.
                prop_assert!(count.abs_diff(length * weight) <= weight, "{counts:?} of {}", length * 10);
            }
        }

        #[test]
        fn a_lane_that_slept_is_next_once_and_has_saved_up_nothing(
            alone in 1..2_000_usize,
            (sleeper, other) in (0..3_usize, 0..3_usize),
        ) {
            prop_assume!(sleeper != other);
            let (sleeper, other) = (Lane::ALL[sleeper], Lane::ALL[other]);
            let mut queued = [0; 3];
            let mut shares = Shares::default();
            shares.wake(other, queued);
            queued[usize::from(other.rank())] = 1_000;
            for _ in 0..alone {
                prop_assert_eq!(serve(&mut shares, queued), other);
            }
            shares.wake(sleeper, queued);
            queued[usize::from(sleeper.rank())] = 1_000;
            let first = shares.turn(sleeper, 0);
            // Not later than the second, and before the others if it is the more urgent one.
            prop_assert_eq!(shares.before(other, first), usize::from(other < sleeper));
            let strides = STRIDES[usize::from(sleeper.rank())] + STRIDES[usize::from(other.rank())];
            let mine = (0..strides).filter(|_| serve(&mut shares, queued) == sleeper).count() as u64;
            let fair = STRIDES[usize::from(other.rank())];
            prop_assert!(mine.abs_diff(fair) <= 1, "{mine} of {strides}, fair are {fair}");
        }
    }
}
