//! What gave roles is removed, and the roles go: embedded, over HTTP and by the command line.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::free_port;
use crate::support::http::Api;
use crate::support::process::{Installation, Running};
use crate::support::world::{BOT_TOKEN, GROUPS, World};

/// An installation whose groups give their roles; the mappings' ids in the order of [`GROUPS`]; and a member who has
/// every mapped role and is linked to nobody.
struct Story {
    world: World,
    installation: Installation,
    port: u16,
    mappings: Vec<String>,
    stranger: u64,
}

impl Story {
    async fn begin(members: usize, linked: usize) -> Self {
        let world = World::start(60.0, members, linked).await;
        let stranger = world.simulator.add_users("stranger", 1)[0];
        let all = world.roles.clone();
        world.simulator.add_members(world.guild, [(stranger, all)]);
        let port = free_port();
        let installation = world.embedded(port);
        let mappings = world.set_up(&installation);
        installation.run(&["sync", "--wait"]).ok();
        world.assert_equal();
        Self {
            world,
            installation,
            port,
            mappings,
            stranger,
        }
    }

    async fn serve(&self, name: &str) -> (Running, Api) {
        let all = self.installation.start(name, &["all"], &[]);
        let token = ["token", "--user", "tester", "--admin"];
        let token = self.installation.run(&token).ok().out;
        let api = Api::new(self.port, token.trim());
        api.ready().await;
        (all, api)
    }

    /// Who has this role, but the stranger, who always has.
    #[track_caller]
    fn holders(&self, role: usize) -> BTreeSet<u64> {
        let all = self.world.simulator.all_roles(self.world.guild).into_iter();
        let mut holders: BTreeSet<u64> = all
            .filter(|(_, roles)| roles.contains(&self.world.roles[role]))
            .map(|(account, _)| account)
            .collect();
        assert!(
            holders.remove(&self.stranger),
            "somebody who is not linked lost a role"
        );
        holders
    }

    /// Linked accounts in one of these groups.
    fn in_groups(&self, of: &[usize]) -> BTreeSet<u64> {
        let all = self.world.groups.iter();
        all.filter(|(_, groups)| of.iter().any(|g| groups.contains(g)))
            .map(|(account, _)| *account)
            .collect()
    }

    #[track_caller]
    fn assert_clean(&self) {
        let counters = self.world.simulator.counters();
        assert_eq!((counters.lost_updates, counters.overlapping_writes), (0, 0));
        let touched = self.world.simulator.touched_roles(self.world.guild);
        assert!(
            !touched.contains(&self.world.unmanaged),
            "a role that was never mapped"
        );
    }
}

/// Changes something; the answer, and the run that follows.
async fn change(api: &Api, method: Method, path: &str, body: Value) -> (Value, String) {
    let answer = api.send(method, path, Some(body)).await;
    let (status, location) = (answer.status(), answer.headers().get("location").cloned());
    let body: Value = answer.json().await.unwrap();
    assert_eq!(status, StatusCode::OK, "{path}: {body:#}");
    let run = body["sync_id"].as_str().unwrap().to_owned();
    assert_eq!(location.unwrap(), format!("/v1/runs/{run}").as_str());
    (body, run)
}

async fn ended(api: &Api, run: &str) -> Value {
    let ended = api.finished(run).await;
    assert_eq!(ended["state"], "completed", "{ended:#}");
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_follow_a_mapping_that_is_changed_shared_switched_off_and_deleted() {
    let story = Story::begin(40, 20).await;
    let (all, api) = story.serve("all").await;
    let path = |n: usize| format!("/discord/role-mappings/{}", story.mappings[n]);

    // Scouts get the pilots' role instead of their own.
    let pilot = json!({"discord_role_id": story.world.roles[0].to_string()});
    let scouts = story.holders(1).len();
    assert!(scouts > 0);
    let (body, run) = change(&api, Method::PUT, &path(1), pilot).await;
    assert_eq!(body.get("warnings"), None, "{body:#}");
    let results = ended(&api, &run).await["results"].clone();
    assert_eq!(results["roles_removed"], scouts, "{results:#}");
    assert_eq!(story.holders(1), BTreeSet::new());
    assert_eq!(story.holders(0), story.in_groups(&[0, 1]));

    // The pilots' mapping goes; the scouts' names the same role, and keeps it with the scouts.
    let (body, run) = change(&api, Method::DELETE, &path(0), Value::Null).await;
    assert!(
        body["warnings"][0]
            .as_str()
            .unwrap()
            .contains("another active mapping")
    );
    ended(&api, &run).await;
    assert_eq!(story.holders(0), story.in_groups(&[1]));

    let (_, run) = change(&api, Method::PUT, &path(1), json!({"is_active": false})).await;
    ended(&api, &run).await;
    assert_eq!(story.holders(0), BTreeSet::new());

    let (_, run) = change(&api, Method::DELETE, &path(2), Value::Null).await;
    ended(&api, &run).await;
    assert_eq!(story.holders(2), BTreeSet::new());
    story.assert_clean();
    drop(all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_that_is_removed_with_its_roles_survives_two_kills() {
    let story = Story::begin(150, 120).await;
    let (mut all, api) = story.serve("first").await;
    let guild = format!("/discord/guilds/{}", story.world.guild);
    let delete = format!("{guild}?remove_roles=true");
    let (body, run) = change(&api, Method::DELETE, &delete, Value::Null).await;
    assert!(body["message"].as_str().unwrap().contains("taken"), "{body:#}");
    // Before its first job has begun.
    all.kill();
    assert_eq!(story.holders(0), story.in_groups(&[0]));

    let (mut all, api) = story.serve("second").await;
    api.done(&run, 5).await;
    all.kill();
    let (all, api) = story.serve("third").await;
    ended(&api, &run).await;
    for role in 0..GROUPS.len() {
        assert_eq!(story.holders(role), BTreeSet::new());
    }
    for (method, path) in [(Method::GET, &guild), (Method::DELETE, &delete)] {
        assert_eq!(api.send(method, path, None).await.status(), StatusCode::NOT_FOUND);
    }
    let id = story.world.guild.to_string();
    story
        .installation
        .run(&["guild", "remove", &id, "--remove-roles", "--yes"])
        .refused(1, &["is not configured"]);
    story.assert_clean();
    drop(all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_failed_is_asked_for_once_more() {
    let story = Story::begin(30, 12).await;
    let (world, installation) = (&story.world, &story.installation);
    let guild = world.guild.to_string();
    let bot = world.simulator.add_bot(BOT_TOKEN);
    assert!(world.simulator.kick_bot(world.guild, bot));
    let remove = ["guild", "remove", &guild, "--remove-roles", "--yes", "--wait"];
    let failed = installation.run(&remove);
    assert_eq!(failed.code, Some(1), "{failed:#?}");
    assert!(failed.out.contains("Invite the bot"), "{failed:#?}");
    assert_eq!(story.holders(0), story.in_groups(&[0]));
    let listed = installation.run(&["guild", "list", "--json"]).ok().json();
    assert_eq!(listed["guilds"], json!([]));
    let doctor = installation.run(&["doctor"]);
    assert!(
        doctor.out.contains("not all of its roles could be taken"),
        "{doctor:#?}"
    );

    world.invite_bot();
    let again = installation.run(&remove).ok();
    assert!(again.out.contains("was removed before"), "{again:#?}");
    for role in 0..GROUPS.len() {
        assert_eq!(story.holders(role), BTreeSet::new());
    }
    installation.run(&remove).refused(1, &["is not configured"]);
    story.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_take_roles_too_and_tell_of_one_that_the_bot_cannot_move() {
    let story = Story::begin(30, 12).await;
    let (world, installation, mappings) = (&story.world, &story.installation, &story.mappings);
    let off = ["mapping", "set", &mappings[0], "--active", "false", "--wait"];
    let told = installation.run(&off).ok();
    assert!(told.out.contains("lose it"), "{told:#?}");
    assert_eq!(story.holders(0), BTreeSet::new());

    let role = world.roles[0].to_string();
    let turned = ["mapping", "set", &mappings[1], "--role", &role, "--wait"];
    installation.run(&turned).ok();
    assert_eq!(
        (story.holders(0), story.holders(1)),
        (story.in_groups(&[1]), BTreeSet::new())
    );

    world.simulator.move_role(world.guild, world.roles[2], 99);
    let removed = installation.run(&["mapping", "remove", &mappings[2], "--wait"]);
    assert_eq!(removed.code, Some(3), "{removed:#?}");
    assert!(removed.out.contains("drag the bot's role above"), "{removed:#?}");
    assert_eq!(story.holders(2), story.in_groups(&[2]));
    assert_eq!(world.simulator.counters().by_status.get(&403), None);
    story.assert_clean();
}
