//! The scenarios: what is broken, when, and what has to come of it.

use std::time::Duration;

use rolecall_simulator::{Fault, FaultKind};
use rustix::process::Signal;

use crate::stage::{Mode, Needs, Stage};
use crate::{poison, tokens};

/// A role that is given: the change that most scenarios interrupt.
const GIVE: &str = "PUT /guilds/{guild}/members/{user}/roles/{role}";

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// A process kills itself at these places, one a start.
    Kill {
        who: &'static str,
        at: &'static [&'static str],
    },
    /// The answer to a change is lost, and the process dies before it wrote what it knows.
    LostAnswer,
    /// SIGTERM, and death while it stops.
    KillInStop,
    /// Discord made a new pair of tokens, and it is lost.
    LostPair,
    /// `rolecall secrets rotate` dies half-way.
    HalfARotation,
    /// Redis dies and comes back empty after this many seconds.
    RedisRestart(u64),
    /// FLUSHALL.
    RedisForgets,
    /// All of Redis' clients are thrown out every 200 ms for this many seconds.
    RedisThrowsOut(u64),
    /// SCRIPT FLUSH.
    RedisForgetsScripts,
    /// The Mongo server dies and comes back after this many seconds.
    MongoRestart(u64),
    /// A worker is stopped for longer than its lease, and wakes while another runs its job.
    Zombie,
    /// Payloads that cannot be read, among others.
    Poison,
    /// Envelopes in Redis that cannot be read.
    PoisonEnvelopes,
    /// SIGTERM, this often, in the middle of work.
    Deploys(usize),
    /// Three schedulers at once.
    Schedulers,
    /// Two requests for the same at once.
    TwoRequests,
}

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    /// The fault's id, such as `K5`, and what about it.
    pub(crate) fault: &'static str,
    pub(crate) about: &'static str,
    pub(crate) mode: Mode,
    pub(crate) linked: usize,
    pub(crate) breaks: Break,
    /// Part of the short run.
    pub(crate) short: bool,
}

impl Scenario {
    pub(crate) fn name(&self) -> String {
        let mode = match self.mode {
            Mode::Embedded => "embedded",
            Mode::Distributed => "distributed",
        };
        format!("{} {}, {mode}", self.fault, self.about)
    }

    pub(crate) fn needs(&self, without: Option<&'static str>) -> Needs {
        Needs {
            mode: self.mode,
            linked: self.linked,
            own_mongo: matches!(self.breaks, Break::MongoRestart(_)),
            without,
        }
    }

    /// Breaks it, and waits until everything is quiet again.
    pub(crate) async fn play(&self, stage: &mut Stage) -> Result<(), String> {
        match self.breaks {
            Break::Kill { who, at } => self.kill(stage, who, at).await,
            Break::LostAnswer => {
                stage
                    .world
                    .simulator
                    .faults()
                    .add(Fault::new(FaultKind::ResetAfter).on(GIVE).times(1));
                self.kill(stage, "worker", &["K7/add_role:1"]).await
            }
            Break::KillInStop => self.kill_in_stop(stage).await,
            Break::LostPair => tokens::lost_pair(stage).await,
            Break::HalfARotation => tokens::half_a_rotation(stage).await,
            Break::Zombie => self.zombie(stage).await,
            Break::Poison => self.poison(stage).await,
            Break::Deploys(times) => self.deploys(stage, times).await,
            Break::Schedulers => self.schedulers(stage).await,
            Break::TwoRequests => {
                stage.start_all(self.mode, "", &[]);
                let (one, two) = tokio::join!(stage.ask(), stage.ask());
                one.and(two)?;
                stage.quiet().await
            }
            _ => self.servers(stage).await,
        }
    }

    async fn kill(&self, stage: &mut Stage, who: &str, at: &[&str]) -> Result<(), String> {
        let faults: Vec<String> = at.iter().map(|f| (*f).to_owned()).collect();
        // The third death at a job of one kind puts it aside.
        let same = |kind: &str| at.iter().filter(|f| f.contains(kind)).count();
        if same("/add_role") >= 3 {
            stage.discarded.insert("add_role: worker_lost".into(), 1);
            // At K7 Discord has done it already.
            if !at[0].starts_with("K7") {
                stage.world.nobody_gets_anything();
            }
        }
        let kills = at.len();
        stage.start_all(self.mode, who, &faults);
        stage.ask().await?;
        if kills <= 3 {
            crate::processes::wait_for("the process to die", Duration::from_secs(200), async || {
                (stage.deaths() >= kills).then_some(())
            })
            .await?;
        }
        stage.quiet().await
    }

    async fn kill_in_stop(&self, stage: &mut Stage) -> Result<(), String> {
        stage
            .world
            .simulator
            .faults()
            .add(Fault::new(FaultKind::Slow { ms: 3_000 }).on(GIVE).times(1));
        stage.start_all(self.mode, "worker", &["K15:1".to_owned()]);
        stage.ask().await?;
        running(stage, "add_role").await?;
        let process = stage.processes.last().cloned().ok_or("no process")?;
        process.stop_once().await?;
        if process.deaths().is_empty() {
            return Err("it stopped, and did not die".into());
        }
        stage.quiet().await
    }

    async fn servers(&self, stage: &mut Stage) -> Result<(), String> {
        stage.start_all(self.mode, "", &[]);
        stage.should_live = vec!["web", "worker"];
        stage.ask().await?;
        stage.writes(5).await?;
        let missing = "this scenario has no such server";
        match self.breaks {
            Break::RedisRestart(s) => {
                stage
                    .redis
                    .as_mut()
                    .ok_or(missing)?
                    .restart(Duration::from_secs(s))
                    .await?
            }
            Break::RedisForgets => drop(stage.redis.as_ref().ok_or(missing)?.ask(&["FLUSHALL"]).await?),
            Break::RedisForgetsScripts => {
                drop(
                    stage
                        .redis
                        .as_ref()
                        .ok_or(missing)?
                        .ask(&["SCRIPT", "FLUSH"])
                        .await?,
                );
            }
            Break::RedisThrowsOut(s) => {
                let redis = stage.redis.as_ref().ok_or(missing)?;
                for _ in 0..s * 5 {
                    redis.ask(&["CLIENT", "KILL", "TYPE", "normal"]).await?;
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
            Break::MongoRestart(s) => {
                stage
                    .mongo
                    .as_mut()
                    .ok_or(missing)?
                    .restart(Duration::from_secs(s))
                    .await?
            }
            Break::PoisonEnvelopes => poison::envelopes(stage.redis.as_ref().ok_or(missing)?).await?,
            _ => {}
        }
        stage.fault_is_over();
        // The API takes the next one; and it has something to do, should the first be over.
        stage.ask().await?;
        stage.quiet().await
    }

    async fn zombie(&self, stage: &mut Stage) -> Result<(), String> {
        // The first answer comes when its worker sleeps; the second one late enough to wake the first worker before.
        stage
            .world
            .simulator
            .faults()
            .add(Fault::new(FaultKind::Slow { ms: 4_000 }).on(GIVE).times(2));
        stage.start_all(self.mode, "", &[]);
        stage.ask().await?;
        running(stage, "add_role").await?;
        let first = stage.processes.last().cloned().ok_or("no process")?;
        first.signal(Signal::STOP)?;
        let second = stage.start("second", &["worker"], Vec::new());
        stage
            .see("another worker to take the job", |ledger| {
                ledger
                    .jobs
                    .iter()
                    .any(|j| j.kind == "add_role" && j.fence == 2 && j.state == "running")
                    .then_some(())
            })
            .await?;
        first.signal(Signal::CONT)?;
        stage.fault_is_over();
        stage.should_live = vec![first.name, second.name];
        stage.quiet().await
    }

    async fn poison(&self, stage: &mut Stage) -> Result<(), String> {
        let n = poison::payloads(&stage.ledger)?;
        stage.discarded.insert("add_role: undecodable".into(), n);
        stage.start_all(self.mode, "", &[]);
        stage.should_live = vec!["all"];
        stage.ask().await?;
        stage.quiet().await
    }

    async fn deploys(&self, stage: &mut Stage, times: usize) -> Result<(), String> {
        stage.nothing_was_killed = true;
        stage.start_all(self.mode, "", &[]);
        stage.ask().await?;
        let process = stage.processes.last().cloned().ok_or("no process")?;
        stage.should_live = vec![process.name];
        for n in 1..=times {
            stage.writes(4 * n as u64).await?;
            let took = process.stop_once().await?;
            stage.stops_ms.push(took);
            stage.fault_is_over();
        }
        stage.quiet().await
    }

    async fn schedulers(&self, stage: &mut Stage) -> Result<(), String> {
        stage
            .program
            .env
            .retain(|(name, _)| name != "DISCORD_SYNC_INTERVAL");
        stage
            .program
            .env
            .push(("DISCORD_SYNC_INTERVAL".into(), "1m".into()));
        stage.start_all(self.mode, "", &[]);
        stage.start("scheduler", &["scheduler"], Vec::new());
        stage.start("another", &["scheduler"], Vec::new());
        // So that the client's log is not empty: a request among the ticks.
        stage.ask().await?;
        stage
            .see("a tick", |ledger| {
                ledger
                    .runs
                    .iter()
                    .any(|r| r.actor.starts_with("schedule:"))
                    .then_some(())
            })
            .await?;
        stage.quiet().await
    }
}

async fn running(stage: &Stage, kind: &str) -> Result<(), String> {
    stage
        .see("the job to run", |ledger| {
            ledger
                .jobs
                .iter()
                .any(|j| j.kind == kind && j.state == "running")
                .then_some(())
        })
        .await
}

const EMBEDDED: Mode = Mode::Embedded;
const DISTRIBUTED: Mode = Mode::Distributed;

/// A process dies at a place, in one mode.
const fn kill(
    fault: &'static str,
    about: &'static str,
    mode: Mode,
    linked: usize,
    who: &'static str,
    at: &'static [&'static str],
) -> Scenario {
    let breaks = Break::Kill { who, at };
    Scenario {
        fault,
        about,
        mode,
        linked,
        breaks,
        short: false,
    }
}

const fn other(
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

const fn short(scenario: Scenario) -> Scenario {
    Scenario {
        short: true,
        ..scenario
    }
}

/// All places in one mode; the quick and telling ones of the embedded mode are in the short run, too.
fn kills(mode: Mode) -> Vec<Scenario> {
    let embedded = mode == EMBEDDED;
    let mut all = vec![
        kill("K1", "first attempt", mode, 6, "web", &["K1/full:1"]),
        kill("K2", "first attempt", mode, 6, "web", &["K2/sync_all:1"]),
        kill("K2", "in a planner", mode, 6, "worker", &["K2/sync_guild:1"]),
        kill("K3", "first attempt", mode, 6, "web", &["K3/sync_all:1"]),
        kill("K4", "first attempt", mode, 1, "worker", &["K4/add_role:1"]),
        kill(
            "K4",
            "second attempt",
            mode,
            1,
            "worker",
            &["K4/add_role:1", "K4/add_role:1"],
        ),
        kill(
            "K4",
            "last attempt",
            mode,
            1,
            "worker",
            &["K4/add_role:1", "K4/add_role:1", "K4/add_role:1"],
        ),
        kill("K5", "first attempt", mode, 1, "worker", &["K5/add_role:1"]),
        kill(
            "K5",
            "second attempt",
            mode,
            1,
            "worker",
            &["K5/add_role:1", "K5/add_role:1"],
        ),
        kill(
            "K5",
            "last attempt",
            mode,
            1,
            "worker",
            &["K5/add_role:1", "K5/add_role:1", "K5/add_role:1"],
        ),
        kill("K5", "among many", mode, 12, "worker", &["K5:3"]),
        other("K6", "the answer is lost", mode, 1, Break::LostAnswer),
        kill("K7", "first attempt", mode, 1, "worker", &["K7/add_role:1"]),
        kill(
            "K7",
            "second attempt",
            mode,
            1,
            "worker",
            &["K7/add_role:1", "K7/add_role:1"],
        ),
        kill(
            "K7",
            "last attempt",
            mode,
            1,
            "worker",
            &["K7/add_role:1", "K7/add_role:1", "K7/add_role:1"],
        ),
        kill(
            "K7",
            "of the planner of all",
            mode,
            6,
            "worker",
            &["K7/sync_all:1"],
        ),
        kill(
            "K7",
            "of the end of a run",
            mode,
            6,
            "worker",
            &["K7/finish_run:1"],
        ),
        kill("K8", "first attempt", mode, 6, "worker", &["K8/add_role:1"]),
        kill(
            "K8",
            "of the last job of a run",
            mode,
            1,
            "worker",
            &["K8/add_role:1"],
        ),
        kill("K10", "first attempt", mode, 12, "worker", &["K10/sync_guild:1"]),
        kill(
            "K10",
            "second attempt",
            mode,
            12,
            "worker",
            &["K10/sync_guild:1", "K10/sync_guild:1"],
        ),
        kill(
            "K12",
            "first attempt",
            mode,
            1,
            "worker",
            &["K4/add_role:1", "K12/add_role:1"],
        ),
        kill("K13", "first attempt", mode, 6, "worker", &["K13/finish_run:1"]),
        kill(
            "K13",
            "second attempt",
            mode,
            6,
            "worker",
            &["K13/finish_run:1", "K13/finish_run:1"],
        ),
        other("K15", "while it stops", mode, 1, Break::KillInStop),
    ];
    for scenario in all.iter_mut().filter(|_| embedded) {
        scenario.short = matches!(
            (scenario.fault, scenario.about),
            ("K2" | "K5" | "K7" | "K8" | "K10" | "K13", "first attempt")
        );
    }
    all
}

/// All of them.
pub(crate) fn all() -> Vec<Scenario> {
    let mut all = kills(EMBEDDED);
    all.extend(kills(DISTRIBUTED));
    all.extend([
        other("K14", "the new tokens are lost", EMBEDDED, 6, Break::LostPair),
        other("K16", "after the third secret", EMBEDDED, 6, Break::HalfARotation),
        other(
            "E1",
            "Redis away for 5 s, and empty",
            DISTRIBUTED,
            40,
            Break::RedisRestart(5),
        ),
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
        other("E22", "poison envelopes", DISTRIBUTED, 40, Break::PoisonEnvelopes),
        other("E24", "five deploys", EMBEDDED, 40, Break::Deploys(5)),
        other("E24", "five deploys", DISTRIBUTED, 40, Break::Deploys(5)),
        short(other("E25", "three schedulers", EMBEDDED, 6, Break::Schedulers)),
        other("E25", "three schedulers", DISTRIBUTED, 6, Break::Schedulers),
        other("E29", "two requests at once", EMBEDDED, 12, Break::TwoRequests),
        other("E29", "two requests at once", DISTRIBUTED, 12, Break::TwoRequests),
    ]);
    all
}

/// A mechanism that is taken away, the scenario that has to notice, and the invariant by which.
pub(crate) fn mechanisms() -> Vec<(&'static str, Scenario, &'static str)> {
    const FIVE: &[&str] = &[
        "K4/add_role:1",
        "K4/add_role:1",
        "K4/add_role:1",
        "K4/add_role:1",
        "K4/add_role:1",
    ];
    vec![
        ("Fence", other("E15", "zombie", EMBEDDED, 1, Break::Zombie), "I5"),
        (
            "UniqueKey",
            other("E29", "two requests at once", EMBEDDED, 12, Break::TwoRequests),
            "I2",
        ),
        (
            "SingleFlight",
            other("E29", "two requests at once", EMBEDDED, 12, Break::TwoRequests),
            "I16",
        ),
        (
            "CrashCount",
            kill("K4", "five times", EMBEDDED, 1, "all", FIVE),
            "I6",
        ),
        (
            "FollowUpIds",
            kill("K10", "first attempt", EMBEDDED, 12, "all", &["K10/sync_guild:1"]),
            "I5",
        ),
    ]
}
