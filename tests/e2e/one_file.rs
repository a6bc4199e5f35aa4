//! Several processes on one file: Discord's limits are theirs together, and outlive each of them.

use std::time::Duration;

use rolecall_simulator::{Fault, FaultKind};

use crate::support::free_port;
use crate::support::process::{Installation, Running};
use crate::support::wait_for;
use crate::support::world::World;

const PATIENCE: Duration = Duration::from_secs(120);

fn worker(installation: &Installation, name: &str) -> Running {
    installation.start(name, &["worker"], &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_on_one_file_never_get_a_429_though_one_is_killed_and_another_comes() {
    let world = World::start(10.0, 200, 150).await;
    let installation = world.embedded(free_port());
    world.set_up(&installation);
    let mut first = worker(&installation, "first");
    let _others = ["second", "third"].map(|name| worker(&installation, name));
    wait_for("three processes", PATIENCE, || async {
        let listed = installation.run(&["workers", "list", "--json"]).ok().json();
        (listed["workers"].as_array().unwrap().len() == 3).then_some(())
    })
    .await;
    installation.run(&["sync"]).ok();
    wait_for("some writes", PATIENCE, || async {
        (world.simulator.counters().writes >= 10).then_some(())
    })
    .await;
    first.kill();
    let _fourth = worker(&installation, "fourth");
    wait_for("a run that is done", PATIENCE, || async {
        let listed = installation.run(&["runs", "list", "--json"]).ok().json();
        (listed["runs"][0]["state"] == "completed").then_some(())
    })
    .await;
    world.assert_equal();
    let counters = world.simulator.counters();
    assert_eq!(counters.rate_limited.total(), 0, "{counters:#?}");
    // A command is a process of its own, and knows as much as those that called.
    let top = installation.run(&["top", "--json"]).ok().json();
    assert_eq!(top["discord"]["kept_by"], "file", "{top:#}");
    assert!(top["discord"]["processes"].as_u64().unwrap() >= 3, "{top:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_discord_told_a_worker_that_was_killed_is_obeyed_by_the_next_one() {
    const RETRY_AFTER: u64 = 1_200;
    let world = World::start(60.0, 10, 5).await;
    let installation = world.embedded(free_port());
    world.set_up(&installation);
    let stop = FaultKind::LimitGlobal {
        retry_after: RETRY_AFTER as f64,
    };
    world.simulator.faults().add(Fault::new(stop).times(1));
    let mut first = worker(&installation, "first");
    installation.run(&["sync"]).ok();
    let refused = wait_for("a call that is refused", PATIENCE, || async {
        let calls = world.simulator.calls(1_000);
        calls.into_iter().find(|call| call.status == 429)
    })
    .await;
    // The answer is on its way: the worker has it when it has put the job off, or with the first look at the limits.
    wait_for("a worker that knows", PATIENCE, || async {
        let top = installation.run(&["top", "--json"]).ok().json();
        (!top["discord"]["stops"].as_array().unwrap().is_empty()).then_some(())
    })
    .await;
    first.kill();
    let _second = worker(&installation, "second");
    wait_for("equal roles", PATIENCE, || async {
        (world.simulator.counters().writes > 0).then_some(())
    })
    .await;
    let until = refused.answered_ms + RETRY_AFTER * 1_000;
    let early: Vec<_> = world
        .simulator
        .calls(1_000)
        .into_iter()
        .filter(|call| call.at_ms > refused.at_ms && call.at_ms < until)
        .collect();
    assert!(early.is_empty(), "{early:#?}");
    assert_eq!(world.simulator.counters().rate_limited.total(), 1);
}
