//! Two guilds with bots of their own, by the command line.

use std::collections::BTreeSet;

use rolecall_simulator::{BotIn, NewGuild, NewRole};

use crate::support::process::Installation;
use crate::support::world::{BOT_TOKEN, GROUPS, World};

const ALLIES_TOKEN: &str = "e2e.allies.token";

/// A second guild, in which pilots get a role of theirs.
struct Allies {
    guild: u64,
    role: u64,
    bot: u64,
}

impl Allies {
    fn of(world: &World) -> Self {
        let bot = world.simulator.add_bot(ALLIES_TOKEN);
        let guild = world.simulator.add_guild(NewGuild {
            name: "Allies".into(),
            roles: vec![NewRole::at("allied", 1)],
            bots: vec![BotIn {
                position: Some(20),
                ..BotIn::with_token(ALLIES_TOKEN)
            }],
            ..NewGuild::default()
        });
        let members = world.groups.keys().map(|account| (*account, Vec::new()));
        world.simulator.add_members(guild, members);
        let mut roles = world.simulator.guild_roles(guild).into_iter();
        let role = roles.find(|(_, name, _)| name == "allied").unwrap().0;
        Self { guild, role, bot }
    }

    /// Exactly the pilots have the role.
    #[track_caller]
    fn assert_equal(&self, world: &World) {
        assert_eq!(
            holders(world, self.guild, self.role),
            members(world, |groups| groups.contains(&0))
        );
    }
}

fn holders(world: &World, guild: u64, role: u64) -> BTreeSet<u64> {
    let all = world.simulator.all_roles(guild).into_iter();
    all.filter(|(_, roles)| roles.contains(&role))
        .map(|(account, _)| account)
        .collect()
}

fn members(world: &World, is_member: impl Fn(&BTreeSet<usize>) -> bool) -> BTreeSet<u64> {
    let all = world.groups.iter();
    all.filter(|(_, groups)| is_member(groups))
        .map(|(account, _)| *account)
        .collect()
}

/// Both guilds and their mappings; the ids of the first one's, in the order of [`GROUPS`].
fn set_up(world: &World, allies: &Allies) -> (Installation, Vec<String>) {
    let installation = Installation::embedded()
        .set("DISCORD_API_BASE_URL", &world.url)
        .set("ROLECALL_SIMULATOR_SPEED", world.speed);
    for (id, name, token) in [
        (world.guild, "Testers", BOT_TOKEN),
        (allies.guild, "Allies", ALLIES_TOKEN),
    ] {
        let add = ["guild", "add", "--id", &id.to_string(), "--name", name];
        installation.run_with(&add, token).ok();
    }
    world.import(&installation);
    let map = |guild: u64, group: &str, role: u64| {
        let (guild, role) = (guild.to_string(), role.to_string());
        let add = [
            "mapping", "add", "--guild", &guild, "--group", group, "--role", &role, "--json",
        ];
        let added = installation.run(&add).ok().json();
        added["mapping"]["id"].as_str().unwrap().to_owned()
    };
    map(allies.guild, GROUPS[0], allies.role);
    let mappings = GROUPS
        .iter()
        .zip(&world.roles)
        .map(|(group, role)| map(world.guild, group, *role))
        .collect();
    (installation, mappings)
}

#[tokio::test(flavor = "multi_thread")]
async fn guilds_with_bots_of_their_own_are_synced_together_and_a_broken_one_stops_no_other() {
    let mut world = World::start(60.0, 40, 20).await;
    let allies = Allies::of(&world);
    let (installation, _) = set_up(&world, &allies);
    installation.run(&["sync", "--wait"]).ok();
    world.assert_equal();
    allies.assert_equal(&world);

    world.change(10);
    world.import(&installation);
    assert!(world.simulator.kick_bot(allies.guild, allies.bot));
    let ended = installation.run(&["sync", "--wait"]);
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    assert!(ended.out.contains("Invite the bot"), "{ended:#?}");
    world.assert_equal();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_of_a_guild_a_mapping_or_a_user_touches_nothing_else() {
    let world = World::start(60.0, 40, 20).await;
    let allies = Allies::of(&world);
    let (installation, mappings) = set_up(&world, &allies);
    let touched = || world.simulator.touched_roles(world.guild);

    installation
        .run(&["sync", "--guild", &allies.guild.to_string(), "--wait"])
        .ok();
    allies.assert_equal(&world);
    assert!(touched().is_empty());

    installation
        .run(&["sync", "--mapping", &mappings[1], "--wait"])
        .ok();
    let scouts = members(&world, |groups| groups.contains(&1));
    assert_eq!(holders(&world, world.guild, world.roles[1]), scouts);
    assert_eq!(touched(), [world.roles[1]].into());

    let pilot = *members(&world, |groups| groups.contains(&0)).first().unwrap();
    installation
        .run(&["sync", "--user", &format!("user-{pilot}"), "--wait"])
        .ok();
    assert_eq!(holders(&world, world.guild, world.roles[0]), [pilot].into());

    installation.run(&["sync", "--wait"]).ok();
    world.assert_equal();
}
