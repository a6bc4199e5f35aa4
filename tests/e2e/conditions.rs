//! What mappings' conditions and guilds' settings say is done: embedded, by the command line.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::free_port;
use crate::support::process::Installation;
use crate::support::world::{BOT_TOKEN, GROUPS, World};

/// An installation whose groups give their roles, and the mappings' ids in the order of [`GROUPS`].
fn set_up(world: &World) -> (Installation, Vec<String>) {
    let installation = Installation::embedded()
        .set("DISCORD_API_BASE_URL", &world.url)
        .set("ROLECALL_SIMULATOR_SPEED", world.speed)
        .set("HOST", "127.0.0.1")
        .set("PORT", free_port());
    let guild = world.guild.to_string();
    installation
        .run_with(&["guild", "add", "--id", &guild, "--name", "Testers"], BOT_TOKEN)
        .ok();
    world.import(&installation);
    let mut mappings = Vec::new();
    for (group, role) in GROUPS.iter().zip(&world.roles) {
        let role = role.to_string();
        let added = installation
            .run(&[
                "mapping", "add", "--guild", &guild, "--group", group, "--role", &role, "--json",
            ])
            .ok()
            .json();
        mappings.push(added["mapping"]["id"].as_str().unwrap().to_owned());
    }
    (installation, mappings)
}

/// How many linked members have the role of this group.
fn holders(world: &World, group: usize) -> BTreeSet<u64> {
    let all = world.simulator.all_roles(world.guild).into_iter();
    all.filter(|(_, roles)| roles.contains(&world.roles[group]))
        .map(|(account, _)| account)
        .collect()
}

fn members(world: &World, is_member: impl Fn(&BTreeSet<usize>) -> bool) -> BTreeSet<u64> {
    let all = world.groups.iter();
    all.filter(|(_, groups)| is_member(groups))
        .map(|(account, _)| *account)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excluded_group_takes_the_role_and_the_explanation_says_so() {
    let world = World::start(60.0, 40, 20).await;
    let (installation, mappings) = set_up(&world);
    installation.run(&["sync", "--wait"]).ok();
    world.assert_equal();

    // Pilots get their role only while they are no scouts.
    installation
        .run(&["mapping", "set", &mappings[0], "--exclude-group", GROUPS[1]])
        .ok();
    installation.run(&["sync", "--allow-removals", "--wait"]).ok();
    let right = members(&world, |groups| groups.contains(&0) && !groups.contains(&1));
    assert_eq!(holders(&world, 0), right);
    assert_eq!(holders(&world, 1), members(&world, |groups| groups.contains(&1)));

    let both = members(&world, |groups| groups.contains(&0) && groups.contains(&1));
    let user = format!("user-{}", both.first().unwrap());
    let told = installation.run(&["directory", "explain", &user]).ok();
    assert!(told.out.contains("in scouts, which is excluded"), "{told:#?}");

    installation
        .run(&["mapping", "set", &mappings[0], "--no-conditions"])
        .ok();
    installation.run(&["sync", "--wait"]).ok();
    world.assert_equal();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_directory_does_not_know_neither_gives_nor_takes() {
    let mut world = World::start(60.0, 40, 20).await;
    let (installation, mappings) = set_up(&world);
    installation.run(&["sync", "--wait"]).ok();
    let before = holders(&world, 0);

    // An imported directory knows groups, and no permissions.
    installation
        .run(&["mapping", "set", &mappings[0], "--require-permission", "fly"])
        .ok();
    installation.run(&["sync", "--allow-removals", "--wait"]).ok();
    assert_eq!(holders(&world, 0), before);

    // Who is in no group that could give it loses it all the same.
    let leaver = *before.first().unwrap();
    world.groups.get_mut(&leaver).unwrap().remove(&0);
    world.import(&installation);
    installation.run(&["sync", "--wait"]).ok();
    assert!(!holders(&world, 0).contains(&leaver));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guilds_cap_lets_the_highest_priority_go_first_and_the_rest_follow() {
    let world = World::start(60.0, 40, 20).await;
    let (installation, mappings) = set_up(&world);
    let guild = world.guild.to_string();
    let first = members(&world, |groups| groups.contains(&2)).len();
    let all: usize = world.groups.values().map(BTreeSet::len).sum();
    assert!(first >= 2 && all > first);
    installation
        .run(&["mapping", "set", &mappings[2], "--priority", "10"])
        .ok();
    let cap = (first - 1).to_string();
    installation
        .run(&["guild", "set", &guild, "--max-role-changes", &cap])
        .ok();

    let ended = installation.run(&["sync", "--wait", "--json"]).ok().json();
    let results = &ended["run"]["results"];
    assert_eq!(results["roles_added"], first - 1, "{ended:#}");
    assert_eq!(results["skipped"]["capped"], all - (first - 1), "{ended:#}");
    assert!(results["notes"].to_string().contains("max_role_changes_per_sync"));
    assert_eq!(holders(&world, 2).len(), first - 1);
    assert!(holders(&world, 0).is_empty() && holders(&world, 1).is_empty());

    installation
        .run(&["guild", "set", &guild, "--max-role-changes", "none"])
        .ok();
    installation.run(&["sync", "--wait"]).ok();
    world.assert_equal();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_without_auto_sync_is_synced_by_whoever_asks() {
    let world = World::start(60.0, 30, 10).await;
    let (installation, _) = set_up(&world);
    let guild = world.guild.to_string();
    let set = ["guild", "set", &guild, "--auto-sync", "false", "--json"];
    let changed = installation.run(&set).ok().json();
    assert_eq!(changed["guild"]["settings"]["auto_sync"], Value::Bool(false));
    assert_eq!(installation.run(&set).ok().json()["changed"], Value::Bool(false));
    installation.run(&["sync", "--wait"]).ok();
    world.assert_equal();
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_and_conditions_that_cannot_be_are_refused_with_a_sentence() {
    let world = World::start(60.0, 2, 1).await;
    let (installation, mappings) = set_up(&world);
    let guild = world.guild.to_string();
    let wrong: [&[&str]; 3] = [
        &["guild", "set", &guild, "--sync-interval", "5s"],
        &[
            "mapping",
            "set",
            &mappings[0],
            "--characters-min",
            "3",
            "--characters-max",
            "2",
        ],
        &[
            "mapping",
            "set",
            &mappings[0],
            "--exclude-group",
            "nobody-knows-it",
        ],
    ];
    for args in wrong {
        let ended = installation.run(args);
        assert!(
            ended.code != Some(0) && !ended.err.is_empty(),
            "{args:?}: {ended:#?}"
        );
    }
}
