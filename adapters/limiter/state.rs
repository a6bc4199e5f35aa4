//! All that one limiter knows, and what it decides from that. No clock: `now` is in Discord seconds.

mod dispatch;
pub(super) mod kept;
mod told;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use rolecall_core::ids::{GuildId, JobId};
use rolecall_core::job::Lane;
use rolecall_core::ports::{Answer, RateHeaders, RateScope, Route};

use super::bucket::{Bucket, Tuning};
use super::budget::{Global, Invalid};
use super::queue::{Patience, Queue, Rank};

/// Least time without calls after Discord's edge refused this address.
pub(super) const EDGE_PAUSE: f64 = 600.0;

/// Whether an answer is one of the route itself, so that the absence of headers means something.
pub(super) const fn teaches(status: u16, answer: &Answer) -> bool {
    status < 500 && !answer.is_invalid()
}

/// Rules of a limiter. Discord seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) tuning: Tuning,
    pub(super) patience: Patience,
    /// Calls a second for interactive callers, and for all others.
    pub(super) caps: (usize, usize),
}

impl Rules {
    const fn cap(&self, lane: Lane) -> usize {
        if matches!(lane, Lane::Interactive) {
            self.caps.0
        } else {
            self.caps.1
        }
    }
}

/// The name of routes that share a budget, as [`Route::bucket`].
type Group = Cow<'static, str>;

#[derive(Debug)]
struct Slot {
    bucket: Bucket,
    queue: Queue,
    group: Group,
    guild: Option<GuildId>,
    principal: u64,
    /// Set once it turned out to be the same bucket as another.
    same_as: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Ticket {
    /// When it was given.
    at: f64,
    slot: usize,
    epoch: u64,
    rank: Rank,
    job: Option<JobId>,
}

#[derive(Debug, Clone, Copy)]
struct Waiter {
    slot: usize,
    job: Option<JobId>,
    granted: Option<u64>,
}

#[derive(Debug)]
pub(super) struct State {
    rules: Rules,
    slots: Vec<Slot>,
    by_group: HashMap<(u64, Group, Option<GuildId>), usize>,
    by_hash: HashMap<(u64, String, Option<GuildId>), usize>,
    hash_of: HashMap<(u64, Group), String>,
    globals: HashMap<u64, Global>,
    invalid: Invalid,
    edge_until: f64,
    waiters: BTreeMap<Rank, Waiter>,
    tickets: HashMap<u64, Ticket>,
    counter: u64,
}

impl State {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            slots: Vec::new(),
            by_group: HashMap::new(),
            by_hash: HashMap::new(),
            hash_of: HashMap::new(),
            globals: HashMap::new(),
            invalid: Invalid::default(),
            edge_until: 0.0,
            waiters: BTreeMap::new(),
            tickets: HashMap::new(),
            counter: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn in_flight(&self) -> usize {
        self.tickets.len() + self.waiters.len()
    }

    #[cfg(test)]
    pub(super) fn forget_shares(&mut self) {
        for slot in &mut self.slots {
            slot.queue.forget_shares();
        }
    }

    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn resolve(&self, mut slot: usize) -> usize {
        while let Some(next) = self.slots[slot].same_as {
            slot = next;
        }
        slot
    }

    fn slot_of(&mut self, route: &Route) -> usize {
        let group = Cow::Borrowed(route.bucket);
        let key = (route.principal, group.clone(), route.guild);
        if let Some(&slot) = self.by_group.get(&key) {
            return self.resolve(slot);
        }
        let known = self.hash_of.get(&(route.principal, group.clone())).cloned();
        let shared = known.and_then(|hash| self.by_hash.get(&(route.principal, hash, route.guild)).copied());
        let slot = shared.unwrap_or_else(|| {
            self.slots.push(Slot {
                bucket: Bucket::new(route.bucket),
                queue: Queue::default(),
                group,
                guild: route.guild,
                principal: route.principal,
                same_as: None,
            });
            self.slots.len() - 1
        });
        self.by_group.insert(key, slot);
        self.resolve(slot)
    }

    /// Somebody wants a permit.
    pub(super) fn arrive(&mut self, route: &Route, lane: Lane, job: Option<JobId>) -> Rank {
        let slot = self.slot_of(route);
        let seq = self.next();
        let rank = self.slots[slot].queue.arrive(lane, job, seq);
        let waiter = Waiter {
            slot,
            job,
            granted: None,
        };
        self.waiters.insert(rank, waiter);
        rank
    }

    /// The permit of a caller, once granted. The caller is then no longer known.
    pub(super) fn take(&mut self, rank: Rank) -> Option<u64> {
        let ticket = self.waiters.get(&rank)?.granted?;
        self.waiters.remove(&rank);
        Some(ticket)
    }

    /// When a waiting caller's turn should come: by its bucket, and by the limits beyond it.
    fn times(&mut self, now: f64, rank: Rank) -> (f64, f64) {
        let Some(waiter) = self.waiters.get(&rank) else {
            return (now, now);
        };
        let slot = self.resolve(waiter.slot);
        let rivals = self.rivals(now, rank.0);
        let mut from = now.max(self.edge_until);
        if rank.0 != Lane::Interactive {
            from = from.max(self.invalid.open_until(now));
        }
        let Slot {
            bucket,
            queue,
            principal,
            ..
        } = &mut self.slots[slot];
        let global = self.globals.entry(*principal).or_default();
        let room = from.max(global.next_room(now, self.rules.cap(rank.0)));
        bucket.roll(now);
        let from = from.max(global.blocked_until());
        (
            bucket.time_of(now, from, queue.ahead(rank, rivals), &self.rules.tuning),
            room,
        )
    }

    /// When a waiting caller should look again.
    pub(super) fn estimate(&mut self, now: f64, rank: Rank) -> f64 {
        let (bucket, room) = self.times(now, rank);
        bucket.max(room)
    }

    /// A waiting caller goes away, and gets a time of its own to come back at.
    pub(super) fn send_away(&mut self, now: f64, rank: Rank) -> f64 {
        let (mut wanted, room) = self.times(now, rank);
        let Some(waiter) = self.waiters.remove(&rank) else {
            return now;
        };
        let slot = self.resolve(waiter.slot);
        let Slot { queue, principal, .. } = &mut self.slots[slot];
        if room > wanted {
            let global = self.globals.entry(*principal).or_default();
            wanted = global.plan(room, self.rules.cap(rank.0));
        }
        let gap = self.rules.tuning.gap;
        queue.reserve(rank, wanted.max(now + gap), gap)
    }

    /// A caller was dropped. A permit that it did not take was not used.
    pub(super) fn abandon(&mut self, rank: Rank) {
        let Some(waiter) = self.waiters.remove(&rank) else {
            return;
        };
        let slot = self.resolve(waiter.slot);
        self.slots[slot].queue.leave(rank);
        if let Some(ticket) = waiter.granted
            && let Some(ticket) = self.tickets.remove(&ticket)
        {
            let slot = self.resolve(ticket.slot);
            self.slots[slot].bucket.unsend();
            self.globals
                .entry(self.slots[slot].principal)
                .or_default()
                .unsend();
        }
    }

    /// Permits that were given before then have no answer, and will have none: whoever had them is gone.
    pub(super) fn lapse(&mut self, now: f64, before: f64) {
        let mut lapsed: Vec<u64> = self
            .tickets
            .iter()
            .filter(|(_, t)| t.at <= before)
            .map(|(n, _)| *n)
            .collect();
        lapsed.sort_unstable();
        for ticket in lapsed {
            self.complete(now, ticket, &Answer::Lost);
        }
    }

    /// An answer came to a call that had no permit of this limiter, or none any more. As [`Self::complete`].
    pub(super) fn told(&mut self, now: f64, route: &Route, answer: &Answer) -> bool {
        let slot = self.slot_of(route);
        let (number, seq) = (self.next(), self.next());
        self.slots[slot].bucket.roll(now);
        let epoch = self.slots[slot].bucket.send(now);
        self.globals.entry(route.principal).or_default().send();
        let ticket = Ticket {
            at: now,
            slot,
            epoch,
            rank: (Lane::Interactive, seq),
            job: None,
        };
        self.tickets.insert(number, ticket);
        self.complete(now, number, answer)
    }

    /// Whether an answer to this permit is still waited for.
    pub(super) fn is_out(&self, ticket: u64) -> bool {
        self.tickets.contains_key(&ticket)
    }

    /// Somebody who was sent away will not come back.
    pub(super) fn forget(&mut self, route: &Route, job: JobId) {
        let slot = self.slot_of(route);
        self.slots[slot].queue.forget(job);
    }

    /// An answer came. Gives `true` if too many calls were invalid, with this one.
    pub(super) fn complete(&mut self, now: f64, ticket: u64, answer: &Answer) -> bool {
        let Some(ticket) = self.tickets.remove(&ticket) else {
            return false;
        };
        let slot = self.resolve(ticket.slot);
        let principal = self.slots[slot].principal;
        let tuning = self.rules.tuning;
        let global = self.globals.entry(principal).or_default();
        global.settled(now);
        let bucket = &mut self.slots[slot].bucket;
        bucket.roll(now);
        match answer {
            Answer::Lost => bucket.lost(now, ticket.epoch, &tuning),
            Answer::Status { status, headers } => {
                bucket.answered(now, ticket.epoch, headers, teaches(*status, answer), &tuning);
                self.learn_hash(slot, headers);
            }
            Answer::Busy { retry_after, .. } => {
                let headers = RateHeaders::default();
                bucket.limited(now, ticket.epoch, *retry_after, true, &headers, &tuning);
                self.keep_place(slot, ticket, now + retry_after + tuning.least_margin);
            }
            Answer::Limited {
                retry_after,
                scope,
                headers,
            } => {
                let until = now + retry_after + tuning.least_margin;
                match scope {
                    RateScope::User | RateScope::Shared => {
                        let shared = *scope == RateScope::Shared;
                        bucket.limited(now, ticket.epoch, *retry_after, shared, headers, &tuning);
                        self.learn_hash(slot, headers);
                    }
                    RateScope::Global => {
                        bucket.lost(now, ticket.epoch, &tuning);
                        global.block(until);
                    }
                    RateScope::Edge => {
                        bucket.lost(now, ticket.epoch, &tuning);
                        self.edge_until = self.edge_until.max(until.max(now + EDGE_PAUSE));
                    }
                }
                self.keep_place(slot, ticket, until);
            }
        }
        answer.is_invalid() && self.invalid.count(now)
    }

    /// A job had its turn and got nothing for it: when it comes back then, it is not a newcomer.
    fn keep_place(&mut self, slot: usize, ticket: Ticket, until: f64) {
        if let Some(job) = ticket.job {
            let memory = until + self.rules.patience.memory;
            let slot = self.resolve(slot);
            self.slots[slot].queue.remember(job, ticket.rank, memory);
        }
    }

    /// Two groups whose answers name the same bucket share one from now on.
    fn learn_hash(&mut self, slot: usize, headers: &RateHeaders) {
        let Some(hash) = &headers.bucket else { return };
        let Slot { guild, principal, .. } = self.slots[slot];
        let group = self.slots[slot].group.clone();
        let known = self.hash_of.entry((principal, group)).or_default();
        if known != hash {
            known.clone_from(hash);
        }
        let first = *self
            .by_hash
            .entry((principal, hash.clone(), guild))
            .or_insert(slot);
        let first = self.resolve(first);
        if first != slot {
            let queue = std::mem::take(&mut self.slots[slot].queue);
            let bucket = self.slots[slot].bucket.clone();
            self.slots[slot].same_as = Some(first);
            self.slots[first].bucket.absorb(&bucket);
            self.slots[first].queue.absorb(queue);
        }
    }
}
