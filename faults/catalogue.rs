//! All scenarios.

use crate::environment;
use crate::scenarios::{Break, Scenario};
use crate::stage::Mode;
use crate::{contrast, discord_faults, engine_faults, logins, mechanisms, races, removals};

const EMBEDDED: Mode = Mode::Embedded;
const DISTRIBUTED: Mode = Mode::Distributed;

/// Where processes die: the place's name and what about it, linked members, which process in distributed mode, the
/// places of its first starts, and how often these follow each other.
pub(crate) type Kill = (
    &'static str,
    &'static str,
    usize,
    &'static str,
    &'static [&'static str],
    usize,
);

const KILLS: [Kill; 23] = [
    ("K1", "first attempt", 6, "web", &["K1/full:1"], 1),
    ("K2", "first attempt", 6, "web", &["K2/sync_all:1"], 1),
    ("K2", "in a planner", 6, "worker", &["K2/sync_guild:1"], 1),
    ("K3", "first attempt", 6, "web", &["K3/sync_all:1"], 1),
    ("K4", "first attempt", 1, "worker", &["K4/add_role:1"], 1),
    ("K4", "second attempt", 1, "worker", &["K4/add_role:1"], 2),
    ("K4", "last attempt", 1, "worker", &["K4/add_role:1"], 3),
    ("K5", "first attempt", 1, "worker", &["K5/add_role:1"], 1),
    ("K5", "second attempt", 1, "worker", &["K5/add_role:1"], 2),
    ("K5", "last attempt", 1, "worker", &["K5/add_role:1"], 3),
    ("K5", "among many", 12, "worker", &["K5:3"], 1),
    ("K7", "first attempt", 1, "worker", &["K7/add_role:1"], 1),
    ("K7", "second attempt", 1, "worker", &["K7/add_role:1"], 2),
    ("K7", "last attempt", 1, "worker", &["K7/add_role:1"], 3),
    ("K7", "of the planner of all", 6, "worker", &["K7/sync_all:1"], 1),
    ("K7", "of the end of a run", 6, "worker", &["K7/finish_run:1"], 1),
    ("K8", "first attempt", 6, "worker", &["K8/add_role:1"], 1),
    (
        "K8",
        "of the last job of a run",
        1,
        "worker",
        &["K8/add_role:1"],
        1,
    ),
    ("K10", "first attempt", 12, "worker", &["K10/sync_guild:1"], 1),
    ("K10", "second attempt", 12, "worker", &["K10/sync_guild:1"], 2),
    (
        "K12",
        "first attempt",
        1,
        "worker",
        &["K4/add_role:1", "K12:1"],
        1,
    ),
    ("K13", "first attempt", 6, "worker", &["K13/finish_run:1"], 1),
    ("K13", "second attempt", 6, "worker", &["K13/finish_run:1"], 2),
];

/// Of the embedded mode, in the short run too.
const SHORT: [(&str, &str); 6] = [
    ("K2", "first attempt"),
    ("K5", "first attempt"),
    ("K7", "first attempt"),
    ("K8", "of the last job of a run"),
    ("K10", "first attempt"),
    ("K13", "first attempt"),
];

pub(crate) const fn kill(of: Kill, mode: Mode) -> Scenario {
    let (fault, about, linked, who, at, times) = of;
    other(fault, about, mode, linked, Break::Kill { who, at, times })
}

pub(crate) const fn other(
    fault: &'static str,
    about: &'static str,
    mode: Mode,
    linked: usize,
    breaks: Break,
) -> Scenario {
    Scenario {
        fault,
        about,
        mode,
        linked,
        breaks,
        short: false,
    }
}

pub(crate) const fn short(scenario: Scenario) -> Scenario {
    Scenario {
        short: true,
        ..scenario
    }
}

/// All places in one mode.
fn kills(mode: Mode) -> Vec<Scenario> {
    let mut all: Vec<Scenario> = KILLS.iter().map(|of| kill(*of, mode)).collect();
    for scenario in &mut all {
        scenario.short = mode == EMBEDDED && SHORT.contains(&(scenario.fault, scenario.about));
    }
    all.push(other("K6", "the answer is lost", mode, 1, Break::LostAnswer));
    all.push(other("K15", "while it stops", mode, 1, Break::KillInStop));
    all
}

pub(crate) const SAME: &str = "the same is asked for twice";
pub(crate) const MORE: &str = "more is asked for meanwhile";

/// All of them.
pub(crate) fn all() -> Vec<Scenario> {
    let mut all = kills(EMBEDDED);
    all.extend(kills(DISTRIBUTED));
    all.extend([
        other("K14", "the new tokens are lost", EMBEDDED, 6, Break::LostPair),
        other("K16", "after the third secret", EMBEDDED, 6, Break::HalfARotation),
        short(other(
            "E1",
            "Redis away for 5 s, and empty",
            DISTRIBUTED,
            20,
            Break::RedisRestart(5),
        )),
        short(other("E2", "FLUSHALL", DISTRIBUTED, 40, Break::RedisForgets)),
        other(
            "E10",
            "clients thrown out for 10 s",
            DISTRIBUTED,
            40,
            Break::RedisThrowsOut(10),
        ),
        other("E11", "SCRIPT FLUSH", DISTRIBUTED, 40, Break::RedisForgetsScripts),
        other(
            "E12",
            "Mongo away for 5 s",
            DISTRIBUTED,
            40,
            Break::MongoRestart(5),
        ),
        short(other("E15", "zombie", EMBEDDED, 1, Break::Zombie)),
        other("E15", "zombie", DISTRIBUTED, 1, Break::Zombie),
        short(other("E22", "poison payloads", EMBEDDED, 6, Break::Poison)),
        short(other(
            "E17",
            "envelopes come again",
            DISTRIBUTED,
            20,
            Break::Duplicates,
        )),
        other("E22", "poison envelopes", DISTRIBUTED, 40, Break::PoisonEnvelopes),
        other("E24", "five deploys", EMBEDDED, 40, Break::Deploys(5)),
        other("E24", "five deploys", DISTRIBUTED, 40, Break::Deploys(5)),
        short(other("E25", "three schedulers", EMBEDDED, 6, Break::Schedulers)),
        other("E25", "three schedulers", DISTRIBUTED, 6, Break::Schedulers),
        other("E29", SAME, EMBEDDED, 12, Break::TwoRequests { more: false }),
        other("E29", SAME, DISTRIBUTED, 12, Break::TwoRequests { more: false }),
        other("E29", MORE, EMBEDDED, 30, Break::TwoRequests { more: true }),
        other("E29", MORE, DISTRIBUTED, 30, Break::TwoRequests { more: true }),
    ]);
    all.extend(environment::all());
    all.extend(discord_faults::all());
    all.extend(engine_faults::all());
    all.extend(removals::all());
    all.extend(logins::all());
    all.extend(races::all());
    all.extend(mechanisms::scenarios());
    all.extend(contrast::scenarios());
    all
}
