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
        Self {
            interactive: 16,
            normal: 16,
            bulk: 32,
        }
    }
}
