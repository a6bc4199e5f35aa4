//! What a limiter knows, in parts that can be kept outside of the process: what is common to all, what is of a bot, and
//! what is of a bot in a guild. A [`State`] can be made of some of them, and decides about those as the whole would.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rolecall_core::ids::{GuildId, JobId};
use rolecall_core::ports::Route;
use serde::{Deserialize, Serialize};

use super::{Rules, Slot, State, Ticket};
use crate::limiter::bucket::Bucket;
use crate::limiter::budget::{Global, Invalid};
use crate::limiter::queue::{Queue, Rank};

/// Whose buckets: a bot's (or a user's), of a guild or of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::limiter) struct Home {
    pub(in crate::limiter) principal: u64,
    pub(in crate::limiter) guild: Option<GuildId>,
}

impl Home {
    pub(in crate::limiter) const fn of(route: &Route) -> Self {
        Self {
            principal: route.principal,
            guild: route.guild,
        }
    }
}

/// What is about the address, and the count of permits and arrivals.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::limiter) struct Common {
    counter: u64,
    edge_until: f64,
    invalid: Invalid,
}

/// What is about one bot.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::limiter) struct Bot {
    global: Global,
    /// Discord's name of each group's bucket.
    hash_of: BTreeMap<String, String>,
}

impl Bot {
    /// Until when it forbids anything.
    pub(in crate::limiter) const fn forbids_until(&self) -> f64 {
        self.global.blocked_until()
    }
}

/// The buckets of one home. Numbers name places in `buckets`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::limiter) struct Buckets {
    buckets: Vec<KeptBucket>,
    by_group: BTreeMap<String, usize>,
    by_hash: BTreeMap<String, usize>,
    tickets: BTreeMap<u64, KeptTicket>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptBucket {
    group: String,
    bucket: Bucket,
    queue: Queue,
    same_as: Option<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptTicket {
    at: f64,
    bucket: usize,
    epoch: u64,
    rank: Rank,
    job: Option<JobId>,
}

impl Buckets {
    /// Until when Discord's last words of any of them count.
    pub(in crate::limiter) fn forbid_until(&self) -> f64 {
        self.buckets
            .iter()
            .map(|b| b.bucket.told_until())
            .fold(0.0, f64::max)
    }

    /// When the oldest permit was given that has no answer yet.
    pub(in crate::limiter) fn oldest_permit(&self) -> Option<f64> {
        self.tickets.values().map(|t| t.at).min_by(f64::total_cmp)
    }

    /// Whether all numbers name something, and no bucket is, by way of others, the same as itself.
    fn is_sound(&self) -> bool {
        let known = |n: usize| n < self.buckets.len();
        let ends = |first: usize| {
            let mut at = Some(first);
            for _ in 0..=self.buckets.len() {
                match at {
                    None => return true,
                    Some(n) if !known(n) => return false,
                    Some(n) => at = self.buckets[n].same_as,
                }
            }
            false
        };
        (0..self.buckets.len()).all(ends)
            && self
                .by_group
                .values()
                .chain(self.by_hash.values())
                .all(|n| known(*n))
            && self.tickets.values().all(|t| known(t.bucket))
    }
}

/// All parts of a [`State`].
#[derive(Debug, Default)]
pub(in crate::limiter) struct Parts {
    pub(in crate::limiter) common: Common,
    pub(in crate::limiter) bots: BTreeMap<u64, Bot>,
    pub(in crate::limiter) homes: BTreeMap<Home, Buckets>,
}

impl State {
    /// A limiter that knows these parts. `None` if they do not fit together.
    pub(in crate::limiter) fn of(rules: Rules, parts: Parts) -> Option<Self> {
        if !parts.homes.values().all(Buckets::is_sound) {
            return None;
        }
        let mut state = Self::new(rules);
        state.counter = parts.common.counter;
        state.edge_until = parts.common.edge_until;
        state.invalid = parts.common.invalid;
        for (principal, bot) in parts.bots {
            state.globals.insert(principal, bot.global);
            let names = bot.hash_of.into_iter();
            state
                .hash_of
                .extend(names.map(|(group, hash)| ((principal, Cow::Owned(group)), hash)));
        }
        for (home, buckets) in parts.homes {
            state.adopt(home, buckets);
        }
        Some(state)
    }

    fn adopt(&mut self, home: Home, kept: Buckets) {
        let Home { principal, guild } = home;
        let first = self.slots.len();
        self.slots.extend(kept.buckets.into_iter().map(|b| Slot {
            bucket: b.bucket,
            queue: b.queue,
            group: Cow::Owned(b.group),
            guild,
            principal,
            same_as: b.same_as.map(|n| first + n),
        }));
        let groups = kept.by_group.into_iter();
        self.by_group
            .extend(groups.map(|(group, n)| ((principal, Cow::Owned(group), guild), first + n)));
        let hashes = kept.by_hash.into_iter();
        self.by_hash
            .extend(hashes.map(|(hash, n)| ((principal, hash, guild), first + n)));
        self.tickets.extend(kept.tickets.into_iter().map(|(number, t)| {
            let ticket = Ticket {
                at: t.at,
                slot: first + t.bucket,
                epoch: t.epoch,
                rank: t.rank,
                job: t.job,
            };
            (number, ticket)
        }));
    }

    /// Its parts. Nobody may be waiting here: a caller that comes back has a place in a queue.
    pub(in crate::limiter) fn into_parts(self) -> Parts {
        let mut parts = Parts {
            common: Common {
                counter: self.counter,
                edge_until: self.edge_until,
                invalid: self.invalid,
            },
            ..Parts::default()
        };
        for (principal, global) in self.globals {
            parts.bots.entry(principal).or_default().global = global;
        }
        for ((principal, group), hash) in self.hash_of {
            let bot = parts.bots.entry(principal).or_default();
            bot.hash_of.insert(group.into_owned(), hash);
        }
        let mut names: Vec<(Home, usize)> = Vec::with_capacity(self.slots.len());
        let mut many: BTreeMap<Home, usize> = BTreeMap::new();
        for slot in &self.slots {
            let home = Home {
                principal: slot.principal,
                guild: slot.guild,
            };
            let before = many.entry(home).or_default();
            names.push((home, *before));
            *before += 1;
        }
        for (slot, (home, _)) in self.slots.into_iter().zip(&names) {
            parts.homes.entry(*home).or_default().buckets.push(KeptBucket {
                group: slot.group.into_owned(),
                bucket: slot.bucket,
                queue: slot.queue,
                same_as: slot.same_as.map(|n| names[n].1),
            });
        }
        for ((_, group, _), slot) in self.by_group {
            let (home, n) = names[slot];
            let buckets = parts.homes.entry(home).or_default();
            buckets.by_group.insert(group.into_owned(), n);
        }
        for ((_, hash, _), slot) in self.by_hash {
            let (home, n) = names[slot];
            parts.homes.entry(home).or_default().by_hash.insert(hash, n);
        }
        for (number, t) in self.tickets {
            let (home, n) = names[t.slot];
            let ticket = KeptTicket {
                at: t.at,
                bucket: n,
                epoch: t.epoch,
                rank: t.rank,
                job: t.job,
            };
            parts
                .homes
                .entry(home)
                .or_default()
                .tickets
                .insert(number, ticket);
        }
        parts
    }
}
