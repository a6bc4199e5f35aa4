//! What a random run does, and when: a pure function of its seed, so that a run can be played again.

use std::fmt;

use fastrand::Rng;

use crate::stage::Mode;
use crate::world::GROUPS;

/// Linked members.
pub(crate) const LINKED: usize = 40;
/// The pause between two acts, in milliseconds.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 300..=2_500;
/// So many of a hundred acts are faults; the rest is work.
const FAULTS: u32 = 45;
/// A process is not killed again before the jobs of its last death can be back.
const KILLS_APART_MS: u64 = 20_000;
/// Stopped this long: less and more than a lease.
const SLEEP_MS: std::ops::RangeInclusive<u64> = 1_000..=22_000;

/// A process, by its place among those of the mode.
pub(crate) type Who = usize;

/// Something that is done to an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// A full sync is asked for.
    AskAll,
    /// A sync of this linked member is asked for.
    AskOne(usize),
    /// A member changes its groups (a bit each); the directory is told, and the member's sync is asked for.
    Regroup(usize, u8),
    /// The mapping of this group is switched on or off.
    Mapping(usize, bool),
    /// Waiting writes are cancelled.
    Cancel,
    /// SIGKILL.
    Kill(Who),
    /// SIGTERM.
    Stop(Who),
    /// SIGSTOP.
    Sleep(Who),
    /// SIGCONT.
    Wake(Who),
    /// FLUSHALL.
    RedisForgets,
    /// SCRIPT FLUSH.
    RedisForgetsScripts,
    /// CLIENT KILL.
    RedisThrowsOut,
    /// Redis dies, and is back, empty, after so many milliseconds.
    RedisRestart(u64),
    /// The Mongo server dies, and is back after so many milliseconds.
    MongoRestart(u64),
    /// Discord goes wrong for so many calls.
    Discord(Trouble, u32),
}

/// What Discord does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// An answer such as 503; nothing was done.
    Refuses(u16),
    /// The same, but it was done.
    RefusesAfter(u16),
    /// The connection is cut; it was done.
    CutAfter,
    /// 429 for this many simulated seconds, for one bucket or for everything.
    Limited { s: u32, everywhere: bool },
    /// The answer comes late.
    Slow(u64),
    /// Half an answer.
    HalfBody,
}

impl Act {
    /// Its word in the table at the end.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::AskAll => "full sync asked for",
            Self::AskOne(_) => "sync of a member asked for",
            Self::Regroup(..) => "groups of a member changed",
            Self::Mapping(..) => "mapping switched",
            Self::Cancel => "waiting writes cancelled",
            Self::Kill(_) => "SIGKILL",
            Self::Stop(_) => "SIGTERM",
            Self::Sleep(_) => "SIGSTOP",
            Self::Wake(_) => "SIGCONT",
            Self::RedisForgets => "FLUSHALL",
            Self::RedisForgetsScripts => "SCRIPT FLUSH",
            Self::RedisThrowsOut => "CLIENT KILL",
            Self::RedisRestart(_) => "Redis restarted",
            Self::MongoRestart(_) => "Mongo restarted",
            Self::Discord(..) => "Discord in trouble",
        }
    }
}

/// An act and its time, in milliseconds after the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) at_ms: u64,
    pub(crate) act: Act,
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:7.1} s  {:?}", self.at_ms as f64 / 1_000.0, self.act)
    }
}

/// Names of the mode's processes.
pub(crate) const fn processes(mode: Mode) -> &'static [&'static str] {
    match mode {
        Mode::Embedded => &["all", "worker"],
        Mode::Distributed => &["web", "worker", "second"],
    }
}

/// The plan of a run of so many milliseconds.
pub(crate) fn plan(seed: u64, length_ms: u64, mode: Mode) -> Vec<Planned> {
    let mut plan = Planner {
        dice: Rng::with_seed(seed),
        mode,
        now: 0,
        asleep_until: vec![0; processes(mode).len()],
        killed_at: vec![None; processes(mode).len()],
        active: [true; GROUPS.len()],
        acts: Vec::new(),
    };
    plan.add(Act::AskAll);
    loop {
        plan.now += plan.dice.u64(PAUSE_MS);
        if plan.now >= length_ms {
            break;
        }
        let act = if plan.dice.u32(0..100) < FAULTS {
            plan.fault()
        } else {
            plan.work()
        };
        plan.add(act);
    }
    plan.acts.sort_by_key(|p| p.at_ms);
    plan.acts
}

struct Planner {
    dice: Rng,
    mode: Mode,
    now: u64,
    asleep_until: Vec<u64>,
    killed_at: Vec<Option<u64>>,
    active: [bool; GROUPS.len()],
    acts: Vec<Planned>,
}

impl Planner {
    fn add(&mut self, act: Act) {
        self.acts.push(Planned { at_ms: self.now, act });
    }

    fn work(&mut self) -> Act {
        match self.dice.u32(0..10) {
            0 | 1 => Act::AskAll,
            2 | 3 => Act::AskOne(self.dice.usize(..LINKED)),
            4..=7 => Act::Regroup(self.dice.usize(..LINKED), self.dice.u8(..1 << GROUPS.len())),
            8 => {
                let group = self.dice.usize(..GROUPS.len());
                self.active[group] = !self.active[group];
                Act::Mapping(group, self.active[group])
            }
            _ => Act::Cancel,
        }
    }

    fn fault(&mut self) -> Act {
        let who = self.dice.usize(..self.asleep_until.len());
        let (asleep, recent) = (self.asleep_until[who] >= self.now, self.killed_at[who]);
        let recent = recent.is_some_and(|at| self.now - at < KILLS_APART_MS);
        match self.dice.u32(0..10) {
            0..=2 if !recent => {
                // A process that sleeps dies of SIGKILL all the same.
                self.killed_at[who] = Some(self.now);
                Act::Kill(who)
            }
            3 if !asleep => Act::Stop(who),
            4 if !asleep => {
                let wake = self.now + self.dice.u64(SLEEP_MS);
                self.asleep_until[who] = wake;
                self.acts.push(Planned {
                    at_ms: wake,
                    act: Act::Wake(who),
                });
                Act::Sleep(who)
            }
            5..=7 if self.mode == Mode::Distributed => self.of_a_server(),
            _ => self.of_discord(),
        }
    }

    fn of_a_server(&mut self) -> Act {
        let away = self.dice.u64(500..=4_000);
        match self.dice.u32(0..5) {
            0 => Act::RedisForgets,
            1 => Act::RedisForgetsScripts,
            2 => Act::RedisThrowsOut,
            3 => Act::RedisRestart(away),
            _ => Act::MongoRestart(away),
        }
    }

    fn of_discord(&mut self) -> Act {
        let trouble = match self.dice.u32(0..6) {
            0 => Trouble::Refuses(self.dice.choice([500, 502, 503, 504]).unwrap_or(503)),
            1 => Trouble::RefusesAfter(self.dice.choice([500, 502, 503, 504]).unwrap_or(503)),
            2 => Trouble::CutAfter,
            3 => Trouble::Limited {
                s: self.dice.u32(1..=40),
                everywhere: self.dice.bool(),
            },
            4 => Trouble::Slow(self.dice.u64(500..=6_000)),
            _ => Trouble::HalfBody,
        };
        Act::Discord(trouble, self.dice.u32(1..=6))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn modes() -> impl Strategy<Value = Mode> {
        prop_oneof![Just(Mode::Embedded), Just(Mode::Distributed)]
    }

    proptest! {
        #[test]
        fn a_seed_gives_the_same_plan_every_time_and_a_longer_run_begins_with_the_shorter_one(
            seed: u64, mode in modes(), length in 0_u64..600_000, more in 0_u64..600_000,
        ) {
            let short = plan(seed, length, mode);
            prop_assert_eq!(&short, &plan(seed, length, mode));
            let long = plan(seed, length + more, mode);
            let begun: Vec<&Planned> = long.iter().filter(|p| p.at_ms < length).collect();
            let all: Vec<&Planned> = short.iter().filter(|p| p.at_ms < length).collect();
            prop_assert_eq!(begun, all);
        }

        #[test]
        fn acts_are_in_order_and_whoever_sleeps_is_woken(seed: u64, mode in modes(), length in 0_u64..600_000) {
            let acts = plan(seed, length, mode);
            prop_assert!(acts.is_sorted_by_key(|p| p.at_ms));
            for (n, sleep) in acts.iter().enumerate() {
                let Act::Sleep(who) = sleep.act else { continue };
                let next = acts[n + 1..].iter().find(|p| matches!(p.act, Act::Wake(w) | Act::Sleep(w) if w == who));
                let woken = next.is_some_and(|p| p.act == Act::Wake(who) && p.at_ms > sleep.at_ms);
                prop_assert!(woken, "{who} sleeps from {} on", sleep.at_ms);
            }
        }

        #[test]
        fn nobody_is_killed_twice_within_a_lease_and_only_what_is_there_breaks(
            seed: u64, mode in modes(), length in 0_u64..600_000,
        ) {
            let acts = plan(seed, length, mode);
            let there = processes(mode).len();
            for who in 0..there {
                let kills: Vec<u64> = acts.iter().filter(|p| p.act == Act::Kill(who)).map(|p| p.at_ms).collect();
                prop_assert!(kills.windows(2).all(|w| w[1] - w[0] >= KILLS_APART_MS));
            }
            for planned in &acts {
                match planned.act {
                    Act::Kill(who) | Act::Stop(who) | Act::Sleep(who) | Act::Wake(who) => prop_assert!(who < there),
                    Act::AskOne(member) | Act::Regroup(member, _) => prop_assert!(member < LINKED),
                    Act::RedisForgets | Act::RedisForgetsScripts | Act::RedisThrowsOut | Act::RedisRestart(_)
                    | Act::MongoRestart(_) => prop_assert_eq!(mode, Mode::Distributed),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn ten_minutes_have_acts_of_every_kind() {
        for mode in [Mode::Embedded, Mode::Distributed] {
            let words: std::collections::BTreeSet<&str> =
                plan(1, 600_000, mode).iter().map(|p| p.act.word()).collect();
            assert_eq!(words.len(), if mode == Mode::Distributed { 15 } else { 10 });
        }
    }
}
