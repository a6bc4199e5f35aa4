//! The scenarios of links that fail, of a Redis that is no good, and of wrong clocks. All are distributed.

use crate::links::{Broken, Far};
use crate::proxy::Link;
use crate::redis_faults::Ill;
use crate::scenarios::{Break, Scenario};
use crate::stage::Mode;

const SLOW: Link = Link::Slow { ms: 500 };
const A_LITTLE_SLOW: Link = Link::Slow { ms: 50 };
const LOSSY: Link = Link::Lossy { of_hundred: 10 };
const NARROW: Link = Link::Narrow { bytes: 50_000 };

/// Everybody's link fails until all that was asked for is done: id, what about it, the link, what it does.
const LINKS: [(&str, &str, Far, Link); 7] = [
    ("E8", "Redis a second late", Far::Redis, SLOW),
    ("E8", "Redis loses one in ten", Far::Redis, LOSSY),
    ("E8", "Redis half-open", Far::Redis, Link::HalfOpen),
    ("E8", "Redis in a black hole", Far::Redis, Link::BlackHole),
    ("E8", "Redis cut off", Far::Redis, Link::Cut),
    ("E13", "Mongo a tenth of a second late", Far::Mongo, A_LITTLE_SLOW),
    ("E13", "Mongo loses one in ten", Far::Mongo, LOSSY),
];

/// One worker of two is alone for so many seconds.
const APART: [(&str, Far, u64); 8] = [
    ("a worker without Redis for 5 s", Far::Redis, 5),
    ("a worker without Redis for 20 s", Far::Redis, 20),
    ("a worker without Mongo for 5 s", Far::Mongo, 5),
    ("a worker without Mongo for 20 s", Far::Mongo, 20),
    ("a worker without Mongo for 60 s", Far::Mongo, 60),
    ("a worker without Discord for 5 s", Far::Discord, 5),
    ("a worker without Discord for 20 s", Far::Discord, 20),
    ("a worker without Discord for 60 s", Far::Discord, 60),
];

/// The rest: id, what about it, linked members, what is broken.
const OTHERS: [(&str, &str, usize, Break); 12] = [
    (
        "E3",
        "failover that lost its tail",
        20,
        Break::Redis(Ill::LostTail),
    ),
    ("E4", "Redis is a replica", 8, Break::Redis(Ill::Replica)),
    ("E5", "Redis is full", 8, Break::Redis(Ill::Full)),
    ("E6", "Redis evicts", 8, Break::Redis(Ill::Evicts)),
    ("E7", "Redis has no disk", 8, Break::Redis(Ill::NoDisk)),
    ("E8", "all links narrow", 8, Break::Poor(NARROW)),
    ("E9", "Redis blocked for 5 s", 20, Break::Redis(Ill::Blocked(5))),
    ("E12", "Mongo asleep for 20 s", 20, Break::MongoAsleep(20)),
    (
        "E16",
        "a worker's clock wrong by an hour",
        20,
        Break::Clock("worker"),
    ),
    ("E16", "the API's clock wrong by an hour", 20, Break::Clock("web")),
    (
        "E30",
        "Redis takes no connection",
        8,
        Break::Redis(Ill::NoConnections),
    ),
    ("E30", "no file left to open", 20, Break::NoFiles),
];

/// In the short run too.
const SHORT: [&str; 4] = [
    "Redis is a replica",
    "Redis is full",
    "Redis cut off",
    "Redis blocked for 5 s",
];

/// All of them.
pub(crate) fn all() -> Vec<Scenario> {
    let link = |(fault, about, far, how)| {
        let broken = Broken {
            far,
            how,
            seconds: None,
            one_worker: false,
        };
        (fault, about, 8, Break::Link(broken))
    };
    let apart = |(about, far, seconds)| {
        let broken = Broken {
            far,
            how: Link::BlackHole,
            seconds: Some(seconds),
            one_worker: true,
        };
        // So many that some are on their way to Discord when the link breaks, and arrive when nobody expects them any more.
        let linked = if far == Far::Discord { 80 } else { 20 };
        ("E14", about, linked, Break::Link(broken))
    };
    let all = LINKS
        .into_iter()
        .map(link)
        .chain(APART.into_iter().map(apart))
        .chain(OTHERS);
    all.map(|(fault, about, linked, breaks)| Scenario {
        fault,
        about,
        mode: Mode::Distributed,
        linked,
        breaks,
        short: SHORT.contains(&about),
    })
    .collect()
}
