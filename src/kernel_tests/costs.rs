//! What an order would cost, and what it did cost at a little Discord.

use std::time::Duration;

use rolecall_core::cause::Cause;
use rolecall_core::job::JobState;
use rolecall_core::link::Link;
use rolecall_core::order::BulkAction;
use rolecall_core::ports::{ImportRow, JobFilter};
use rolecall_core::recheck::Finding;
use rolecall_core::{DiscordId, GuildId, JobId, RoleId, Timestamp};
use rolecall_jobs::add_role::AddRole;
use rolecall_jobs::bulk_order::{BulkOrder, preview};
use rolecall_jobs::kernel::dead_letters;
use rolecall_jobs::kernel::members::Target;
use rolecall_jobs::kernel::queue::Enqueue;
use rolecall_jobs::kernel::recheck::check;
use rolecall_simulator::{BotIn, NewGuild as SimulatedGuild, NewRole};

use super::Workshop;
use crate::testing::world_at;

const BOT: &str = "cost.bot.token";
const GUILD: u64 = 123_456_789_012_345_678;
const MEMBERS: u64 = 35;
/// Where the bot's role is, and where the role is that it cannot reach.
const BOT_AT: i64 = 5;
const ABOVE: i64 = 7;
const BELOW: i64 = 2;

/// A guild whose role is above the bot, with linked members; what their jobs are about.
async fn scene(workshop: &Workshop) -> (RoleId, Vec<AddRole>) {
    let world = &workshop.world;
    world.simulator.add_bot(BOT);
    let bot = BotIn {
        position: Some(BOT_AT),
        ..BotIn::with_token(BOT)
    };
    world.simulator.add_guild(SimulatedGuild {
        id: Some(GUILD),
        name: "Corp".into(),
        roles: vec![NewRole::at("Pilot", ABOVE)],
        bots: vec![bot],
        ..SimulatedGuild::default()
    });
    let roles = world.simulator.guild_roles(GUILD);
    let role = RoleId::new(roles.iter().find(|(_, name, _)| name == "Pilot").unwrap().0).unwrap();
    let guild_id = GuildId::new(GUILD).unwrap();
    world.pilots(guild_id, BOT, role).await;
    let mut jobs = Vec::new();
    for n in 0..MEMBERS {
        jobs.push(member(workshop, guild_id, role, n).await);
    }
    (role, jobs)
}

async fn member(workshop: &Workshop, guild_id: GuildId, role_id: RoleId, n: u64) -> AddRole {
    let (world, services) = (&workshop.world, &workshop.world.app.services);
    let account = world.simulator.add_user(&format!("pilot-{n}"));
    world.simulator.add_member(GUILD, account, &[]);
    let discord_id = DiscordId::new(account).unwrap();
    let user = format!("user-{n}");
    let row = ImportRow {
        user_id: user.as_str().into(),
        name: user.clone(),
        groups: vec!["pilots".to_owned()],
        discord_id: None,
    };
    world.app.import.import(&[row], false).await.unwrap().unwrap();
    let link = Link {
        user_id: user.as_str().into(),
        discord_id,
        username: user.clone(),
        is_active: true,
        has_token: false,
        token_expiry: None,
        needs_consent: false,
        linked_at: Timestamp(1),
        updated_at: Timestamp(1),
    };
    services.links.put(&link, None).await.unwrap();
    let target = Target {
        guild_id,
        user_id: user.as_str().into(),
        discord_id,
    };
    AddRole { target, role_id }
}

/// Stores the jobs, and waits until they have failed for good.
async fn all_fail(workshop: &Workshop, jobs: &[AddRole]) -> Vec<JobId> {
    let mut ids = Vec::new();
    for job in jobs {
        ids.push(workshop.begin(job).await);
    }
    for id in &ids {
        assert_eq!(workshop.ended(*id).await.state, JobState::Discarded);
    }
    ids
}

/// The cause is looked at, mended, and looked at again. The query that finds what can run again.
async fn mended(workshop: &Workshop, role: RoleId, cause: &str) -> String {
    let (services, registry) = (&workshop.world.app.services, &workshop.world.app.registry);
    let found = check(services, registry, cause).await.unwrap();
    let Finding::Still { now, remedy } = &found[0].findings[0] else {
        panic!("the role is above the bot: {found:?}");
    };
    assert!(
        now.contains("Pilot (position 7) is above the bot's highest role"),
        "{now}"
    );
    assert!(
        remedy.contains("(position 5) above Pilot (position 7)"),
        "{remedy}"
    );
    assert!(workshop.world.simulator.move_role(GUILD, role.get(), BELOW));
    let found = check(services, registry, cause).await.unwrap();
    assert!(found[0].is_gone(), "{found:?}");
    found[0].query(cause)
}

/// As an operator would: what failed, why, whether that is gone, what it would cost, and then what it did cost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_understood_mended_and_redriven_at_about_the_predicted_cost() {
    let workshop = Workshop::open_in(world_at(20).await, |kinds| {
        *kinds = rolecall_workflows::registry()
    });
    let (role, jobs) = scene(&workshop).await;
    let (services, registry) = (&workshop.world.app.services, &workshop.world.app.registry);
    let ids = all_fail(&workshop, &jobs).await;
    let groups = dead_letters::groups(services, &JobFilter::default(), 10)
        .await
        .unwrap();
    assert_eq!(
        (groups.len(), groups[0].jobs),
        (1, MEMBERS),
        "one cause, one group"
    );
    let cause = groups[0].fingerprint.clone().unwrap();
    assert!(cause.ends_with("|403|50013"), "{cause}");
    let remedy = groups[0].remedy().unwrap();
    let both = "The role Pilot (position 7) is above the bot's highest role,";
    assert!(
        remedy.starts_with(both) && remedy.contains("(position 5) above Pilot (position 7)"),
        "{remedy}"
    );
    // Discord was asked once, not for each of them.
    let looks = workshop.world.simulator.counters().by_route["GET /guilds/{guild}"];
    assert_eq!(looks, 1);

    let query = mended(&workshop, role, &cause).await;
    let meant = dead_letters::of(&cause);
    let asked_at = workshop.world.now() + Duration::from_millis(1);
    let seen = preview(services, registry, BulkAction::Retry, &meant, asked_at)
        .await
        .unwrap();
    assert_eq!(
        (seen.jobs, seen.cost.calls, seen.cost.open_ended),
        (MEMBERS, MEMBERS, false)
    );
    assert_eq!(seen.cost.takes, Duration::from_secs(30));

    let simulator = &workshop.world.simulator;
    simulator.reset_counters();
    let order = BulkOrder {
        action: BulkAction::Retry,
        query,
        reason: "moved".to_owned(),
        asked_at,
        request_id: None,
        spread_seconds: None,
    };
    let order = workshop
        .store(Enqueue::new(&order, Cause::new("test", "moved")))
        .await;
    let ended = workshop.ended(order).await;
    assert_eq!(ended.outcome.unwrap().counts["done"], MEMBERS);
    assert_eq!(ended.progress.unwrap().done, MEMBERS);
    for id in &ids {
        assert_eq!(workshop.ended(*id).await.state, JobState::Completed);
    }
    let calls = simulator.calls(1_000);
    let took = calls.last().unwrap().at_ms - calls[0].at_ms;
    assert_eq!(
        simulator.counters().total,
        seen.cost.calls,
        "{:?}",
        simulator.counters().by_route
    );
    let predicted = u64::try_from(seen.cost.takes.as_millis()).unwrap();
    // How much longer it took says something of the machine; that it was hardly faster, of the prediction. The first
    // window had begun before.
    assert!(
        took * 10 >= predicted * 8,
        "{took} ms, and {predicted} ms were predicted"
    );
    workshop.close().await;
}
