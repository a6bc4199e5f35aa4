//! Who gets a permit that is free.

use std::collections::HashMap;

use rolecall_core::job::Lane;
use rolecall_core::shares::PerLane;

use super::{Rank, Slot, State, Ticket, Waiter};

impl State {
    /// Gives out the permits that are free, and says to whom.
    pub(in crate::limiter) fn dispatch(&mut self, now: f64) -> Vec<Rank> {
        let mut granted = Vec::new();
        for (slot, rank) in self.turns(now) {
            let Some(held) = self.may_go(now, rank, slot) else {
                continue;
            };
            let ticket = self.next();
            let epoch = self.slots[slot].bucket.send(now);
            self.globals.entry(self.slots[slot].principal).or_default().send();
            self.slots[slot].queue.serve(rank, held);
            let job = self.waiters.get(&rank).and_then(|w| w.job);
            self.tickets.insert(
                ticket,
                Ticket {
                    at: now,
                    slot,
                    epoch,
                    rank,
                    job,
                },
            );
            let waiter = Waiter {
                slot,
                job,
                granted: Some(ticket),
            };
            self.waiters.insert(rank, waiter);
            granted.push(rank);
        }
        granted
    }

    /// Who waits, in the order in which they are looked at. What is beyond the buckets goes by lane, then by arrival,
    /// because shares of different buckets say nothing about each other; when it is a bucket's turn, the one that is
    /// next there comes. Buckets without a free permit are left out.
    fn turns(&mut self, now: f64) -> Vec<(usize, Rank)> {
        let mut waiting: Vec<(usize, Rank)> = self
            .waiters
            .iter()
            .filter(|(_, w)| w.granted.is_none())
            .map(|(rank, w)| (self.resolve(w.slot), *rank))
            .collect();
        let mut free: HashMap<usize, bool> = HashMap::new();
        waiting.retain(|(slot, _)| {
            *free.entry(*slot).or_insert_with(|| {
                let bucket = &mut self.slots[*slot].bucket;
                bucket.roll(now);
                bucket.free(now, &self.rules.tuning) > 0
            })
        });
        let mut last_first: HashMap<usize, Vec<Rank>> = HashMap::new();
        for (slot, rank) in waiting.iter().rev() {
            last_first.entry(*slot).or_default().push(*rank);
        }
        for (slot, ranks) in &mut last_first {
            let queue = &self.slots[*slot].queue;
            if ranks.first().map(|r| r.0) != ranks.last().map(|r| r.0) {
                ranks.sort_by_cached_key(|rank| std::cmp::Reverse(queue.turn(*rank)));
            }
        }
        waiting
            .into_iter()
            .filter_map(|(slot, _)| Some((slot, last_first.get_mut(&slot)?.pop()?)))
            .collect()
    }

    /// Whether a permit is free for it, beyond those that are held for others before it: then these, by lane.
    fn may_go(&mut self, now: f64, rank: Rank, slot: usize) -> Option<PerLane<usize>> {
        let lane = rank.0;
        if now < self.edge_until || (lane != Lane::Interactive && self.invalid.open_until(now) > now) {
            return None;
        }
        let rivals = self.rivals(now, lane);
        let Slot {
            bucket,
            queue,
            principal,
            ..
        } = &mut self.slots[slot];
        if !self
            .globals
            .entry(*principal)
            .or_default()
            .has_room(now, self.rules.cap(lane))
        {
            return None;
        }
        bucket.roll(now);
        let free = bucket.free(now, &self.rules.tuning);
        if free <= 0 {
            return None;
        }
        queue.expire(now, self.rules.patience, bucket.limit().max(10) as usize);
        let held = queue.held(rank, rivals, bucket.horizon(now));
        let is_free = usize::try_from(free).is_ok_and(|free| free > held.iter().sum());
        is_free.then_some(held)
    }

    /// The lanes that a caller shares its bucket with: not those that may not call now while it may.
    pub(super) fn rivals(&mut self, now: f64, lane: Lane) -> &'static [Lane] {
        if lane == Lane::Interactive && self.invalid.open_until(now) > now {
            &[Lane::Interactive]
        } else {
            &Lane::ALL
        }
    }
}
