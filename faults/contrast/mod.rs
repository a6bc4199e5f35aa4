//! The same faults for rolecall and for a worker on plain apalis-redis, side by side. That the second column is full of
//! losses shows that the suite finds what is there.

mod plain;

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use rolecall_simulator::{Fault, FaultKind};

use crate::catalogue::{all, other};
use crate::runner::{Play, Played};
use crate::scenarios::{Break, Scenario};
use crate::stage::{Mode, Stage, Tools};
use crate::{poison, runner};

use plain::Probe;

/// More than Redis' Lua can unpack at once.
const MANY: usize = 8_200;
/// What Discord says in `Retry-After`, in simulated seconds.
const WAIT_S: u64 = 60;

/// What is broken, for one, and the scenario that breaks the same for the other.
const PAIRS: [(&str, Probe, &str); 9] = [
    (
        "SIGKILL while a job runs",
        Probe::Killed(None),
        "K4 first attempt, distributed",
    ),
    (
        "the same; heartbeats of 1 s, three missed",
        Probe::Killed(Some(1)),
        "K4 first attempt, distributed",
    ),
    ("FLUSHALL", Probe::Forgotten, "E2 FLUSHALL, distributed"),
    (
        "8,200 jobs due at once",
        Probe::Many(MANY),
        "E28 8,200 jobs due at once, embedded",
    ),
    (
        "a payload in Redis that cannot be read",
        Probe::Poison,
        "E22 poison envelopes, distributed",
    ),
    (
        "CLIENT KILL (once; rolecall: for 10 s)",
        Probe::ThrownOut,
        "E10 clients thrown out for 10 s, distributed",
    ),
    (
        "a job that aborts its process",
        Probe::Aborts,
        "K4 last attempt, distributed",
    ),
    (
        "SIGTERM, and a start under the same name",
        Probe::SameName,
        "E24 five deploys, distributed",
    ),
    ("told to wait", Probe::ToldToWait, "E20 told to wait, distributed"),
];

/// Scenarios that only the comparison needed.
pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        other("E20", "told to wait", Mode::Distributed, 1, Break::ToldToWait),
        // The Mongo server of the tests takes minutes for as many documents.
        other("E28", "8,200 jobs due at once", Mode::Embedded, 6, Break::Many),
    ]
}

/// Plays all pairs. Gives the table, and whether rolecall did as it should in each.
pub(crate) async fn play(binary: &Path, tools: &Tools, at_once: usize) -> Result<(String, bool), String> {
    let mut names: Vec<&str> = PAIRS.iter().map(|(.., ours)| *ours).collect();
    names.dedup();
    let ours = all().into_iter().filter(|s| names.contains(&s.name().as_str()));
    // One after the other, so that neither is slowed down by the other.
    let ours = runner::play(ours.map(Play::with_all).collect(), tools, at_once).await;
    let plain = futures::stream::iter(PAIRS)
        .map(|(_, probe, _)| plain::probe(probe, binary.to_owned()))
        .buffered(PAIRS.len())
        .collect::<Vec<_>>()
        .await;
    let mut text =
        "| what is broken | plain apalis-redis 1.0.0 | rolecall |\n| --- | --- | --- |\n".to_owned();
    for ((what, _, name), plain) in PAIRS.iter().zip(plain) {
        let played = ours.iter().find(|p| p.name == *name);
        let played = played.ok_or_else(|| format!("there is no scenario {name}"))?;
        let plain = plain.unwrap_or_else(|error| format!("could not be measured: {error}"));
        let _ = writeln!(text, "| {what} | {plain} | {} ({name}) |", sentence(played));
    }
    Ok((text, ours.iter().all(Played::is_right)))
}

fn sentence(played: &Played) -> String {
    if !played.is_right() {
        return format!("**broken**: {}", played.says().replace('|', "/"));
    }
    let seconds = |ms: i64| ms as f64 / 1_000.0;
    let mut text = "every invariant holds".to_owned();
    if let Some(told) = &played.told {
        let _ = write!(text, "; {told}");
    } else if let (Some(first), Some(all)) = (played.recovery_ms, played.drained_ms) {
        let _ = write!(
            text,
            "; first progress after {:.1} s, all done after {:.1} s",
            seconds(first),
            seconds(all)
        );
    }
    text
}

/// Discord says when to come again.
pub(crate) async fn told_to_wait(scenario: &Scenario, stage: &mut Stage, route: &str) -> Result<(), String> {
    let limit = FaultKind::LimitUser {
        retry_after: WAIT_S as f64,
    };
    let faults = stage.world.simulator.faults();
    faults.add(Fault::new(limit).on(route).times(1));
    stage.start_all(scenario.mode, "", &[]);
    stage.ask().await?;
    stage.quiet().await?;
    let calls = stage.world.simulator.calls(100_000);
    let at: Vec<u64> = calls
        .iter()
        .filter(|c| c.method == "PUT" && c.route.ends_with("/roles/{role}"))
        .map(|c| c.at_ms)
        .collect();
    let [first, second] = at.as_slice() else {
        return Err(format!("{} tries instead of two", at.len()));
    };
    let after = (second - first) as f64 / 1_000.0;
    if second - first < WAIT_S * 1_000 {
        return Err(format!("told to wait {WAIT_S} s, tried again after {after:.1} s"));
    }
    stage.told = Some(format!(
        "told to wait {WAIT_S} s (of the simulator's), tried again after {after:.1} s"
    ));
    Ok(())
}

/// Far more is due than any window holds.
pub(crate) async fn many(scenario: &Scenario, stage: &mut Stage) -> Result<(), String> {
    poison::backlog(&stage.ledger, MANY)?;
    stage.start_all(scenario.mode, "", &[]);
    stage.should_live = vec!["all"];
    stage.ask().await?;
    let began = std::time::Instant::now();
    crate::processes::wait_for("the backlog to end", Duration::from_secs(120), async || {
        let left = poison::left(&stage.ledger).ok()?;
        (left == 0).then_some(())
    })
    .await?;
    let took = began.elapsed().as_secs_f64();
    stage.told = Some(format!("all {MANY} had ended after {took:.0} s"));
    stage.quiet().await
}
