//! Who gets a permit that is free.

use rolecall_core::job::Lane;

use super::{Rank, Slot, State, Ticket, Waiter};

impl State {
    /// Gives out the permits that are free, most urgent first, and says to whom.
    pub(in crate::limiter) fn dispatch(&mut self, now: f64) -> Vec<Rank> {
        let waiting: Vec<(Rank, Waiter)> = self
            .waiters
            .iter()
            .filter(|(_, w)| w.granted.is_none())
            .map(|(r, w)| (*r, *w))
            .collect();
        let mut granted = Vec::new();
        for (rank, Waiter { slot, job, .. }) in waiting {
            let slot = self.resolve(slot);
            if self.may_go(now, rank, slot) {
                let ticket = self.next();
                let epoch = self.slots[slot].bucket.send(now);
                self.globals.entry(self.slots[slot].principal).or_default().send();
                self.slots[slot].queue.leave(rank);
                self.tickets.insert(
                    ticket,
                    Ticket {
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
        }
        granted
    }

    fn may_go(&mut self, now: f64, rank: Rank, slot: usize) -> bool {
        let lane = rank.0;
        if now < self.edge_until || (lane != Lane::Interactive && self.invalid.open_until(now) > now) {
            return false;
        }
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
            return false;
        }
        bucket.roll(now);
        let free = bucket.free(now, &self.rules.tuning);
        if free <= 0 {
            return false;
        }
        queue.expire(now, self.rules.patience, bucket.limit().max(10) as usize);
        usize::try_from(free).is_ok_and(|free| free > queue.held(rank, bucket.horizon(now)))
    }
}
