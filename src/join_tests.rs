//! Joins and role changes against a little Discord: what stands in their way, and what does not.

use rolecall_core::error::{ErrorClass, JobError};
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::ports::ImportRow;
use rolecall_core::{DiscordId, GuildId, RoleId};
use rolecall_jobs::join_guild::JoinGuild;
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::members::Target;
use rolecall_jobs::set_member_roles::SetMemberRoles;
use rolecall_simulator::{BotIn, NewGuild as SimulatedGuild, NewRole, permissions};

use crate::testing::{HOUR, World, world};

const GUILD: u64 = 123_456_789_012_345_678;
pub(crate) const BOT: &str = "join.bot.token";
const PUT: &str = "PUT /guilds/{guild}/members/{user}";
const TOKEN: &str = "POST /oauth2/token";

/// Ada, a pilot with a linked account, and a guild in which pilots have a role.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) target: Target,
    pub(crate) role: RoleId,
    access: String,
}

pub(crate) async fn scene(bot_permissions: u64) -> Scene {
    let world = world().await;
    let simulator = &world.simulator;
    simulator.add_bot(BOT);
    let bot = BotIn {
        permissions: Some(bot_permissions),
        ..BotIn::with_token(BOT)
    };
    // What everybody may do, the bot may, too: here, nothing.
    let everyone = NewRole {
        id: Some(GUILD),
        ..NewRole::at("@everyone", 0)
    };
    let guild = simulator.add_guild(SimulatedGuild {
        id: Some(GUILD),
        name: "Corp".into(),
        roles: vec![everyone, NewRole::at("Pilot", 1)],
        bots: vec![bot],
        ..SimulatedGuild::default()
    });
    let roles = simulator.guild_roles(guild);
    let role = roles.iter().find(|(_, name, _)| name == "Pilot").unwrap().0;
    let (account, pair) = world.linked("ada").await;
    let target = Target {
        guild_id: GuildId::new(guild).unwrap(),
        user_id: "ada".into(),
        discord_id: account,
    };
    let role = RoleId::new(role).unwrap();
    configure(&world, &target, role).await;
    Scene {
        world,
        target,
        role,
        access: pair.access_token,
    }
}

/// The guild with its mapping, and Ada among the pilots.
async fn configure(world: &World, target: &Target, role: RoleId) {
    let guild_id = target.guild_id;
    let row = ImportRow {
        user_id: target.user_id.clone(),
        name: "Ada".to_owned(),
        groups: vec!["pilots".to_owned()],
        discord_id: None,
    };
    world.app.import.import(&[row], false).await.unwrap().unwrap();
    world.pilots(guild_id, BOT, role).await;
}

impl Scene {
    async fn joined(&self) -> Result<Outcome, JobError> {
        let (context, _lease) = self.world.context::<JoinGuild>();
        let job = JoinGuild {
            target: self.target.clone(),
        };
        job.run(&context).await
    }

    fn roles(&self) -> Option<Vec<u64>> {
        let Target {
            guild_id, discord_id, ..
        } = self.target;
        self.world
            .simulator
            .member_roles(guild_id.get(), discord_id.get())
    }

    fn calls(&self, route: &str) -> usize {
        let calls = self.world.simulator.calls(1_000);
        calls.iter().filter(|call| call.route == route).count()
    }
}

#[tokio::test]
async fn a_bot_that_may_not_invite_is_told_in_its_own_words_and_discord_is_not_asked() {
    let scene = scene(permissions::MANAGE_ROLES).await;
    let error = scene.joined().await.unwrap_err();
    assert_eq!(
        (error.class, error.code.as_str()),
        (ErrorClass::Permanent, "bot_lacks_create_invite")
    );
    assert!(error.remedy.unwrap().contains("Create Invite"));
    assert_eq!((scene.calls(PUT), scene.roles()), (0, None));
}

#[tokio::test]
async fn a_token_that_ended_is_refreshed_before_the_join() {
    let scene = scene(permissions::BOT_DEFAULT).await;
    let done = scene.joined().await.unwrap();
    assert_eq!(done.effect, Effect::Applied, "{done:?}");
    assert_eq!((scene.calls(TOKEN), scene.calls(PUT)), (1, 1));
    assert_eq!(scene.roles(), Some(vec![scene.role.get()]));
}

#[tokio::test]
async fn a_token_that_died_early_is_refreshed_and_tried_once_more() {
    let scene = scene(permissions::BOT_DEFAULT).await;
    let account = scene.target.discord_id;
    // By our clock it lives, and Discord has forgotten it: its refresh token was used, and the new pair is stored
    // with the old access token.
    let services = &scene.world.app.services;
    let fresh = scene
        .world
        .simulator
        .grant_token(account.get(), &["identify", "guilds.join"]);
    store(&scene, "no-token-of-discord", &fresh.refresh_token).await;
    let done = scene.joined().await.unwrap();
    assert_eq!(done.effect, Effect::Applied, "{done:?}");
    assert_eq!((scene.calls(TOKEN), scene.calls(PUT)), (1, 2));
    assert_eq!(scene.roles(), Some(vec![scene.role.get()]));

    // Who withdrew the consent is not asked for ever.
    scene
        .world
        .simulator
        .remove_member(scene.target.guild_id.get(), account.get());
    scene.world.simulator.deauthorize(account.get());
    store(&scene, &scene.access, &fresh.refresh_token).await;
    let done = scene.joined().await.unwrap();
    assert_eq!(done.reason.as_deref(), Some("needs_consent"));
    assert_eq!((scene.calls(TOKEN), scene.calls(PUT)), (2, 3));
    let link = services.links.of_account(account).await.unwrap().unwrap();
    assert!(link.needs_consent && link.is_active, "the roles stay");
}

#[tokio::test]
async fn a_dead_token_that_cannot_be_refreshed_is_sent_once_and_not_at_each_sync() {
    let scene = scene(permissions::BOT_DEFAULT).await;
    store(&scene, "no-token-of-discord", "").await;
    for _ in 0..2 {
        let done = scene.joined().await.unwrap();
        assert_eq!(done.reason.as_deref(), Some("needs_consent"), "{done:?}");
    }
    assert_eq!((scene.calls(TOKEN), scene.calls(PUT)), (0, 1));
    let links = &scene.world.app.services.links;
    let link = links.of_account(scene.target.discord_id).await.unwrap().unwrap();
    assert!(link.needs_consent && link.is_active, "the roles stay");
}

/// Stores tokens that live for another hour by our clock.
async fn store(scene: &Scene, access: &str, refresh: &str) {
    let services = &scene.world.app.services;
    let account: DiscordId = scene.target.discord_id;
    let seal = |text: &str, field: &str| {
        let place = rolecall_jobs::refresh_token::token_place(account, field);
        services.vault.seal(&text.to_owned().into(), &place).unwrap()
    };
    let expiry = services.clock.now() + HOUR;
    let mut link = services.links.of_account(account).await.unwrap().unwrap();
    link.token_expiry = Some(expiry);
    let tokens = rolecall_core::link::SealedTokens {
        access: seal(access, "access_token"),
        refresh: seal(refresh, "refresh_token"),
        expiry,
    };
    services.links.put(&link, Some(tokens)).await.unwrap();
}

#[tokio::test]
async fn a_member_who_left_meanwhile_is_skipped_and_nothing_failed() {
    let scene = scene(permissions::BOT_DEFAULT).await;
    // The plan says that a role is due; by now, Ada is no member.
    let job = SetMemberRoles {
        target: scene.target.clone(),
        add: [scene.role].into(),
        remove: std::collections::BTreeSet::default(),
        seen: None,
    };
    let (context, _lease) = scene.world.context::<SetMemberRoles>();
    let done = job.run(&context).await.unwrap();
    assert_eq!(
        (done.effect, done.reason.as_deref()),
        (Effect::Skipped, Some("not_a_member"))
    );
}
