//! What operators do to a running system, at the terminal.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::free_port;
use crate::support::http::{Api, json as body_of};
use crate::support::process::Installation;
use crate::support::wait_for;
use crate::support::world::World;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A guild, its mappings and its people, in an embedded installation.
pub(crate) fn installed(world: &World, port: u16) -> Installation {
    let installation = world.embedded(port);
    world.set_up(&installation);
    installation
}

/// Jobs that a query finds.
pub(crate) fn jobs(installation: &Installation, query: &[&str]) -> Vec<Value> {
    let args = [&["jobs", "list", "--json", "--limit", "1000"], query].concat();
    let found = installation.run(&args).ok().json();
    found["jobs"].as_array().unwrap().clone()
}

pub(crate) async fn until_there_are_jobs(installation: &Installation, query: &[&str]) -> Vec<Value> {
    wait_for(&format!("jobs: {}", query.join(" ")), PATIENCE, || async {
        Some(jobs(installation, query)).filter(|found| !found.is_empty())
    })
    .await
}

/// Waits until this run or job is in this state.
pub(crate) async fn until(installation: &Installation, what: &str, id: &str, state: &str) {
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
    let installation = installed(&world, free_port());
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
    let waiting = jobs(&installation, &["state:available,running", "state:discarded"]);
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
    let installation = installed(&world, free_port());
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

impl Api {
    /// Orders something; the answer has to have this status.
    async fn order(&self, path: &str, body: Value, status: StatusCode) -> Value {
        body_of(self.post(path, Some(body)).await, status, path).await
    }

    /// Waits until nothing is waiting or running in a list.
    pub(crate) async fn is_quiet(&self, query: &str) -> Value {
        wait_for(&format!("{query} to be quiet"), PATIENCE, || async {
            let list = self.get(&format!("/v1/jobs?{query}")).await;
            let live = ["scheduled", "available", "running", "retryable"].map(|state| &list["counts"][state]);
            live.iter().all(|n| **n == 0).then_some(list)
        })
        .await
    }
}

/// Everything that failed is found by its cause, with what to do. How many jobs that is.
async fn found_by_cause(api: &Api, installation: &Installation, guild: u64) -> Value {
    let dead = api.is_quiet("").await["counts"]["discarded"].clone();
    assert_ne!(dead, 0);
    let groups = api.get("/v1/dead-letters").await;
    let of_groups: u64 = groups["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| g["total"].as_u64().unwrap())
        .sum();
    assert_eq!(dead, of_groups, "{groups}");
    let group = &groups["groups"][0];
    assert!(!group["error"]["remedy"].as_str().unwrap().is_empty(), "{group}");
    assert_eq!(group["guilds"][0]["value"], guild.to_string());
    let fingerprint = group["fingerprint"].as_str().unwrap();
    let shown = installation.run(&["dead-letters", "show", fingerprint]).ok();
    assert!(shown.out.contains("to do"), "{shown:#?}");
    dead
}

/// All dead letters are run again, after a look at the terminal and over HTTP.
async fn run_again(api: &Api, installation: &Installation, dead: &Value) {
    let order = json!({"action": "retry", "query": "state:discarded", "dry_run": true});
    let seen = api.order("/v1/bulk", order, StatusCode::OK).await;
    assert_eq!(seen["total"], *dead, "{seen}");
    let looked = ["jobs", "bulk", "--action", "retry", "--dry-run", "--json"];
    let at_terminal = installation
        .run(&[&looked[..], &["state:discarded"]].concat())
        .ok()
        .json();
    assert_eq!(at_terminal["total"], *dead);
    let order = json!({"action": "retry", "query": "state:discarded", "reason": "moved down again"});
    let bulk = api.order("/v1/bulk", order, StatusCode::ACCEPTED).await;
    let bulk = wait_for("the bulk order to be done", PATIENCE, || async {
        let job = api.get(bulk["links"]["self"].as_str().unwrap()).await;
        (job["state"] == "completed").then_some(job)
    })
    .await;
    assert_eq!(bulk["progress"]["counts"]["done"], *dead, "{bulk}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_above_the_bot_is_found_understood_and_mended_over_http() {
    let world = World::start(60.0, 12, 10).await;
    let port = free_port();
    let installation = installed(&world, port);
    let mut pauses = Vec::new();
    for kind in ["kind:add_role", "kind:set_member_roles"] {
        let args = ["pauses", "add", kind, "--reason", "looking at it first", "--json"];
        let added = installation.run(&args).ok().json();
        pauses.push(added["id"].as_str().unwrap().to_owned());
    }
    let _all = installation.start("all", &["all"], &[]);
    let token = installation
        .run(&["token", "--user", "tester", "--admin"])
        .ok()
        .out;
    let api = Api::new(port, token.trim());
    api.ready().await;
    let body = json!({"query": "kind:remove_role", "reason": "the import looks wrong"});
    let third = api.order("/v1/pauses", body, StatusCode::CREATED).await;
    pauses.push(third["id"].as_str().unwrap().to_owned());
    let listed = installation.run(&["pauses", "list"]).ok();
    assert!(listed.out.contains("the import looks wrong"), "{listed:#?}");
    let run = api.sync().await;
    wait_for("the plan", PATIENCE, || async {
        let list = api
            .get(&format!("/v1/jobs?run={run}&kind=sync_guild&state=completed"))
            .await;
        (list["total"] != 0).then_some(())
    })
    .await;
    let held = api.get("/v1/jobs?q=state:available").await;
    let jobs = held["jobs"].as_array().unwrap();
    let job = jobs
        .iter()
        .find(|job| job["paused_by"]["reason"] == "looking at it first")
        .unwrap_or_else(|| panic!("{held}"));
    let job = api.get(job["links"]["self"].as_str().unwrap()).await;
    assert_eq!(job["waits_for"][0]["cause"], "paused", "{job}");

    // The role goes above the bot's after the plan was made.
    let (guild, role) = (world.guild, world.roles[0]);
    let before = world.simulator.guild_roles(guild);
    let position = before.iter().find(|(id, ..)| *id == role).unwrap().2;
    assert!(world.simulator.move_role(guild, role, 200));
    for id in &pauses {
        let ended = api.send(Method::DELETE, &format!("/v1/pauses/{id}"), None).await;
        assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    }
    api.finished(&run).await;
    let dead = found_by_cause(&api, &installation, guild).await;
    assert!(world.simulator.move_role(guild, role, position));
    run_again(&api, &installation, &dead).await;
    let list = api.is_quiet("").await;
    assert_eq!(list["counts"]["discarded"], 0, "{list}");
    world.assert_equal();
    assert_eq!(api.get("/v1/dead-letters").await["groups"], json!([]));
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
    let refused = installation.run(&["jobs", "bulk", "--action", "retry"]);
    assert_eq!(refused.code, Some(2), "{refused:#?}");
    let nothing = installation
        .run(&["jobs", "bulk", "--action", "retry", "state:discarded"])
        .ok();
    assert!(nothing.out.contains("0 jobs to retry"), "{nothing:#?}");
    let refused = installation.run(&["dead-letters", "show", "add_role|x"]);
    assert_eq!(refused.code, Some(1), "{refused:#?}");
}
