//! What may happen to a ledger, at random. There are few jobs, keys and workers, so that they meet.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// Jobs there may be. A small number stands for each, the same in every case.
pub(super) const SLOTS: usize = 4;
/// The workers' names.
pub(super) const WORKERS: [&str; 2] = ["worker-a", "worker-b"];

/// A moment, as a command names it: long ago, or in whole hours, which are never near the time that a test takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    /// Long ago, in this order.
    Past(u8),
    /// In so many hours.
    InHours(u8),
}

/// A job that is to be stored.
#[derive(Debug, Clone)]
pub(crate) struct Seed {
    pub(super) slot: usize,
    /// Another job, if the one of this slot is completed.
    pub(super) fresh: bool,
    pub(super) kind: &'static str,
    pub(super) lane: usize,
    pub(super) guild: Option<u64>,
    pub(super) when: When,
    pub(super) unique: Option<&'static str>,
    pub(super) concurrency: Option<&'static str>,
    pub(super) sent: bool,
}

/// How a job is left.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    Completed,
    Retry(When, bool),
    Snooze(u8),
    HandedBack(bool),
    Cancelled,
    Discarded,
}

/// What is held back in a question for due jobs.
#[derive(Debug, Clone)]
pub(crate) struct Holding {
    pub(super) lane: Option<usize>,
    pub(super) kind: Option<&'static str>,
    pub(super) guild: Option<u64>,
    pub(super) fingerprint: Option<&'static str>,
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Insert(Vec<Seed>),
    /// `brief`: the lease is over when the next rescue looks.
    Claim {
        slot: usize,
        worker: usize,
        brief: bool,
    },
    /// `old`: with the fence before the present one.
    Renew {
        worker: usize,
        held: Vec<(usize, bool)>,
    },
    Settle {
        slot: usize,
        old: bool,
        ending: Ending,
    },
    Defer(usize, When),
    MarkSent(Vec<usize>),
    MarkUnsent(Vec<usize>),
    /// `resend`: those that were sent, too.
    Due {
        lane: usize,
        paused: Vec<Holding>,
        limit: usize,
        resend: bool,
    },
    NextDue(usize),
    /// After all brief leases have ended.
    Rescue {
        quarantine_after: u32,
    },
    Cancel(usize),
    Redrive(usize, Option<&'static str>),
    Discard(usize),
    Reschedule(usize, When),
    /// An hour passes, where the clock can be moved: every lease ends, and what waited for this hour is due.
    Hour,
}

const KINDS: [&str; 2] = ["role.add", "role.remove"];
const UNIQUE: [&str; 2] = ["u1", "u2"];
const CONCURRENCY: [&str; 2] = ["c1", "c2"];
pub(super) const CAUSES: [&str; 2] = ["role.add|x", "role.remove|discarded"];

fn slot() -> impl Strategy<Value = usize> {
    0..SLOTS
}

fn lane() -> impl Strategy<Value = usize> {
    // Most in one lane, so that they meet.
    prop_oneof![4 => Just(1_usize), 1 => Just(0), 1 => Just(2)]
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![3 => (0..4_u8).prop_map(When::Past), 1 => (1..4_u8).prop_map(When::InHours)]
}

fn seed() -> impl Strategy<Value = Seed> {
    let keys = (
        option::of(select(&UNIQUE[..])),
        option::weighted(0.7, select(&CONCURRENCY[..])),
    );
    let slots = (slot(), prop::bool::weighted(0.8), any::<bool>());
    (
        slots,
        select(&KINDS[..]),
        lane(),
        option::of(1..3_u64),
        when(),
        keys,
    )
        .prop_map(
            |((slot, fresh, sent), kind, lane, guild, when, (unique, concurrency))| Seed {
                slot,
                fresh,
                kind,
                lane,
                guild,
                when,
                unique,
                concurrency,
                sent,
            },
        )
}

/// Nobody stores two jobs of one id at once.
fn batch() -> impl Strategy<Value = Vec<Seed>> {
    vec(seed(), 1..4).prop_map(|mut seeds| {
        let mut met = BTreeSet::new();
        seeds.retain(|seed| met.insert(seed.slot));
        seeds
    })
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        2 => Just(Ending::Completed),
        3 => (when(), any::<bool>()).prop_map(|(at, told)| Ending::Retry(at, told)),
        2 => (1..4_u8).prop_map(Ending::Snooze),
        2 => any::<bool>().prop_map(Ending::HandedBack),
        1 => Just(Ending::Cancelled),
        2 => Just(Ending::Discarded),
    ]
}

fn holding() -> impl Strategy<Value = Holding> {
    (
        option::weighted(0.3, lane()),
        option::weighted(0.3, select(&KINDS[..])),
        option::weighted(0.4, 1..3_u64),
        option::weighted(0.2, select(&CAUSES[..])),
    )
        .prop_map(|(lane, kind, guild, fingerprint)| Holding {
            lane,
            kind,
            guild,
            fingerprint,
        })
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        5 => batch().prop_map(Command::Insert),
        9 => (slot(), 0..WORKERS.len(), prop::bool::weighted(0.4))
            .prop_map(|(slot, worker, brief)| Command::Claim { slot, worker, brief }),
        2 => (0..WORKERS.len(), vec((slot(), prop::bool::weighted(0.2)), 1..4))
            .prop_map(|(worker, held)| Command::Renew { worker, held }),
        6 => (slot(), prop::bool::weighted(0.25), ending())
            .prop_map(|(slot, old, ending)| Command::Settle { slot, old, ending }),
        1 => (slot(), when()).prop_map(|(slot, at)| Command::Defer(slot, at)),
        1 => vec(slot(), 1..4).prop_map(Command::MarkSent),
        1 => vec(slot(), 1..4).prop_map(Command::MarkUnsent),
        2 => (lane(), vec(holding(), 0..3), 1..5_usize, any::<bool>())
            .prop_map(|(lane, paused, limit, resend)| Command::Due { lane, paused, limit, resend }),
        1 => lane().prop_map(Command::NextDue),
        3 => (1..4_u32).prop_map(|quarantine_after| Command::Rescue { quarantine_after }),
        4 => slot().prop_map(Command::Cancel),
        2 => (slot(), option::of(select(&UNIQUE[..]))).prop_map(|(slot, key)| Command::Redrive(slot, key)),
        1 => slot().prop_map(Command::Discard),
        1 => (slot(), when()).prop_map(|(slot, at)| Command::Reschedule(slot, at)),
        1 => Just(Command::Hour),
    ]
}

/// The commands of a case, this many at most.
pub(crate) fn commands(most: usize) -> impl Strategy<Value = Vec<Command>> {
    vec(command(), 1..most)
}
