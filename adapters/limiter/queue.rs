//! Who is next at a bucket: callers that wait here, and jobs that were sent away with a time of their own. Within a lane
//! it is who came first; between lanes their shares decide.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rolecall_core::ids::JobId;
use rolecall_core::job::Lane;
use rolecall_core::shares::{PerLane, Shares, Turn};
use serde::{Deserialize, Serialize};

/// A place's name: its lane, and the order of arrival, which is the order within the lane.
pub type Rank = (Lane, u64);

/// How long a place counts, in Discord seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patience {
    /// After its time, a permit is held for an absent job this long.
    pub hold: f64,
    /// After its time, an absent job's place is remembered this long.
    pub memory: f64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Place {
    job: Option<JobId>,
    /// A caller waits here now; otherwise the job was sent away until `planned`.
    present: bool,
    planned: f64,
}

/// The places of one bucket.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Queue {
    lanes: PerLane<BTreeMap<u64, Place>>,
    /// What each lane was given.
    shares: Shares,
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
        let mut is_new = true;
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
                    is_new = false;
                }
                self.no_shows = 0;
            }
        }
        if is_new {
            self.shares.wake(lane, self.queued());
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

    fn queued(&self) -> PerLane<usize> {
        self.lanes.each_ref().map(BTreeMap::len)
    }

    /// A caller goes with a permit; `held` are those of [`Self::held`] before it.
    pub fn serve(&mut self, rank: Rank, held: PerLane<usize>) {
        self.leave(rank);
        self.shares.serve(rank.0, self.queued(), held);
    }

    /// A caller goes, with a permit or without.
    pub fn leave(&mut self, rank: Rank) {
        if let Some(place) = self.lanes[usize::from(rank.0.rank())].remove(&rank.1)
            && let Some(job) = place.job
        {
            self.by_job.remove(&job);
        }
    }

    /// Somebody who was sent away will not come back.
    pub fn forget(&mut self, job: JobId) {
        if let Some(&rank) = self.by_job.get(&job) {
            self.leave(rank);
        }
        self.late.remove(&job);
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
        // Less urgent lanes may have times that say nothing to this one: of a breaker, or of the global window.
        let before = (0..=lane)
            .filter_map(|l| {
                let many = self.before(Lane::ALL[l], rank);
                let mut first = self.lanes[l].values().take(many).rev();
                first.find(|p| !p.present).map(|p| p.planned)
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

    /// How many of its lane are before it. Looks from both ends at once, because most ask near one of them.
    fn index(&self, rank: Rank) -> usize {
        let own = &self.lanes[usize::from(rank.0.rank())];
        let (mut before, mut from) = (own.range(..rank.1), own.range(rank.1..));
        let mut steps = 0;
        loop {
            if before.next().is_none() {
                return steps;
            }
            if from.next().is_none() {
                return own.len() - steps;
            }
            steps += 1;
        }
    }

    /// When it is its turn, by the shares of the lanes.
    pub fn turn(&self, rank: Rank) -> Turn {
        self.shares.turn(rank.0, self.index(rank))
    }

    /// How many of a lane are to be served before `rank`: so many of its first.
    fn before(&self, lane: Lane, rank: Rank) -> usize {
        if lane == rank.0 {
            return self.index(rank);
        }
        let all = self.lanes[usize::from(lane.rank())].len();
        if all == 0 {
            return 0;
        }
        self.shares.before(lane, self.turn(rank)).min(all)
    }

    /// Everybody of these lanes that is to be served before `rank`.
    pub fn ahead(&self, rank: Rank, rivals: &[Lane]) -> usize {
        rivals.iter().map(|lane| self.before(*lane, rank)).sum()
    }

    /// Absent jobs of these lanes before `rank` whose time comes before `horizon`: permits are held for them.
    pub fn held(&self, rank: Rank, rivals: &[Lane], horizon: f64) -> PerLane<usize> {
        let mut held = PerLane::default();
        for lane in rivals {
            let l = usize::from(lane.rank());
            held[l] = self.lanes[l]
                .values()
                .take(self.before(*lane, rank))
                .filter(|p| !p.present)
                .take_while(|p| p.planned < horizon)
                .count();
        }
        held
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

    pub(super) fn absent(&self) -> usize {
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

    #[cfg(test)]
    pub(super) fn forget_shares(&mut self) {
        self.shares = Shares::default();
    }

    /// Takes over the places of another queue. What lanes were given in two buckets says nothing about the one.
    pub fn absorb(&mut self, other: Self) {
        self.shares = Shares::default();
        for (lane, places) in self.lanes.iter_mut().zip(other.lanes) {
            lane.extend(places);
        }
        self.by_job.extend(other.by_job);
        self.late.extend(other.late);
        self.taken.extend(other.taken);
    }
}
