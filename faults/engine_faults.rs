//! Jobs that harm their process, releases that differ, and backlogs: what the engine has to survive by itself.

use std::time::Duration;

use rolecall_simulator::{Fault, FaultKind};
use serde_json::json;

use crate::catalogue::other;
use crate::planted::{self, Planted, plant};
use crate::processes::{now_ms, wait_for};
use crate::scenarios::{Break, Scenario};
use crate::stage::{Mode, Stage};

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upset {
    /// A job panics, another one holds the runtime's thread for longer than a lease.
    PanicAndBlock,
    /// A job uses up its stack, which ends the process.
    Overflow,
    /// A job ends its process each time, beside twenty that do not.
    Poison,
    /// Payloads of a newer release, done by nobody, and then by the newer release; and the other way round.
    TwoReleases,
    /// A payload of a release that never comes.
    NeverReleased,
    /// So many jobs wait, and people ask for something.
    Backlog(usize),
    /// So many jobs become due in the same millisecond.
    SameMoment(usize),
    /// Of two processes at work, one is told to stop.
    HandedOver,
}

/// Innocent jobs beside the one that kills.
const INNOCENT: usize = 20;
/// Envelopes that may wait in a lane: four times the default of 64 slots.
const WINDOW: u64 = 256;
/// What the Mongo server of the tests works off in a minute or two: it takes 10 to 20 ms for a write, and a job has four.
const MORE_THAN_TWO_WINDOWS: usize = 600;
/// A backlog of which nothing ends for so long does not drain.
const STANDSTILL_MS: i64 = 60_000;

/// All of them.
pub(crate) fn all() -> Vec<Scenario> {
    use Mode::{Distributed, Embedded};
    let of = |fault, about, mode, linked, upset| other(fault, about, mode, linked, Break::Engine(upset));
    vec![
        of(
            "E22",
            "a payload that nobody knows",
            Embedded,
            1,
            Upset::NeverReleased,
        ),
        of(
            "E22",
            "a payload that nobody knows",
            Distributed,
            1,
            Upset::NeverReleased,
        ),
        of(
            "E23",
            "a panic, and a held thread",
            Embedded,
            6,
            Upset::PanicAndBlock,
        ),
        of(
            "E23",
            "a panic, and a held thread",
            Distributed,
            6,
            Upset::PanicAndBlock,
        ),
        of("E23", "stack overflow", Embedded, 1, Upset::Overflow),
        of("E23", "one of many kills", Embedded, 1, Upset::Poison),
        of("E23", "one of many kills", Distributed, 1, Upset::Poison),
        of("E24", "a worker hands over", Embedded, 40, Upset::HandedOver),
        of("E24", "a worker hands over", Distributed, 40, Upset::HandedOver),
        of("E26", "two releases", Embedded, 30, Upset::TwoReleases),
        of("E26", "two releases", Distributed, 30, Upset::TwoReleases),
        of("E27", "20,000 wait", Embedded, 1, Upset::Backlog(20_000)),
        of(
            "E28",
            "10,000 at one moment",
            Embedded,
            1,
            Upset::SameMoment(10_000),
        ),
        of(
            "E28",
            "600 at one moment",
            Distributed,
            1,
            Upset::SameMoment(MORE_THAN_TWO_WINDOWS),
        ),
    ]
}

impl Upset {
    pub(crate) async fn play(self, mode: Mode, stage: &mut Stage) -> Result<(), String> {
        match self {
            Self::TwoReleases => return two_releases(mode, stage).await,
            Self::HandedOver => return handed_over(mode, stage).await,
            _ => {}
        }
        stage.start_all(mode, "", &[]);
        stage.ask().await?;
        stage.quiet().await?;
        match self {
            Self::PanicAndBlock => panic_and_block(mode, stage).await,
            Self::Overflow => {
                stage.discarded.insert("misbehave: worker_lost".into(), 1);
                plant(&stage.ledger, &[Planted::that(json!("overflow"))]).await?;
                died(stage, 3).await?;
                stage.quiet().await
            }
            Self::Poison => poison(stage).await,
            Self::NeverReleased => never_released(stage).await,
            Self::Backlog(n) => backlog(mode, stage, n).await,
            Self::SameMoment(n) => same_moment(mode, stage, n).await,
            Self::TwoReleases | Self::HandedOver => Ok(()),
        }
    }
}

fn all_should_live(mode: Mode, stage: &mut Stage) {
    stage.should_live = match mode {
        Mode::Embedded => vec!["all"],
        Mode::Distributed => vec!["web", "worker"],
    };
}

async fn died(stage: &Stage, times: usize) -> Result<(), String> {
    let what = format!("{times} deaths");
    wait_for(&what, Duration::from_secs(200), async || {
        (stage.deaths() >= times).then_some(())
    })
    .await
}

async fn panic_and_block(mode: Mode, stage: &mut Stage) -> Result<(), String> {
    all_should_live(mode, stage);
    stage.discarded.insert("misbehave: panicked".into(), 1);
    let [panics, blocks, well] =
        [json!("panic"), json!({ "block": 20_000 }), json!("well")].map(Planted::that);
    let mut jobs = vec![panics, blocks];
    jobs.extend(well.times(10));
    let ids = plant(&stage.ledger, &jobs).await?;
    stage.ask().await?;
    stage.quiet().await?;
    let ledger = stage.look().await?;
    let held = ledger.jobs.iter().find(|j| j.id == ids[1]);
    match held.map(|j| (j.state.as_str(), j.fence, j.crashes)) {
        Some(("completed", 1, 0)) => Ok(()),
        found => Err(format!("the job that held its thread is {found:?}")),
    }
}

/// Of all that ran together when a worker died, the guilty one alone is put aside.
async fn poison(stage: &mut Stage) -> Result<(), String> {
    stage.discarded.insert("misbehave: worker_lost".into(), 1);
    let mut jobs = Planted::that(json!({ "slowly": 1_000 })).times(INNOCENT);
    jobs.push(Planted::that(json!({ "abort": 250 })));
    plant(&stage.ledger, &jobs).await?;
    died(stage, 1).await?;
    stage.quiet().await?;
    let ledger = stage.look().await?;
    let suspects = ledger.jobs.iter().filter(|j| j.crashes > 0).count();
    if suspects < 4 {
        return Err(format!("only {suspects} jobs ran when the process died"));
    }
    Ok(())
}

const WAITS_FOR_RELEASE: &str = "newer_release_needed";

async fn is_left_to_newer(stage: &Stage, kind: &str) -> Result<String, String> {
    let what = format!("a job of {kind} to be left to a newer release");
    stage
        .see(&what, |ledger| {
            let left = ledger.jobs.iter().find(|j| {
                j.kind == kind
                    && j.finished_at.is_none()
                    && j.attempts
                        .last()
                        .is_some_and(|a| a.2.as_deref() == Some(WAITS_FOR_RELEASE))
            });
            left.map(|j| j.id.clone())
        })
        .await
}

async fn never_released(stage: &mut Stage) -> Result<(), String> {
    let unheard_of = Planted {
        kind: "unheard_of",
        ..Planted::that(json!("well"))
    };
    let newer = Planted {
        version: 99,
        ..Planted::that(json!("well"))
    };
    let mut jobs = Planted::that(json!("well")).times(10);
    jobs.extend([unheard_of, newer]);
    plant(&stage.ledger, &jobs).await?;
    for kind in ["unheard_of", "misbehave"] {
        let id = is_left_to_newer(stage, kind).await?;
        // Nobody will ever do it, and an operator says so.
        stage
            .program
            .run(&["jobs", "discard", &id, "--reason", "rolled back"])
            .await?;
        let name = format!("{kind}: discarded_by_operator");
        *stage.discarded.entry(name).or_default() += 1;
    }
    stage.ask().await?;
    stage.quiet().await?;
    let ledger = stage.look().await?;
    let left = ledger.jobs.iter().filter(|j| j.state == "discarded");
    match left.clone().find(|j| j.attempt > 0) {
        Some(job) => Err(format!(
            "job {} used up {} attempts by waiting",
            job.id, job.attempt
        )),
        None => Ok(()),
    }
}

/// The newer one makes jobs that the older one leaves alone, and does what the older one made.
async fn two_releases(mode: Mode, stage: &mut Stage) -> Result<(), String> {
    stage.nothing_was_killed = true;
    if mode == Mode::Distributed {
        stage.start("web", &["web"], Vec::new());
    }
    let args: &'static [&'static str] = match mode {
        Mode::Embedded => &["all"],
        Mode::Distributed => &["worker"],
    };
    let newer = ("ROLECALL_NEWER".to_owned(), "add_role:2".to_owned());
    stage.program.env.push(newer);
    let new = stage.start("new", args, Vec::new());
    does_some(stage).await?;
    stage.stops_ms.push(new.stop_for_good().await?);
    stage.world.simulator.faults().clear();
    stage.program.env.retain(|(name, _)| name != "ROLECALL_NEWER");
    let old = stage.start("old", args, Vec::new());
    is_left_to_newer(stage, "add_role").await?;
    // What the older release makes, the newer one does.
    stage.world.promote();
    stage.import().await?;
    stage.ask().await?;
    stage
        .see("the older release to make jobs", |ledger| {
            let mut made = ledger.jobs.iter().filter(|j| j.kind == "add_role");
            made.any(|j| j.version == 1).then_some(())
        })
        .await?;
    stage.stops_ms.push(old.stop_for_good().await?);
    let newer = ("ROLECALL_NEWER".to_owned(), "add_role:2".to_owned());
    stage.program.env.push(newer);
    stage.start("newer", args, Vec::new());
    stage.quiet().await?;
    let ledger = stage.look().await?;
    let of = |version| {
        ledger
            .jobs
            .iter()
            .any(|j| j.kind == "add_role" && j.version == version)
    };
    if of(1) && of(2) {
        Ok(())
    } else {
        Err("both releases were to make jobs".into())
    }
}

/// Two are to get one role each: the first one gets it, the second one not. So, however fast the release at work is,
/// something is left to the next one, and that one finds somebody who needs one role more.
async fn does_some(stage: &mut Stage) -> Result<(), String> {
    for nth in 0..2 {
        stage.world.regroup(nth, 1);
    }
    stage.import().await?;
    let first = stage.world.user(0);
    stage.program.run(&["sync", "--user", &first, "--wait"]).await?;
    let refused =
        Fault::new(FaultKind::Status { status: 503 }).on("PUT /guilds/{guild}/members/{user}/roles/*");
    stage.world.simulator.faults().add(refused);
    stage.ask().await?;
    stage
        .see("the newer release to make jobs, and to try one", |ledger| {
            let made = ledger.jobs.iter().filter(|j| j.kind == "add_role");
            let mut left = made.filter(|j| j.finished_at.is_none());
            left.any(|j| !j.attempts.is_empty()).then_some(())
        })
        .await
}

async fn handed_over(mode: Mode, stage: &mut Stage) -> Result<(), String> {
    stage.nothing_was_killed = true;
    stage.start_all(mode, "", &[]);
    let other = stage.start("second", &["worker"], Vec::new());
    stage.ask().await?;
    stage.writes(4).await?;
    stage.handed_over.push(now_ms());
    stage.stops_ms.push(other.stop_for_good().await?);
    stage.fault_is_over();
    stage.quiet().await
}

/// Waits until nothing is left to do, by counting alone: the ledger is long. Meanwhile the window is looked at.
async fn drained(stage: &mut Stage) -> Result<(), String> {
    let (mut most, mut left, mut since) = (None, u64::MAX, now_ms());
    loop {
        let live = planted::live(&stage.ledger).await?;
        if live == 0 {
            break;
        }
        if live < left {
            (left, since) = (live, now_ms());
        }
        if let Some(redis) = &stage.redis {
            for lane in ["interactive", "normal", "bulk"] {
                let key = format!("rolecall.rolecall.{lane}:active");
                if let Ok(redis::Value::Int(n)) = redis.ask(&["LLEN", &key]).await {
                    most = most.max(u64::try_from(n).ok());
                }
            }
        }
        if now_ms() - since > STANDSTILL_MS {
            return Err(format!(
                "{left} jobs are left, and none ended for {STANDSTILL_MS} ms"
            ));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stage.window = most.map(|n| (n, WINDOW));
    stage.quiet().await
}

async fn backlog(mode: Mode, stage: &mut Stage, n: usize) -> Result<(), String> {
    all_should_live(mode, stage);
    plant(&stage.ledger, &Planted::that(json!("well")).times(n)).await?;
    for _ in 0..20 {
        let urgent = Planted {
            lane: "interactive",
            ..Planted::that(json!("well"))
        };
        plant(&stage.ledger, &[urgent]).await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drained(stage).await
}

async fn same_moment(mode: Mode, stage: &mut Stage, n: usize) -> Result<(), String> {
    all_should_live(mode, stage);
    let all = Planted {
        run_at: now_ms() + 5_000,
        ..Planted::that(json!("well"))
    };
    plant(&stage.ledger, &all.times(n)).await?;
    drained(stage).await
}
