//! The jobs that take roles, at the moments that are hard to meet: a process died half-way, the change is written late,
//! a stale plan writes a role back.

use std::sync::Arc;
use std::time::Duration;

use rolecall_core::cause::Cause;
use rolecall_core::guild::RetiredGuild;
use rolecall_core::link::Link;
use rolecall_core::ports::{CallOptions, JobFilter};
use rolecall_core::retire::named_by;
use rolecall_core::run::RunState;
use rolecall_core::{DiscordId, GuildId, RoleId, RunId, Timestamp};
use rolecall_workflows::follow_up::{Asked, FollowUp};
use rolecall_workflows::remove_guild::retire_again;
use rolecall_workflows::retire_roles::{Removed, RetireRoles};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::guilds_tests::{TOKEN, World, world};
use crate::app::App;
use crate::processes::{self, Parts};
use crate::wiring::{Purpose, connect};

/// A guild with one mapping, and a linked member who has its role.
struct Scene {
    world: World,
    member: u64,
    role: RoleId,
}

async fn scene() -> Scene {
    let mut world = world().await;
    world.add_guild().await;
    let pilot = world.pilot.clone();
    assert_eq!(world.add_mapping(&pilot).await.0, 200);
    let member = world.simulator.add_users("member", 1)[0];
    let role: RoleId = pilot.parse().unwrap();
    let guild: GuildId = world.guild.parse().unwrap();
    world
        .simulator
        .add_members(guild.get(), [(member, vec![role.get()])]);
    let link = Link {
        user_id: "eve".into(),
        discord_id: DiscordId::new(member).unwrap(),
        username: "eve".to_owned(),
        is_active: true,
        has_token: false,
        token_expiry: None,
        needs_consent: false,
        linked_at: Timestamp(1),
        updated_at: Timestamp(1),
    };
    world.served.app.services.links.put(&link, None).await.unwrap();
    Scene { world, member, role }
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain for {what}");
}

fn asked() -> Asked {
    Asked {
        cause: Cause::new("demo", "a test"),
        trace: None,
    }
}

impl Scene {
    fn app(&self) -> &App {
        &self.world.served.app
    }

    fn guild(&self) -> GuildId {
        self.world.guild.parse().unwrap()
    }

    /// Another process that works on the same store.
    async fn work(&self) -> DropGuard {
        let app = connect(self.app().config.clone(), Purpose::Work).await.unwrap();
        let stop = CancellationToken::new();
        let parts = Parts {
            web: false,
            work: true,
            ticks: false,
        };
        tokio::spawn(processes::run(Arc::new(app), parts, None, stop.clone()));
        stop.drop_guard()
    }

    fn has_role(&self) -> bool {
        let all = self.world.simulator.all_roles(self.guild().get());
        let roles = all.into_iter().find(|(id, _)| *id == self.member).unwrap().1;
        roles.contains(&self.role.get())
    }

    async fn ended(&self, run: RunId) {
        let runs = &self.app().services.runs;
        until("the end of the run", async || {
            runs.get(run).await.unwrap().unwrap().state.is_final()
        })
        .await;
        let state = runs.get(run).await.unwrap().unwrap().state;
        assert_eq!(state, RunState::Completed);
    }

    /// Stores what follows when the mapping is removed, and removes nothing.
    async fn announce(&self) -> RunId {
        let services = &self.app().services;
        let before = services.mappings.list(None).await.unwrap().remove(0);
        let follow_up = FollowUp {
            guild: self.guild(),
            sync: None,
            retire: Some(RetireRoles {
                guild_id: self.guild(),
                roles: [self.role].into(),
                removed: Removed::Mapping(Box::new(before)),
                asked_at: services.clock.now(),
            }),
        };
        let stored = follow_up.store(services, &self.app().queue, asked()).await;
        stored.unwrap()
    }

    async fn remove_mapping(&self) {
        let mappings = &self.app().services.mappings;
        let id = mappings.list(None).await.unwrap().remove(0).id;
        assert!(mappings.remove(&id).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_whose_removal_was_only_noted_is_removed_by_the_job() {
    let scene = scene().await;
    let (services, id) = (&scene.app().services, scene.guild());
    // As far as the request came: the run and the record are stored, and the guild is still there.
    let retired = RetiredGuild {
        guild_id: id,
        guild_name: "Corp".to_owned(),
        bot_user_id: None,
        sealed_token: services.guilds.sealed_token(id).await.unwrap().unwrap(),
        roles: named_by(&services.mappings.list(Some(id)).await.unwrap()),
        run_id: RunId(Uuid::nil()),
        retired_at: Timestamp(0),
    };
    let run = retire_again(services, &scene.app().queue, retired, asked()).await;
    let run = run.unwrap();
    assert!(services.guilds.get(id).await.unwrap().is_some());

    let working = scene.work().await;
    scene.ended(run).await;
    assert!(!scene.has_role());
    // The bot's account was not known, and learning it brought nothing back.
    assert_eq!(services.guilds.list().await.unwrap(), []);
    assert_eq!(services.mappings.list(None).await.unwrap(), []);
    assert_eq!(services.retired_guilds.list().await.unwrap(), []);
    drop(working);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_written_late_is_waited_for() {
    let scene = scene().await;
    let run = scene.announce().await;
    let working = scene.work().await;
    let filter = JobFilter {
        run_id: Some(run),
        ..JobFilter::default()
    };
    let ledger = &scene.app().services.ledger;
    until("a look that came too early", async || {
        let jobs = ledger.list(&filter, None, 9).await.unwrap();
        jobs.iter().any(|j| j.snoozes > 0)
    })
    .await;
    assert!(scene.has_role());
    scene.remove_mapping().await;
    scene.ended(run).await;
    assert!(!scene.has_role());
    drop(working);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_a_stale_plan_writes_back_is_taken_once_more() {
    let scene = scene().await;
    let run = scene.announce().await;
    scene.remove_mapping().await;
    let working = scene.work().await;
    until("the role to be taken", async || !scene.has_role()).await;
    let discord = &scene.app().services.discord;
    let account = DiscordId::new(scene.member).unwrap();
    let options = CallOptions::default();
    discord
        .add_role(&TOKEN.into(), scene.guild(), account, scene.role, &options)
        .await
        .unwrap();
    assert!(scene.has_role());
    scene.ended(run).await;
    assert!(!scene.has_role());
    drop(working);
}
