//! What operators do to a running system, at the terminal.

use std::time::Duration;

use serde_json::Value;

use crate::support::free_port;
use crate::support::process::Installation;
use crate::support::wait_for;
use crate::support::world::{BOT_TOKEN, GROUPS, World};

const PATIENCE: Duration = Duration::from_secs(60);

/// A guild, its mappings and its people, in an embedded installation.
fn installed(world: &World) -> Installation {
    let installation = Installation::embedded()
        .set("DISCORD_API_BASE_URL", &world.url)
        .set("ROLECALL_SIMULATOR_SPEED", world.speed)
        .set("HOST", "127.0.0.1")
        .set("PORT", free_port());
    let guild = world.guild.to_string();
    installation
        .run_with(&["guild", "add", "--id", &guild, "--name", "Testers"], BOT_TOKEN)
        .ok();
    let file = installation.path("directory.csv");
    world.write_csv(&file);
    installation
        .run(&["directory", "import", file.to_str().unwrap()])
        .ok();
    for (group, role) in GROUPS.iter().zip(&world.roles) {
        let role = role.to_string();
        installation
            .run(&[
                "mapping", "add", "--guild", &guild, "--group", group, "--role", &role,
            ])
            .ok();
    }
    installation
}

/// Jobs that a query finds.
fn jobs(installation: &Installation, query: &[&str]) -> Vec<Value> {
    let args = [&["jobs", "list", "--json", "--limit", "1000"], query].concat();
    let found = installation.run(&args).ok().json();
    found["jobs"].as_array().unwrap().clone()
}

async fn until_there_are_jobs(installation: &Installation, query: &[&str]) -> Vec<Value> {
    wait_for(&format!("jobs: {}", query.join(" ")), PATIENCE, || async {
        Some(jobs(installation, query)).filter(|found| !found.is_empty())
    })
    .await
}

/// Waits until this run or job is in this state.
async fn until(installation: &Installation, what: &str, id: &str, state: &str) {
    wait_for(&format!("{what} {id} to be {state}"), PATIENCE, || async {
        let shown = installation
            .run(&[&format!("{what}s"), "show", id, "--json"])
            .ok()
            .json();
        let shown = if shown[what].is_object() {
            &shown[what]
        } else {
            &shown
        };
        (shown["state"] == state).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paused_waits_what_is_cancelled_ends_and_what_is_retried_is_done() {
    let world = World::start(60.0, 12, 10).await;
    let installation = installed(&world);
    let mut pauses = Vec::new();
    for kind in ["kind:add_role", "kind:set_member_roles"] {
        let added = installation
            .run(&["pauses", "add", kind, "--reason", "looking at it first", "--json"])
            .ok()
            .json();
        pauses.push(added["id"].as_str().unwrap().to_owned());
    }
    let listed = installation.run(&["pauses", "list"]).ok();
    assert!(listed.out.contains("kind:add_role") && listed.out.contains("looking at it first"));

    let worker = installation.start("all", &["all"], &[]);
    let run = installation.run(&["sync", "--json"]).ok().json();
    let run = run["run"]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{run}"))
        .to_owned();
    until_there_are_jobs(&installation, &["kind:sync_guild", "state:completed"]).await;
    let waiting = jobs(&installation, &["state:available,running", &format!("run:{run}")]);
    assert!(!waiting.is_empty());
    assert_eq!(
        world.simulator.counters().writes,
        0,
        "something was written in spite of the pause"
    );

    let cancelled = waiting[0]["id"].as_str().unwrap();
    let said = installation
        .run(&["jobs", "cancel", cancelled, "--reason", "not this one"])
        .ok();
    assert!(said.out.contains("cancelled"), "{said:#?}");
    let shown = jobs(&installation, &["state:cancelled"]);
    assert_eq!(shown.len(), 1);
    let note = shown[0]["outcome"]["notes"][0].as_str().unwrap();
    assert!(note.contains("not this one"), "{note}");

    for pause in &pauses {
        installation.run(&["pauses", "end", pause]).ok();
    }
    until(&installation, "run", &run, "partial").await;
    assert_eq!(
        jobs(&installation, &["state:available,running,scheduled,retryable"]).len(),
        0
    );

    installation.run(&["jobs", "retry", cancelled]).ok();
    until(&installation, "job", cancelled, "completed").await;
    world.assert_equal();
    let again = installation.run(&["jobs", "retry", cancelled]);
    assert_eq!(again.code, Some(1), "{again:#?}");
    assert!(again.err.contains("is completed"), "{again:#?}");
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_leaves_in_the_middle_of_a_sync_is_skipped_and_the_sync_is_completed() {
    let world = World::start(60.0, 12, 10).await;
    let installation = installed(&world);
    let mut pauses = Vec::new();
    for kind in ["kind:add_role", "kind:set_member_roles"] {
        let added = installation
            .run(&["pauses", "add", kind, "--reason", "somebody leaves", "--json"])
            .ok()
            .json();
        pauses.push(added["id"].as_str().unwrap().to_owned());
    }
    let worker = installation.start("all", &["all"], &[]);
    let run = installation.run(&["sync", "--json"]).ok().json();
    let run = run["run"]["id"].as_str().unwrap().to_owned();
    until_there_are_jobs(&installation, &["kind:sync_guild", "state:completed"]).await;
    // Planned, and not written yet.
    let of_run = format!("run:{run}");
    let waiting = until_there_are_jobs(&installation, &["state:available", &of_run]).await;
    let gone = waiting[0]["subject"]["discord_id"].as_str().unwrap().to_owned();
    let (guild, account) = (world.guild.to_string(), gone.parse().unwrap());
    let shown = ["guild", "member", "--id", &guild, "--account", &gone];
    let told = installation.run(&shown).ok();
    assert!(told.out.contains("has it not, should be there"), "{told:#?}");
    assert!(world.simulator.remove_member(world.guild, account));
    let told = installation.run(&shown);
    assert_eq!(told.code, Some(1), "{told:#?}");
    assert!(told.err.contains("is not a member of guild"), "{told:#?}");

    for pause in &pauses {
        installation.run(&["pauses", "end", pause]).ok();
    }
    until(&installation, "run", &run, "completed").await;
    // The planner's own look at them is young enough to be written by, and Discord says that they are gone.
    let told = jobs(&installation, &[&of_run, &format!("account:{gone}")]);
    assert!(
        told.iter().any(|job| job["outcome"]["reason"] == "not_a_member"),
        "{told:#?}"
    );
    assert_eq!(world.simulator.member_roles(world.guild, account), None);
    drop(worker);
}

#[test]
fn a_query_that_means_nothing_is_refused_with_all_that_is_wrong() {
    let installation = Installation::embedded();
    let refused = installation.run(&["jobs", "list", "state:dead", "colour:red"]);
    assert_eq!(refused.code, Some(2), "{refused:#?}");
    assert!(refused.err.contains("\"dead\"") && refused.err.contains("colour"));
    let refused = installation.run(&["pauses", "add", "state:discarded", "--reason", "x"]);
    assert_eq!(refused.code, Some(2), "{refused:#?}");
    let refused = installation.run(&["pauses", "add", "--reason", "x"]);
    assert_eq!(refused.code, Some(2), "{refused:#?}");
}
