//! The command line and the API show the same documents.

mod orders;

use serde_json::Value;

use crate::api::{Served, served};
use crate::operators::{PATIENCE, jobs, until, until_there_are_jobs};
use crate::support::wait_for;

/// What both doors say of the same thing; `path` is what the API is asked for.
async fn the_same(served: &Served, args: &[&str], path: &str) -> Value {
    let args = &[args, &["--json"]].concat();
    // Only while nothing moves the two can be compared.
    let (said, printed) = wait_for(&format!("{path} to stand still"), PATIENCE, || async {
        let before = served.api.get(path).await;
        let printed = served.installation.run(args).ok().json();
        let after = served.api.get(path).await;
        (before == after).then_some((after, printed))
    })
    .await;
    assert_eq!(printed, said, "{args:?} and {path}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_prints_what_the_api_answers() {
    let served = served().await;
    let at = &served.installation;
    let pauses = ["kind:add_role", "kind:set_member_roles"].map(|kind| {
        let added = at.run(&["pauses", "add", kind, "--reason", "a look first", "--json"]);
        added.ok().json()["id"].as_str().unwrap().to_owned()
    });
    let run = at.run(&["sync", "--json"]).ok().json()["run"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    until_there_are_jobs(at, &["kind:sync_guild", "state:completed"]).await;
    let waiting = until_there_are_jobs(at, &["state:available"]).await;
    let of_id = |job: &Value| job["id"].as_str().unwrap().to_owned();
    let id = of_id(&waiting[0]);
    let job = the_same(&served, &["jobs", "show", &id], &format!("/v1/jobs/{id}")).await;
    assert_eq!(job["waits_for"][0]["cause"], "paused", "{job:#}");
    assert_eq!(job["parent"]["kind"], "sync_guild", "{job:#}");
    // Now writes fail: a role stands above the bot.
    let world = &served.world;
    assert!(world.simulator.move_role(world.guild, world.roles[0], 200));
    for pause in &pauses {
        at.run(&["pauses", "end", pause]).ok();
    }
    until(at, "run", &run, "partial").await;

    let failed = of_id(&jobs(at, &["state:discarded"])[0]);
    let planned = of_id(&jobs(at, &["kind:sync_guild"])[0]);
    for id in [&failed, &planned] {
        let job = the_same(&served, &["jobs", "show", id], &format!("/v1/jobs/{id}")).await;
        let told = at.run(&["jobs", "show", id]).ok().out;
        for event in job["timeline"].as_array().unwrap() {
            let event = event["event"].as_str().unwrap().replace('_', " ");
            assert!(told.contains(&event), "{event}: {told}");
        }
    }

    let list = ["jobs", "list", "state:discarded", "--limit", "1"];
    let page = the_same(&served, &list, "/v1/jobs?state=discarded&limit=1").await;
    let next = page["next"].as_str().unwrap_or_else(|| panic!("{page:#}"));
    let more = [&list[..], &["--cursor", next]].concat();
    let path = format!("/v1/jobs?q=state:discarded&limit=1&cursor={next}");
    let second = the_same(&served, &more, &path).await;
    assert_ne!(second["jobs"][0]["id"], page["jobs"][0]["id"]);
    at.run(&["jobs", "list", "state:completed", "--cursor", next])
        .refused(2, &["does not belong", "--cursor"]);
    the_same(
        &served,
        &["jobs", "list", &failed],
        &format!("/v1/jobs?q={failed}"),
    )
    .await;

    the_same(&served, &["runs", "show", &run], &format!("/v1/runs/{run}")).await;
    let runs = ["runs", "list", "--limit", "1"];
    let page = the_same(&served, &runs, "/v1/runs?limit=1").await;
    if let Some(next) = page["next"].as_str() {
        let path = format!("/v1/runs?limit=1&cursor={next}");
        the_same(&served, &[&runs[..], &["--cursor", next]].concat(), &path).await;
    }
    let groups = the_same(
        &served,
        &["dead-letters", "list", "--limit", "20"],
        "/v1/dead-letters?limit=20",
    )
    .await;
    let cause = groups["groups"][0]["fingerprint"].as_str().unwrap();
    let shown = at.run(&["dead-letters", "show", cause, "--json"]).ok().json();
    assert_eq!(shown["total"], groups["groups"][0]["total"], "{shown:#}");
}
