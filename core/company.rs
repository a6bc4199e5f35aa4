//! Beside whom a job may run, once it was at work when its worker died.
//!
//! A worker that dies leaves all jobs that it ran, and only one of them may be what ended it. So a job that was there is a
//! suspect: no two suspects run in one process at the same time, and the run that would put a job aside has its process
//! for itself. Who is put aside then did it: nobody else was there.

use crate::ids::JobId;

/// Claims that may end without a word before a job is put aside as quarantined.
pub const QUARANTINE_AFTER: u32 = 3;

/// Beside whom a job may run in one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// Anybody.
    Anybody,
    /// Anybody but another suspect.
    NoSuspect,
    /// Nobody: one more crash puts it aside.
    Nobody,
}

impl Company {
    /// By how many of a job's claims ended without a word.
    pub const fn of(crashes: u32) -> Self {
        if crashes == 0 {
            Self::Anybody
        } else if crashes + 1 < QUARANTINE_AFTER {
            Self::NoSuspect
        } else {
            Self::Nobody
        }
    }
}

/// What a job is told at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// It is in, until it leaves.
    Open,
    /// Not now.
    Closed,
    /// It is in already, or waits to be alone: this is a second envelope of the same job.
    Inside,
}

/// The jobs at work in one process, as far as it matters who runs beside whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Room {
    unsuspected: usize,
    suspect: Option<JobId>,
    /// The suspect inside is to be alone.
    is_alone: bool,
    /// The next one to be alone. Nobody else comes in until it had its turn, so that its turn comes.
    next_alone: Option<JobId>,
}

impl Room {
    /// Asks to come in. Who is to be alone, and is told to wait, keeps others out until it came in or [`Self::gives_up`].
    pub fn ask(&mut self, id: JobId, company: Company) -> Door {
        if self.suspect == Some(id) || self.next_alone == Some(id) {
            return Door::Inside;
        }
        match company {
            _ if self.is_alone || self.next_alone.is_some() => Door::Closed,
            Company::Anybody => {
                self.unsuspected += 1;
                Door::Open
            }
            Company::NoSuspect if self.suspect.is_some() => Door::Closed,
            Company::NoSuspect => {
                self.suspect = Some(id);
                Door::Open
            }
            Company::Nobody => {
                self.next_alone = Some(id);
                self.is_empty_for(id)
            }
        }
    }

    /// Whether this one waits to be alone.
    pub fn is_next(&self, id: JobId) -> bool {
        self.next_alone == Some(id)
    }

    /// Whether the one that waits to be alone may come in now.
    pub fn is_empty_for(&mut self, id: JobId) -> Door {
        if self.next_alone != Some(id) || self.unsuspected > 0 || self.suspect.is_some() {
            return Door::Closed;
        }
        (self.suspect, self.is_alone, self.next_alone) = (Some(id), true, None);
        Door::Open
    }

    /// The one that waits to be alone waits no longer.
    pub fn gives_up(&mut self, id: JobId) {
        self.next_alone.take_if(|next| *next == id);
    }

    /// Who came in leaves.
    pub fn leave(&mut self, id: JobId) {
        if self.suspect == Some(id) {
            (self.suspect, self.is_alone) = (None, false);
        } else {
            self.unsuspected = self.unsuspected.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn job(n: u8) -> JobId {
        JobId(Uuid::from_u128(n.into()))
    }

    #[test]
    fn the_run_before_a_quarantine_is_alone_and_the_one_before_that_has_no_other_suspect() {
        let all = [
            Company::Anybody,
            Company::NoSuspect,
            Company::Nobody,
            Company::Nobody,
        ];
        assert_eq!([0, 1, 2, 3].map(Company::of), all);
    }

    #[test]
    fn who_waits_to_be_alone_keeps_others_out_and_gets_its_turn() {
        let mut room = Room::default();
        assert_eq!(room.ask(job(1), Company::Anybody), Door::Open);
        assert_eq!(room.ask(job(2), Company::Nobody), Door::Closed);
        assert_eq!(
            room.ask(job(2), Company::Nobody),
            Door::Inside,
            "a second envelope"
        );
        for company in [Company::Anybody, Company::NoSuspect, Company::Nobody] {
            assert_eq!(room.ask(job(3), company), Door::Closed);
        }
        room.leave(job(1));
        assert_eq!(room.is_empty_for(job(2)), Door::Open);
        assert_eq!(room.ask(job(3), Company::Anybody), Door::Closed);
        room.leave(job(2));
        assert_eq!(room.ask(job(3), Company::Anybody), Door::Open);
    }

    #[test]
    fn who_gives_up_lets_others_in() {
        let mut room = Room::default();
        assert_eq!(room.ask(job(1), Company::Anybody), Door::Open);
        assert_eq!(room.ask(job(2), Company::Nobody), Door::Closed);
        room.gives_up(job(2));
        assert_eq!(room.ask(job(3), Company::NoSuspect), Door::Open);
    }

    /// A process, and workers that die of some of the jobs.
    #[derive(Debug, Clone)]
    enum Step {
        Arrive(u8),
        End(u8),
        Alone,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => (0..8_u8).prop_map(Step::Arrive),
            2 => (0..8_u8).prop_map(Step::End),
            1 => Just(Step::Alone),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn suspects_never_meet_and_nobody_is_beside_the_one_that_is_to_be_alone(
            crashes in prop::collection::vec(0..4_u32, 8), steps in steps(),
        ) {
            let company = |n: u8| Company::of(crashes[usize::from(n)]);
            let (mut room, mut inside) = (Room::default(), BTreeMap::<u8, Company>::new());
            let mut waits = None;
            for step in steps {
                match step {
                    Step::Arrive(n) if inside.contains_key(&n) && company(n) == Company::Anybody => {}
                    Step::Arrive(n) => match room.ask(job(n), company(n)) {
                        Door::Open => drop(inside.insert(n, company(n))),
                        Door::Inside => prop_assert!(inside.contains_key(&n) || waits == Some(n)),
                        Door::Closed if company(n) == Company::Nobody && waits.is_none() => {
                            waits = (room.next_alone == Some(job(n))).then_some(n);
                        }
                        Door::Closed => {}
                    },
                    Step::End(n) => if inside.remove(&n).is_some() {
                        room.leave(job(n));
                    },
                    Step::Alone => if let Some(n) = waits
                        && room.is_empty_for(job(n)) == Door::Open {
                        inside.insert(n, Company::Nobody);
                        waits = None;
                    },
                }
                let suspects = inside.values().filter(|c| **c != Company::Anybody).count();
                prop_assert!(suspects <= 1);
                prop_assert!(inside.len() == 1 || !inside.values().any(|c| *c == Company::Nobody));
            }
            // Nobody is shut out for ever.
            for n in inside.into_keys() {
                room.leave(job(n));
            }
            if let Some(n) = waits {
                prop_assert_eq!(room.is_empty_for(job(n)), Door::Open);
                room.leave(job(n));
            }
            prop_assert_eq!(room, Room::default());
        }

        /// Whatever else runs: of jobs of which only some end their workers, only those are put aside.
        #[test]
        fn only_who_ends_workers_is_put_aside(
            guilty in prop::collection::btree_set(0..8_u8, 0..3), order in prop::collection::vec(0..8_u8, 0..400),
        ) {
            let mut crashes = [0_u32; 8];
            let mut room = Room::default();
            let mut inside: BTreeMap<u8, Company> = BTreeMap::new();
            let mut waits = None;
            for n in order {
                if crashes[usize::from(n)] >= QUARANTINE_AFTER {
                    continue;
                }
                if inside.remove(&n).is_none() {
                    let company = Company::of(crashes[usize::from(n)]);
                    let door = if waits == Some(n) { room.is_empty_for(job(n)) } else { room.ask(job(n), company) };
                    if room.next_alone == Some(job(n)) {
                        waits = Some(n);
                    }
                    if door == Door::Open {
                        waits = waits.filter(|w| *w != n);
                        inside.insert(n, company);
                    }
                } else if guilty.contains(&n) {
                    // The worker dies, with all that it runs.
                    crashes[usize::from(n)] += 1;
                    inside.keys().for_each(|other| crashes[usize::from(*other)] += 1);
                    (room, waits) = (Room::default(), None);
                    inside.clear();
                } else {
                    room.leave(job(n));
                }
                for n in 0..8_u8 {
                    prop_assert!(guilty.contains(&n) || crashes[usize::from(n)] < QUARANTINE_AFTER);
                }
            }
        }
    }
}
