//! The way of envelopes from the relay to a worker: through Redis, or inside one process.
//!
//! Both ways are driven by an apalis worker for each lane, with the same handler: the job runs as a tokio task of its
//! own, and the envelope is acknowledged whatever became of it. The ledger is the truth; an envelope is a hint.

mod envelope;
pub mod memory;
pub mod redis;
mod stop;

use rolecall_core::job::Lane;

/// How many jobs of each lane one process works at, at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// For [`Lane::Interactive`].
    pub interactive: usize,
    /// For [`Lane::Normal`].
    pub normal: usize,
    /// For [`Lane::Bulk`].
    pub bulk: usize,
}

impl Slots {
    /// So many in all: a quarter for each of the urgent lanes, and the rest for [`Lane::Bulk`]. Each lane has one at least,
    /// so they are never fewer than three.
    pub const fn shared(total: usize) -> Self {
        let quarter = if total < 8 { 1 } else { total / 4 };
        let bulk = total.saturating_sub(2 * quarter);
        Self {
            interactive: quarter,
            normal: quarter,
            bulk: if bulk == 0 { 1 } else { bulk },
        }
    }

    /// The slots of a lane; at least 1, since a lane without a slot would never move.
    pub const fn of(self, lane: Lane) -> usize {
        let slots = match lane {
            Lane::Interactive => self.interactive,
            Lane::Normal => self.normal,
            Lane::Bulk => self.bulk,
        };
        if slots == 0 { 1 } else { slots }
    }
}

impl Default for Slots {
    fn default() -> Self {
        Self::shared(64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slots_of_all_lanes_are_as_many_as_the_setting_says() {
        for total in 0..=200 {
            let slots = Slots::shared(total);
            let sum: usize = Lane::ALL.map(|lane| slots.of(lane)).iter().sum();
            assert_eq!(sum, total.max(Lane::ALL.len()), "{slots:?}");
        }
        let slots = Slots::default();
        assert_eq!((slots.interactive, slots.normal, slots.bulk), (16, 16, 32));
    }
}
