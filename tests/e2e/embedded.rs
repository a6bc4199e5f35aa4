//! One process, one file, nothing configured: the newcomer's way.

use std::time::Duration;

use rolecall_simulator::{Fault, FaultKind};

use crate::support::free_port;
use crate::support::http::Api;
use crate::support::process::Installation;
use crate::support::wait_for;
use crate::support::world::{BOT_TOKEN, World};

fn state(installation: &Installation, run: &str) -> String {
    let shown = installation.run(&["runs", "show", run, "--json"]).ok().json();
    let run = if shown["run"].is_object() {
        &shown["run"]
    } else {
        &shown
    };
    run["state"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_alone_makes_roles_equal_to_groups() {
    let mut world = World::start(60.0, 40, 20).await;
    let installation = world.embedded(free_port());
    world.set_up(&installation);

    let preview = installation.run(&["sync", "--dry-run", "--wait"]).ok();
    assert!(preview.out.contains("Nothing was changed"), "{preview:#?}");
    assert_eq!(world.simulator.counters().writes, 0);

    installation.run(&["sync", "--wait"]).ok();
    world.assert_equal();

    world.change(10);
    world.import(&installation);
    let json = installation.run(&["sync", "--wait", "--json"]).ok().json();
    assert_eq!(json["run"]["state"], "completed");
    world.assert_equal();

    let runs = installation.run(&["runs", "list", "--json"]).ok().json();
    assert!(runs.to_string().contains(json["run"]["id"].as_str().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_who_gets_three_roles_costs_at_most_three_calls() {
    let mut world = World::start(60.0, 30, 10).await;
    let port = free_port();
    let installation = world.embedded(port);
    world.set_up(&installation);
    let all = installation.start("all", &["all"], &[]);
    let token = installation
        .run(&["token", "--user", "tester", "--admin"])
        .ok()
        .out;
    let api = Api::new(port, token.trim());
    api.ready().await;
    let first = api.sync().await;
    assert_eq!(api.finished(&first).await["state"], "completed");

    let account = *world.groups.keys().next().unwrap();
    for (groups, calls_at_most) in [(vec![], 3), (vec![0, 1, 2], 3)] {
        world.groups.insert(account, groups.into_iter().collect());
        world.import(&installation);
        world.simulator.reset_counters();
        let answer = api
            .post(&format!("/api/discord/sync/user/user-{account}"), None)
            .await;
        // It waits; on a slow machine not long enough.
        assert!(answer.status().is_success(), "{}", answer.status());
        let body: serde_json::Value = answer.json().await.unwrap();
        let run = body["sync_id"].as_str().unwrap().to_owned();
        assert_eq!(api.finished(&run).await["state"], "completed");
        let counters = world.simulator.counters();
        assert!(counters.total <= calls_at_most, "{counters:?}");
        world.assert_equal();
    }
    drop(all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_goes_on_where_it_was() {
    let world = World::start(20.0, 300, 200).await;
    let port = free_port();
    let installation = world.embedded(port);
    world.set_up(&installation);
    installation.nothing_by_the_clock();
    let mut all = installation.start("first", &["all"], &[]);
    let token = installation
        .run(&["token", "--user", "tester", "--admin"])
        .ok()
        .out;
    let api = Api::new(port, token.trim());
    api.ready().await;
    let run = api.sync().await;
    api.done(&run, 10).await;
    all.kill();

    let mut again = installation.start("second", &["all"], &[]);
    api.ready().await;
    assert_eq!(api.finished(&run).await["state"], "completed");
    api.no_live_job(&run).await;
    world.assert_equal();

    again.terminate();
    assert!(
        again.ended(Duration::from_secs(30)).await.success(),
        "{}",
        again.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_middle_hands_back_and_uses_no_attempt() {
    let world = World::start(2.0, 120, 100).await;
    let port = free_port();
    let installation = world.embedded(port).set("SHUTDOWN_GRACE_SECS", 4);
    world.set_up(&installation);
    installation.nothing_by_the_clock();
    let mut all = installation.start("first", &["all"], &[]);
    let token = installation
        .run(&["token", "--user", "tester", "--admin"])
        .ok()
        .out;
    let api = Api::new(port, token.trim());
    api.ready().await;
    let run = api.sync().await;
    api.done(&run, 5).await;
    all.terminate();
    assert!(
        all.ended(Duration::from_secs(30)).await.success(),
        "{}",
        all.log()
    );

    let jobs = installation
        .run(&["jobs", "list", "--run", &run, "--limit", "200", "--json"])
        .ok()
        .json();
    let jobs = jobs["jobs"].as_array().unwrap().clone();
    let running: Vec<_> = jobs.iter().filter(|j| j["state"] == "running").collect();
    assert_eq!(
        running,
        Vec::<&serde_json::Value>::new(),
        "a job was not handed back"
    );
    assert!(
        jobs.iter()
            .any(|j| j["state"] == "available" || j["state"] == "scheduled")
    );
    let left = jobs.iter().filter(|j| j["state"] != "completed");
    assert!(
        left.into_iter().all(|j| j["attempt"] == 0),
        "an attempt was used up"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_failing_for_a_while_is_waited_for() {
    let world = World::start(60.0, 40, 20).await;
    let installation = world.embedded(free_port());
    world.set_up(&installation);
    world
        .simulator
        .faults()
        .add(Fault::new(FaultKind::Status { status: 503 }).times(3));
    world
        .simulator
        .faults()
        .add(Fault::new(FaultKind::ResetAfter).on("PUT *").times(2));
    installation.run(&["sync", "--wait"]).ok();
    world.assert_equal();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mass_removal_is_held_and_passes_when_it_is_allowed() {
    let mut world = World::start(60.0, 100, 80).await;
    let installation = world.embedded(free_port());
    world.set_up(&installation);
    installation.run(&["sync", "--wait"]).ok();
    let before = world.simulator.all_roles(world.guild);

    for groups in world.groups.values_mut() {
        groups.clear();
    }
    world.import(&installation);
    let held = installation.run(&["sync", "--wait"]);
    assert_eq!(held.code, Some(3), "{held:#?}");
    assert!(held.out.contains("--allow-removals"), "{held:#?}");
    assert_eq!(world.simulator.all_roles(world.guild), before);

    installation.run(&["sync", "--allow-removals", "--wait"]).ok();
    world.assert_equal();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_above_the_bot_is_left_alone_and_told() {
    let world = World::start(60.0, 40, 20).await;
    let installation = world.embedded(free_port());
    world.set_up(&installation);
    world.simulator.move_role(world.guild, world.roles[0], 99);
    let ended = installation.run(&["sync", "--wait"]);
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    assert!(ended.out.contains("drag the bot's role above"), "{ended:#?}");
    assert_eq!(world.simulator.counters().by_status.get(&403), None);
    let touched = world.simulator.touched_roles(world.guild);
    assert!(!touched.contains(&world.roles[0]) && touched.contains(&world.roles[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_list_that_is_cut_takes_nothing_away() {
    let mut world = World::start(600.0, 60, 30).await;
    let installation = world.embedded(free_port());
    world.set_up(&installation);
    installation.run(&["sync", "--wait"]).ok();
    let before = world.simulator.all_roles(world.guild);

    for groups in world.groups.values_mut().take(10) {
        groups.clear();
    }
    world.import(&installation);
    // The guild's job is tried ten times over some minutes; its reads go on failing, and it is looked at meanwhile.
    world
        .simulator
        .faults()
        .add(Fault::new(FaultKind::HalfBody).on("GET /guilds/{guild}/members"));
    let mut all = installation.start("all", &["all"], &[]);
    let run = installation.run(&["sync"]).ok().out.trim().to_owned();
    wait_for("some failed tries", Duration::from_secs(60), || async {
        let jobs = installation
            .run(&["jobs", "list", "--run", &run, "--kind", "sync_guild", "--json"])
            .ok()
            .json();
        (jobs["jobs"][0]["attempt"].as_u64()? >= 2).then_some(())
    })
    .await;
    assert_eq!(world.simulator.all_roles(world.guild), before);

    world.simulator.faults().clear();
    wait_for("the end of the run", Duration::from_secs(60), || async {
        (state(&installation, &run) == "completed").then_some(())
    })
    .await;
    world.assert_equal();
    all.terminate();
    assert!(all.ended(Duration::from_secs(30)).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sync_waits_for_what_the_first_one_began() {
    let world = World::start(60.0, 30, 12).await;
    let installation = world.embedded(free_port());
    world.set_up(&installation);
    let writes = ["PUT *", "PATCH *", "DELETE *"].map(|route| {
        world
            .simulator
            .faults()
            .add(Fault::new(FaultKind::Status { status: 503 }).on(route))
    });
    let all = installation.start("all", &["all"], &[]);
    let first = installation.run(&["sync"]).ok().out.trim().to_owned();
    wait_for("failed tries", Duration::from_secs(60), || async {
        let list = ["jobs", "list", "--run", &first, "--state", "retryable", "--json"];
        let jobs = installation.run(&list).ok().json();
        (!jobs["jobs"].as_array()?.is_empty()).then_some(())
    })
    .await;

    let second = installation.run(&["sync"]).ok().out.trim().to_owned();
    wait_for("the second plan", Duration::from_secs(60), || async {
        let list = ["jobs", "list", "--run", &second, "--kind", "await_jobs", "--json"];
        let jobs = installation.run(&list).ok().json();
        (!jobs["jobs"].as_array()?.is_empty()).then_some(())
    })
    .await;
    assert_eq!(state(&installation, &second), "running");

    for fault in writes {
        world.simulator.faults().remove(fault);
    }
    for run in [&first, &second] {
        wait_for("the end of both runs", Duration::from_secs(100), || async {
            (state(&installation, run) == "completed").then_some(())
        })
        .await;
    }
    world.assert_equal();
    drop(all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_is_kicked_is_not_asked_again_for_every_member() {
    let world = World::start(60.0, 150, 120).await;
    let port = free_port();
    let installation = world.embedded(port);
    world.set_up(&installation);
    installation.nothing_by_the_clock();
    let all = installation.start("all", &["all"], &[]);
    let token = installation
        .run(&["token", "--user", "tester", "--admin"])
        .ok()
        .out;
    let api = Api::new(port, token.trim());
    api.ready().await;
    let run = api.sync().await;
    api.done(&run, 5).await;
    let bot = world.simulator.add_bot(BOT_TOKEN);
    assert!(world.simulator.kick_bot(world.guild, bot));
    let ended = api.finished(&run).await;
    assert_eq!(ended["state"], "partial", "{ended:#}");
    assert!(
        ended["results"]["errors"].to_string().contains("Invite the bot"),
        "{ended:#}"
    );
    let invalid = world.simulator.counters().invalid;
    assert!(invalid < 40, "{invalid} calls in vain");
    let log = all.log();
    assert!(log.contains("discord_bot: Discord refused the bot"), "{log}");
    drop(all);
}
