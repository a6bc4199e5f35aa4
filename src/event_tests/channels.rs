//! Events in a Discord channel.

use rolecall_core::cause::Cause;
use rolecall_core::error::JobError;
use rolecall_core::job::{Job as Record, JobState};
use rolecall_core::outcome::Outcome;
use rolecall_core::webhook::{EndpointId, Sink};
use rolecall_core::{ChannelId, GuildId, RoleId};
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::notify_channel::NotifyChannel;
use rolecall_simulator::{BotIn, NewGuild, NewRole};
use serde::{Deserialize, Serialize};

use super::{at_work, open_world};
use crate::kernel_tests::Workshop;

const BOT: &str = "the.bots.token";

/// Fails for good, with words that would ping somebody, and with too many of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Shouts {
    code: String,
}

impl Job for Shouts {
    const KIND: &'static str = "shouts";

    async fn run(&self, _: &Context) -> Result<Outcome, JobError> {
        let words = format!("@everyone <@1> <@&2> {}", "ä".repeat(3_000));
        Err(JobError::permanent(&self.code, words))
    }
}

/// A guild, and an endpoint that is its channel.
struct Stage {
    workshop: Workshop,
    guild: u64,
    bot: u64,
    channel: u64,
    endpoint: EndpointId,
}

async fn stage() -> Stage {
    let world = open_world(&[]).await;
    let bot = world.simulator.add_bot(BOT);
    let guild = world.simulator.add_guild(NewGuild {
        name: "Corp".to_owned(),
        roles: vec![NewRole::at("Pilot", 1)],
        bots: vec![BotIn::with_token(BOT)],
        ..NewGuild::default()
    });
    let channel = world.simulator.channel_of(guild).unwrap();
    let (guild_id, channel_id) = (GuildId::new(guild).unwrap(), ChannelId::new(channel).unwrap());
    let (role, ..) = world.simulator.guild_roles(guild)[0];
    world.pilots(guild_id, BOT, RoleId::new(role).unwrap()).await;
    let sink = Sink::DiscordChannel { guild_id, channel_id };
    let by = Cause::new("user:ada", "a test").into();
    let made = world
        .app
        .steering
        .add_endpoint(sink, [].into(), String::new(), &by)
        .await;
    let (endpoint, secret) = made.unwrap();
    assert!(secret.is_none());
    let workshop = at_work(world, |registry| registry.add::<Shouts>());
    Stage {
        workshop,
        guild,
        bot,
        channel,
        endpoint: endpoint.id,
    }
}

impl Workshop {
    /// A new cause of dead letters, and the end of its message to the channel.
    async fn shouted(&self, code: &str) -> Record {
        let world = &self.world;
        let code = code.to_owned();
        self.ended(self.begin(&Shouts { code }).await).await;
        let before = world.stored(NotifyChannel::KIND).await.len();
        world.looked_at(&world.app.services).await;
        let messages = world.stored(NotifyChannel::KIND).await;
        assert_eq!(messages.len(), before + 1, "{messages:#?}");
        self.ended(messages.last().unwrap().id).await
    }
}

#[tokio::test]
async fn an_event_arrives_in_its_channel_once_pings_nobody_and_is_not_too_long() {
    let Stage {
        workshop,
        channel,
        endpoint,
        ..
    } = stage().await;
    let simulator = &workshop.world.simulator;
    let job = workshop.shouted("too_loud").await;
    assert_eq!(job.state, JobState::Completed, "{job:#?}");
    assert_eq!(job.subject.webhook_id, Some(endpoint));
    let messages = simulator.messages(channel);
    assert_eq!(messages.len(), 1);
    assert!(messages[0].starts_with("**group.opened** ") && messages[0].contains("@everyone <@1> <@&2>"));
    assert_eq!(messages[0].chars().count(), 2_000);
    assert_eq!(simulator.pings(channel), [""; 0]);
    workshop.close().await;
}

#[tokio::test]
async fn a_message_to_a_channel_that_is_gone_is_a_dead_letter_that_says_what_to_do() {
    let Stage {
        workshop,
        channel,
        endpoint,
        ..
    } = stage().await;
    assert!(workshop.world.simulator.delete_channel(channel));
    let job = workshop.shouted("too_loud").await;
    assert_eq!(job.state, JobState::Discarded, "{job:#?}");
    let last = job.attempts.last().unwrap();
    assert_eq!((job.attempts.len(), last.discord_code), (1, Some(10_003)));
    assert!(last.remedy.as_ref().unwrap().contains("rolecall webhooks update"));
    let noted = workshop.world.app.steering.endpoint(endpoint).await.unwrap();
    assert_eq!((noted.endpoint.failures, noted.endpoint.enabled), (1, true));
    // That this failed is an event of its own, whose message fails, too: of the same cause, so that is the end of it.
    let job = workshop.shouted_on().await;
    assert_eq!(job.state, JobState::Discarded);
    let world = &workshop.world;
    for _ in 0..3 {
        world.looked_at(&world.app.services).await;
    }
    assert_eq!(world.stored(NotifyChannel::KIND).await.len(), 2);
    workshop.close().await;
}

#[tokio::test]
async fn a_channel_that_the_bot_may_not_see_is_a_dead_letter_that_says_which_permission_is_missing() {
    let Stage {
        workshop,
        guild,
        bot,
        channel,
        ..
    } = stage().await;
    assert!(workshop.world.simulator.kick_bot(guild, bot));
    let job = workshop.shouted("too_loud").await;
    assert_eq!(job.state, JobState::Discarded, "{job:#?}");
    let last = job.attempts.last().unwrap();
    assert_eq!(last.discord_code, Some(50_001));
    assert!(last.remedy.as_ref().unwrap().contains("View Channel"));
    assert_eq!(workshop.world.simulator.messages(channel), [""; 0]);
    workshop.close().await;
}

impl Workshop {
    /// The end of the message about the last one.
    async fn shouted_on(&self) -> Record {
        let world = &self.world;
        world.looked_at(&world.app.services).await;
        let messages = world.stored(NotifyChannel::KIND).await;
        assert_eq!(messages.len(), 2, "{messages:#?}");
        self.ended(messages.last().unwrap().id).await
    }
}
