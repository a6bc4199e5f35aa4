//! The mechanisms that keep jobs right, each with the scenario that notices when it is taken away.

use crate::catalogue::{MORE, SAME, kill, other};
use crate::scenarios::{Break, Scenario};
use crate::stage::Mode::{Distributed, Embedded};

/// What a mechanism's absence has to break.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proof {
    /// The mechanism, by its name in `jobs/kernel/fault.rs`.
    pub(crate) gone: &'static str,
    pub(crate) scenario: Scenario,
    /// The invariant that has to be broken then.
    pub(crate) noticed_by: &'static str,
}

impl Proof {
    const fn of(gone: &'static str, scenario: Scenario, noticed_by: &'static str) -> Self {
        Self {
            gone,
            scenario,
            noticed_by,
        }
    }

    /// Part of the short run.
    const fn short(mut self) -> Self {
        self.scenario.short = true;
        self
    }
}

/// All of them.
pub(crate) fn mechanisms() -> Vec<Proof> {
    let one_death = |fault, about, at| kill((fault, about, 1, "all", at, 1), Embedded);
    vec![
        Proof::of("Fence", other("E15", "zombie", Embedded, 1, Break::Zombie), "I5"),
        Proof::of(
            "UniqueKey",
            other("E29", SAME, Embedded, 12, Break::TwoRequests { more: false }),
            "I2",
        )
        .short(),
        Proof::of(
            "SingleFlight",
            other("E29", MORE, Embedded, 30, Break::TwoRequests { more: true }),
            "I16",
        )
        .short(),
        Proof::of(
            "CrashCount",
            kill(("K4", "five times", 1, "all", &["K4/add_role:1"], 5), Embedded),
            "I6",
        ),
        Proof::of("FollowUpIds", plans_again(), "I5"),
        Proof::of("Renewal", slow_reads(), "I1"),
        Proof::of("TickKey", sleeps_over_a_tick(), "I10"),
        Proof::of("SecondRead", change_of_mind(), "I3").short(),
        Proof::of("StoreFirst", killed_when_promised(Embedded), "I1"),
        Proof::of(
            "Rescuer",
            one_death("K4", "first attempt", &["K4/add_role:1"]),
            "I1",
        ),
        Proof::of(
            "Resend",
            other("E2", "FLUSHALL", Distributed, 40, Break::RedisForgets),
            "I1",
        ),
        Proof::of(
            "RunCloser",
            one_death("K8", "of the last job of a run", &["K8/add_role:1"]),
            "I1",
        ),
    ]
}

const fn slow_reads() -> Scenario {
    other("E18", "a plan longer than a lease", Embedded, 6, Break::SlowReads)
}

const fn sleeps_over_a_tick() -> Scenario {
    other(
        "E25",
        "a scheduler sleeps over a tick",
        Embedded,
        6,
        Break::SleepsOverATick,
    )
}

const fn change_of_mind() -> Scenario {
    other(
        "E29",
        "a group is given back before its role is taken",
        Embedded,
        12,
        Break::ChangeOfMind,
    )
}

const fn plans_again() -> Scenario {
    other(
        "K10",
        "while what is planned waits",
        Embedded,
        12,
        Break::PlansAgain,
    )
}

const fn killed_when_promised(mode: crate::stage::Mode) -> Scenario {
    other(
        "K2",
        "killed as soon as it said 202",
        mode,
        6,
        Break::KilledWhenPromised,
    )
}

/// Scenarios that the mechanisms above need, and that have to hold while nothing is taken away.
pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        slow_reads(),
        sleeps_over_a_tick(),
        change_of_mind(),
        plans_again(),
        killed_when_promised(Embedded),
        killed_when_promised(Distributed),
    ]
}
