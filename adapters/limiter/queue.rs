//! Who is next at a bucket: callers that wait here, and jobs that were sent away with a time of their own.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rolecall_core::ids::JobId;
use rolecall_core::job::Lane;

/// A place's rank: the lane first, then the order of arrival. Smaller is earlier.
pub type Rank = (Lane, u64);

/// How long a place counts, in Discord seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patience {
    /// After its time, a permit is held for an absent job this long.
    pub hold: f64,
    /// After its time, an absent job's place is remembered this long.
    pub memory: f64,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    job: Option<JobId>,
    /// A caller waits here now; otherwise the job was sent away until `planned`.
    present: bool,
    planned: f64,
}

/// The places of one bucket.
#[derive(Debug, Default)]
pub struct Queue {
    lanes: [BTreeMap<u64, Place>; 3],
    by_job: HashMap<JobId, Rank>,
    /// Places that are remembered but hold no permit back any more: rank, and until when.
    late: HashMap<JobId, (Rank, f64)>,
    /// Times that were given away, in millionths of a Discord second.
    taken: BTreeSet<i64>,
    /// Jobs in a row that did not come at their time.
    no_shows: usize,
}

impl Queue {
    /// A caller arrives. Gives its rank: that of its reservation if it has one in this lane, a new one otherwise
    /// (`seq` has to grow with each call).
    pub fn arrive(&mut self, lane: Lane, job: Option<JobId>, seq: u64) -> Rank {
        let mut rank = (lane, seq);
        let mut named = job;
        if let Some(id) = job {
            if let Some((old, _)) = self.late.remove(&id) {
                rank = (lane, old.1.min(seq));
            } else if let Some(&old) = self.by_job.get(&id) {
                let here = self.lanes[usize::from(old.0.rank())]
                    .get(&old.1)
                    .is_some_and(|p| p.present);
                if here {
                    // The job calls twice at once: only the first keeps the place.
                    named = None;
                } else {
                    self.leave(old);
                    rank = (lane, old.1);
                }
                self.no_shows = 0;
            }
        }
        if let Some(id) = named {
            self.by_job.insert(id, rank);
        }
        let place = Place {
            job: named,
            present: true,
            planned: 0.0,
        };
        self.lanes[usize::from(rank.0.rank())].insert(rank.1, place);
        rank
    }

    /// A caller goes, with a permit or without.
    pub fn leave(&mut self, rank: Rank) {
        if let Some(place) = self.lanes[usize::from(rank.0.rank())].remove(&rank.1)
            && let Some(job) = place.job
        {
            self.by_job.remove(&job);
        }
    }

    /// A job whose call was refused keeps its rank until then, but no permit is held for it.
    pub fn remember(&mut self, job: JobId, rank: Rank, until: f64) {
        if !self.by_job.contains_key(&job) {
            self.late.insert(job, (rank, until));
        }
    }

    /// A present caller is sent away. `wanted` is when its turn should come; the answer is its own time, not before
    /// that and different from everybody's. A caller without a job is not remembered.
    pub fn reserve(&mut self, rank: Rank, wanted: f64, gap: f64) -> f64 {
        let lane = usize::from(rank.0.rank());
        let before = (0..=lane)
            .filter_map(|l| {
                let upto = if l == lane { rank.1 } else { u64::MAX };
                self.lanes[l]
                    .range(..upto)
                    .rev()
                    .find(|(_, p)| !p.present)
                    .map(|(_, p)| p.planned)
            })
            .fold(f64::MIN, f64::max);
        let planned = self.own_time(wanted.max(before + gap), gap);
        match self.lanes[lane].get_mut(&rank.1) {
            Some(place) if place.job.is_some() => {
                place.present = false;
                place.planned = planned;
            }
            _ => self.leave(rank),
        }
        planned
    }

    /// The first time from `wanted` on, in steps of a quarter of `gap`, that nobody else has.
    fn own_time(&mut self, wanted: f64, gap: f64) -> f64 {
        // `as` keeps within the range; times are far from its ends.
        let step = ((gap * 250_000.0) as i64).max(1);
        let mut time = (wanted * 1e6).ceil() as i64;
        while !self.taken.insert(time) {
            time += step;
        }
        time as f64 / 1e6
    }

    /// Everybody that is to be served before `rank`.
    pub fn ahead(&self, rank: Rank) -> usize {
        let lane = usize::from(rank.0.rank());
        let urgent: usize = self.lanes[..lane].iter().map(BTreeMap::len).sum();
        // A newcomer, the usual case, is behind its whole lane.
        let own = &self.lanes[lane];
        let newest = own.last_key_value().is_some_and(|(seq, _)| *seq == rank.1);
        urgent
            + if newest {
                own.len() - 1
            } else {
                own.range(..rank.1).count()
            }
    }

    /// Absent jobs before `rank` whose time comes before `horizon`: permits are held for them.
    pub fn held(&self, rank: Rank, horizon: f64) -> usize {
        let lane = usize::from(rank.0.rank());
        (0..=lane)
            .map(|l| {
                let upto = if l == lane { rank.1 } else { u64::MAX };
                self.lanes[l]
                    .range(..upto)
                    .filter(|(_, p)| !p.present)
                    .take_while(|(_, p)| p.planned < horizon)
                    .count()
            })
            .sum()
    }

    /// Lets go of jobs that did not come. When as many as `many` in a row stayed away (their run was cancelled), the
    /// places of all absent jobs are void: they would keep newcomers out for nothing.
    pub fn expire(&mut self, now: f64, patience: Patience, many: usize) {
        self.late.retain(|_, (_, until)| now < *until);
        self.taken = self.taken.split_off(&((now * 1e6) as i64));
        for lane in Lane::ALL {
            let places = &mut self.lanes[usize::from(lane.rank())];
            loop {
                let next = places.iter().find(|(_, p)| !p.present).map(|(seq, p)| (*seq, *p));
                let Some((seq, place)) = next else { break };
                let void = self.no_shows >= many;
                if now <= place.planned + patience.hold && !void {
                    break;
                }
                places.remove(&seq);
                if let Some(job) = place.job {
                    self.by_job.remove(&job);
                    self.late
                        .insert(job, ((lane, seq), place.planned + patience.memory));
                }
                if !void {
                    self.no_shows += 1;
                }
            }
        }
        if self.no_shows >= many && self.absent() == 0 {
            self.no_shows = 0;
        }
    }

    fn absent(&self) -> usize {
        self.lanes
            .iter()
            .flat_map(BTreeMap::values)
            .filter(|p| !p.present)
            .count()
    }

    /// Whether anybody waits, here or elsewhere.
    pub fn is_empty(&self) -> bool {
        self.lanes.iter().all(BTreeMap::is_empty)
    }

    /// How many wait, here or elsewhere.
    pub fn len(&self) -> usize {
        self.lanes.iter().map(BTreeMap::len).sum()
    }

    /// Takes over the places of another queue.
    pub fn absorb(&mut self, other: Self) {
        for (lane, places) in self.lanes.iter_mut().zip(other.lanes) {
            lane.extend(places);
        }
        self.by_job.extend(other.by_job);
        self.late.extend(other.late);
        self.taken.extend(other.taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(n: u128) -> Option<JobId> {
        Some(JobId(uuid::Uuid::from_u128(n)))
    }
    const PATIENCE: Patience = Patience {
        hold: 5.0,
        memory: 60.0,
    };

    #[test]
    fn a_job_that_comes_back_has_its_old_rank() {
        let mut queue = Queue::default();
        let rank = queue.arrive(Lane::Normal, job(1), 1);
        assert_eq!(queue.reserve(rank, 10.0, 0.1), 10.0);
        let newcomer = queue.arrive(Lane::Normal, job(2), 2);
        assert_eq!(queue.ahead(newcomer), 1);
        assert_eq!(queue.arrive(Lane::Normal, job(1), 3), rank);
    }

    #[test]
    fn a_late_job_holds_nothing_back_but_is_still_ahead_of_newcomers() {
        let mut queue = Queue::default();
        let rank = queue.arrive(Lane::Bulk, job(1), 1);
        queue.reserve(rank, 10.0, 0.1);
        let newcomer = queue.arrive(Lane::Bulk, job(2), 2);
        assert_eq!(queue.held(newcomer, 12.0), 1);
        queue.expire(16.0, PATIENCE, 10);
        assert_eq!(queue.held(newcomer, 16.0), 0);
        assert!(queue.arrive(Lane::Bulk, job(1), 3) < newcomer);
    }

    #[test]
    fn an_interactive_caller_does_not_wait_for_bulk_reservations() {
        let mut queue = Queue::default();
        let bulk = queue.arrive(Lane::Bulk, job(1), 1);
        queue.reserve(bulk, 10.0, 0.1);
        let urgent = queue.arrive(Lane::Interactive, job(2), 2);
        assert_eq!((queue.ahead(urgent), queue.held(urgent, 99.0)), (0, 0));
    }

    #[test]
    fn places_are_void_when_a_burst_of_jobs_stayed_away() {
        let mut queue = Queue::default();
        for n in 0..100 {
            let rank = queue.arrive(Lane::Bulk, job(n), n as u64);
            queue.reserve(rank, n as f64, 0.1);
        }
        queue.expire(7.0, PATIENCE, 10);
        assert_eq!(queue.absent(), 98);
        queue.expire(30.0, PATIENCE, 10);
        assert_eq!(queue.absent(), 0);
    }

    #[test]
    fn times_differ_within_and_across_lanes() {
        let mut queue = Queue::default();
        let mut times = Vec::new();
        for n in 0..30_u64 {
            let lane = Lane::ALL[(n % 3) as usize];
            let rank = queue.arrive(lane, job(u128::from(n)), n);
            times.push(queue.reserve(rank, 10.0, 0.1));
        }
        times.sort_by(f64::total_cmp);
        assert!(times.windows(2).all(|w| w[1] - w[0] > 1e-6), "{times:?}");
    }
}
