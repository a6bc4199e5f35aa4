//! What operators see of processes and queues, at the terminal.

use std::time::Duration;

use serde_json::Value;

use crate::support::free_port;
use crate::support::process::Installation;
use crate::support::wait_for;
use crate::support::world::World;

const PATIENCE: Duration = Duration::from_secs(60);

fn workers(installation: &Installation) -> Vec<Value> {
    let listed = installation
        .run(&["workers", "list", "--all", "--json"])
        .ok()
        .json();
    listed["workers"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_process_is_seen_its_work_is_counted_and_it_ends_when_it_is_drained_to_its_end() {
    let world = World::start(60.0, 12, 10).await;
    let installation = world.embedded(free_port());
    world.set_up(&installation);
    let mut all = installation.start("all", &["all"], &[]);
    let worker = wait_for("a process that tells of itself", PATIENCE, || async {
        workers(&installation)
            .into_iter()
            .find(|w| w["roles"] == serde_json::json!(["web", "worker", "scheduler"]))
    })
    .await;
    assert_eq!(worker["status"], "alive");
    installation.run(&["sync", "--wait"]).ok();
    wait_for("counted jobs", PATIENCE, || async {
        let queues = installation.run(&["queues", "list", "--json"]).ok().json();
        let completed = queues["queues"]
            .as_array()
            .unwrap()
            .iter()
            .map(|queue| queue["last_hour"]["completed"].as_u64().unwrap());
        (completed.sum::<u64>() > 0).then_some(())
    })
    .await;
    let id = worker["id"].as_str().unwrap();
    for args in [&["top", "--once"][..], &["top"], &["workers", "show", id]] {
        let shown = installation.run(args).ok().out;
        assert!(shown.contains(id) && !shown.contains('\u{1b}'), "{shown}");
    }
    let told = installation
        .run(&["workers", "drain", id, "--exit", "--dry-run"])
        .ok();
    assert!(told.err.contains("no other process takes jobs"), "{told:#?}");
    assert!(all.is_running());
    installation.run(&["workers", "drain", id, "--exit"]).ok();
    assert!(all.ended(PATIENCE).await.success(), "{}", all.log());
    let after = workers(&installation);
    assert!(
        after.iter().any(|w| w["id"] == id && w["status"] == "stopped"),
        "{after:?}"
    );
    installation
        .run(&["workers", "undrain", id])
        .refused(1, &["is stopped", "hears no orders"]);
}
