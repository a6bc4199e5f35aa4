//! The scenarios: what is broken, when, and what has to come of it.

use std::time::Duration;

use rolecall_simulator::{Fault, FaultKind};
use rustix::process::Signal;

use crate::discord_faults::Trouble;
use crate::engine_faults::Upset;
use crate::links::Broken;
use crate::processes::{Supervised, wait_for};
use crate::races::Race;
use crate::redis_faults::Ill;
use crate::removals::Loss;
use crate::stage::{Mode, Needs, Stage};
use crate::world::SPEED;
use crate::{contrast, duplicates, ledger, links, logins, plays, poison, redis_faults, tokens};

/// A role that is given: the change that most scenarios interrupt.
pub(crate) const GIVE: &str = "PUT /guilds/{guild}/members/{user}/roles/{role}";

/// Decides what a lossy link loses.
const SEED: u64 = 1;

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// A process kills itself at these places, one a start.
    Kill {
        who: &'static str,
        at: &'static [&'static str],
        /// How often these follow each other.
        times: usize,
    },
    /// The answer to a change is lost, and the process dies before it wrote what it knows.
    LostAnswer,
    /// SIGTERM, and death while it stops.
    KillInStop,
    /// Nothing: somebody logs in.
    Login,
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
    /// Each envelope comes several times, and again when its job is over.
    Duplicates,
    /// SIGTERM, this often, in the middle of work.
    Deploys(usize),
    /// Three schedulers at once.
    Schedulers,
    /// A link that fails.
    Link(Broken),
    /// All links are poor.
    Poor(crate::proxy::Link),
    /// A Redis that answers, and is no good.
    Redis(Ill),
    /// The Mongo server sleeps for so many seconds.
    MongoAsleep(u64),
    /// No file is left to open.
    NoFiles,
    /// This process's clock is wrong.
    Clock(&'static str),
    /// A second request while the first one's change is under way; with more groups, or with the same.
    TwoRequests { more: bool },
    /// Discord does something wrong.
    Discord(Trouble),
    /// A job, a payload or a backlog that is more than it should be.
    Engine(Upset),
    /// Members lose their groups.
    Removal(Loss),
    /// Operators give orders at the worst moment.
    Race(Race),
    /// A plan takes longer than a lease.
    SlowReads,
    /// A scheduler sleeps over a tick.
    SleepsOverATick,
    /// Members lose a group, and get it back before their role is taken.
    ChangeOfMind,
    /// A planner dies, and plans again while what it stored waits.
    PlansAgain,
    /// Discord answers 429 with a time.
    ToldToWait,
    /// Thousands of jobs are due at once.
    Many,
    /// SIGKILL right after the answer 202.
    KilledWhenPromised,
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
        format!("{} {}, {}", self.fault, self.about, self.mode)
    }

    pub(crate) fn needs(&self, without: Option<&'static str>) -> Needs {
        Needs {
            mode: self.mode,
            linked: self.linked,
            // Changes have to be under way, and others waiting, when the second request comes.
            write_ms: if self.is_slow() { 1_000 } else { 25 },
            one_group_each: self.is_slow() || matches!(self.breaks, Break::ChangeOfMind | Break::PlansAgain),
            speed: match self.breaks {
                Break::Discord(trouble) => trouble.speed(),
                _ => SPEED,
            },
            own_mongo: matches!(self.breaks, Break::MongoRestart(_) | Break::MongoAsleep(_)),
            without,
        }
    }

    fn is_slow(&self) -> bool {
        matches!(self.breaks, Break::TwoRequests { .. } | Break::Race(_))
    }

    /// Breaks it, and waits until everything is quiet again.
    pub(crate) async fn play(&self, stage: &mut Stage) -> Result<(), String> {
        match self.breaks {
            Break::Kill { who, at, times } => self.kill(stage, who, &at.repeat(times)).await,
            Break::LostAnswer => {
                stage
                    .world
                    .simulator
                    .faults()
                    .add(Fault::new(FaultKind::ResetAfter).on(GIVE).times(1));
                self.kill(stage, "worker", &["K7/add_role:1"]).await
            }
            Break::KillInStop => self.kill_in_stop(stage).await,
            Break::Login => logins::login(self.mode, stage).await,
            Break::LostPair => tokens::lost_pair(stage).await,
            Break::HalfARotation => tokens::half_a_rotation(stage).await,
            Break::Zombie => self.zombie(stage).await,
            Break::Poison => self.poison(stage).await,
            Break::Deploys(times) => self.deploys(stage, times).await,
            Break::Schedulers => self.schedulers(stage).await,
            Break::TwoRequests { more } => self.two_requests(stage, more).await,
            Break::Discord(trouble) => trouble.play(self.mode, stage).await,
            Break::Engine(upset) => upset.play(self.mode, stage).await,
            Break::Removal(loss) => loss.play(self.mode, stage).await,
            Break::Race(race) => race.play(self.mode, stage).await,
            Break::Link(broken) => links::broken(stage, broken, SEED).await,
            Break::Poor(how) => links::poor(stage, how, SEED).await,
            Break::Redis(ill) => ill.play(stage, SEED).await,
            Break::NoFiles => redis_faults::no_files(stage).await,
            Break::Clock(whose) => links::clocks(stage, whose).await,
            Break::SlowReads => plays::slow_reads(self, stage).await,
            Break::SleepsOverATick => plays::sleeps_over_a_tick(self, stage).await,
            Break::ChangeOfMind => plays::change_of_mind(self, stage).await,
            Break::Duplicates => duplicates::play(self, stage).await,
            Break::PlansAgain => plays::plans_again(self, stage).await,
            Break::ToldToWait => contrast::told_to_wait(self, stage, GIVE).await,
            Break::Many => contrast::many(self, stage).await,
            Break::KilledWhenPromised => plays::killed_when_promised(self, stage).await,
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
            wait_for("the process to die", Duration::from_secs(200), async || {
                (stage.deaths() >= kills).then_some(())
            })
            .await?;
        } else {
            stage.be_patient();
        }
        stage.quiet().await
    }

    async fn two_requests(&self, stage: &mut Stage, more: bool) -> Result<(), String> {
        stage.start_all(self.mode, "", &[]);
        stage.ask().await?;
        stage.writes(1).await?;
        if more {
            stage.world.promote();
            stage.import().await?;
        }
        stage.ask().await?;
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
            Break::MongoAsleep(s) => {
                let asked = stage.ask_meanwhile(Duration::from_secs(s));
                stage.mongo.as_ref().ok_or(missing)?.sleep(asked).await?;
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
        stage
            .see("the job to run alone", |ledger| {
                let mut live = ledger.jobs.iter().filter(|j| j.finished_at.is_none());
                let job = live
                    .next()
                    .filter(|j| j.kind == "add_role" && j.state == "running");
                (job.is_some() && live.next().is_none()).then_some(())
            })
            .await?;
        let first = stage.processes.last().cloned().ok_or("no process")?;
        stop_outside_a_write(stage, &first).await?;
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
        stage.set("DISCORD_SYNC_INTERVAL", "1m");
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

/// SIGSTOP. A process that sleeps in the middle of a write to SQLite holds up all others, which is another story: then it
/// is woken, and stopped again.
pub(crate) async fn stop_outside_a_write(stage: &Stage, process: &Supervised) -> Result<(), String> {
    wait_for("a moment without a write", Duration::from_secs(3), async || {
        process.signal(Signal::STOP).ok()?;
        if ledger::takes_writes(&stage.ledger) {
            return Some(());
        }
        process.signal(Signal::CONT).ok().and(None)
    })
    .await
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
