//! Scenarios that are made for one mechanism each (mechanisms.rs).

use std::time::Duration;

use rolecall_simulator::{Fault, FaultKind};
use rustix::process::Signal;

use crate::processes::wait_for;
use crate::scenarios::{Scenario, stop_outside_a_write};
use crate::stage::Stage;

/// Members who lose their group for a while: fewer than the guard holds back.
const DEMOTED: usize = 3;
/// More than one page of the member list holds.
const CROWD: usize = 1_100;
/// The answers of two pages take longer than a lease; none of them, what a call may take.
const SLOW_MS: u64 = 8_000;

/// A job that takes longer than a lease, because each of Discord's answers takes its time.
pub(crate) async fn slow_reads(scenario: &Scenario, stage: &mut Stage) -> Result<(), String> {
    stage.world.add_crowd(CROWD);
    for route in ["GET /guilds/{guild}", "GET /guilds/{guild}/members*"] {
        let slow = Fault::new(FaultKind::Slow { ms: SLOW_MS }).on(route);
        stage.world.simulator.faults().add(slow);
    }
    stage.start_all(scenario.mode, "", &[]);
    stage.ask().await?;
    stage.writes(1).await?;
    stage.world.simulator.faults().clear();
    stage.quiet().await
}

/// A scheduler that slept says its tick late, when what the others made of it is over.
pub(crate) async fn sleeps_over_a_tick(scenario: &Scenario, stage: &mut Stage) -> Result<(), String> {
    stage.be_patient();
    stage.set("DISCORD_SYNC_INTERVAL", "1m");
    stage.start_all(scenario.mode, "", &[]);
    // So that the client's log is not empty.
    stage.ask().await?;
    stage.set("RUST_LOG", "rolecall=debug");
    let sleeper = stage.start("sleeper", &["scheduler"], Vec::new());
    wait_for("the scheduler to begin", Duration::from_secs(60), async || {
        (!stage.log_of("sleeper").is_empty()).then_some(())
    })
    .await?;
    stop_outside_a_write(stage, &sleeper).await?;
    let ended = "the run of a tick to end";
    stage
        .see(ended, |ledger| {
            let ticked = |r: &&crate::ledger::RunRow| r.actor.starts_with("schedule:");
            let mut ticks = ledger.runs.iter().filter(ticked);
            ticks.next().filter(|r| r.state != "running").map(drop)
        })
        .await?;
    sleeper.signal(Signal::CONT)?;
    wait_for("the late tick", Duration::from_secs(150), async || {
        let log = stage.log_of("sleeper");
        let said = |line: &str| line.contains("a tick") && line.contains("discord_role_sync");
        log.lines().any(said).then_some(())
    })
    .await?;
    stage.quiet().await
}

/// Some lose their group; before their roles are taken it is given back.
pub(crate) async fn change_of_mind(scenario: &Scenario, stage: &mut Stage) -> Result<(), String> {
    // Before they start: processes look for pauses once a second.
    let pause = pause(stage, "kind:remove_role").await?;
    stage.start_all(scenario.mode, "", &[]);
    stage.ask().await?;
    stage.quiet().await?;
    stage.world.demote(DEMOTED);
    stage.import().await?;
    stage.ask().await?;
    stage
        .see("the removals to wait", |ledger| {
            let live = |kind: &str| {
                let of = ledger.jobs.iter().filter(|j| j.kind == kind);
                of.filter(|j| j.finished_at.is_none()).count()
            };
            (live("remove_role") == DEMOTED && live("sync_guild") == 0).then_some(())
        })
        .await?;
    stage.world.give_back();
    stage.import().await?;
    stage.program.run(&["pauses", "end", &pause]).await?;
    stage.quiet().await
}

/// A planner dies when it stored jobs, and plans again while none of them has run.
pub(crate) async fn plans_again(scenario: &Scenario, stage: &mut Stage) -> Result<(), String> {
    let pause = pause(stage, "kind:add_role").await?;
    stage.start_all(scenario.mode, "worker", &["K10/sync_guild:1".to_owned()]);
    stage.ask().await?;
    stage
        .see("the second plan", |ledger| {
            let planned = |j: &crate::ledger::JobRow| j.kind == "sync_guild" && j.finished_at.is_some();
            ledger.jobs.iter().any(planned).then_some(())
        })
        .await?;
    stage.program.run(&["pauses", "end", &pause]).await?;
    stage.quiet().await
}

/// Holds jobs back; gives the id by which the pause ends.
async fn pause(stage: &Stage, query: &str) -> Result<String, String> {
    let pause = ["pauses", "add", query, "--reason", "a trial", "--json"];
    let paused: serde_json::Value = serde_json::from_str(&stage.program.run(&pause).await?)
        .map_err(|e| format!("`rolecall pauses add`: {e}"))?;
    let id = paused["id"].as_str().ok_or("the pause has no id")?;
    Ok(id.to_owned())
}

/// The process that promised dies as soon as it did.
pub(crate) async fn killed_when_promised(scenario: &Scenario, stage: &mut Stage) -> Result<(), String> {
    stage.start_all(scenario.mode, "", &[]);
    stage.ask().await?;
    let promised = stage.processes.first().cloned().ok_or("no process")?;
    promised.signal(Signal::KILL)?;
    stage.quiet().await
}
