//! A cause of dead letters opens, and is back; and Discord refuses so many calls that it may ban the address.

use std::sync::Arc;

use rolecall_core::cause::Cause;
use rolecall_core::dead_letter::Said;
use rolecall_core::error::JobError;
use rolecall_core::job::Lane;
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{BotToken, CallOptions, Refusals};
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::job::Job;
use serde::{Deserialize, Serialize};

use super::{at_work, fast_world, kinds, open_world};
use crate::kernel_tests::Workshop;

/// Fails for good.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Fails {
    code: String,
}

impl Job for Fails {
    const KIND: &'static str = "fails";

    async fn run(&self, _: &Context) -> Result<Outcome, JobError> {
        Err(JobError::permanent(&self.code, "it cannot be done").with_remedy("Do without."))
    }
}

impl Workshop {
    async fn fails(&self, code: &str) -> String {
        let code = code.to_owned();
        let job = self.ended(self.begin(&Fails { code }).await).await;
        job.fingerprint.unwrap()
    }
}

#[tokio::test]
async fn a_cause_is_told_once_when_it_opens_and_once_more_when_it_was_mended_and_is_back() {
    let workshop = at_work(open_world(&[]).await, |registry| registry.add::<Fails>());
    let world = &workshop.world;
    let services = &world.app.services;
    let (receiver, _, secret) = world.receiver(&[]).await;
    let cause = workshop.fails("too_far").await;
    world.looked_at(services).await;
    receiver.until(1).await;
    workshop.fails("too_far").await;
    world.looked_at(services).await;
    assert_eq!(world.told().await, ["group.opened"]);
    let event = receiver.events(&secret).remove(0);
    assert_eq!(event["data"]["fingerprint"], cause);
    assert_eq!(event["data"]["example"]["remedy"], "Do without.");

    let by = Cause::new("user:ada", "mended").into();
    world
        .app
        .steering
        .mark_cause(&cause, Said::Resolved, &by)
        .await
        .unwrap();
    let marked = world.now();
    while world.now() == marked {
        tokio::task::yield_now().await;
    }
    world.looked_at(services).await;
    assert_eq!(world.told().await.len(), 1, "mended, and not back yet");
    workshop.fails("too_far").await;
    world.looked_at(services).await;
    receiver.until(2).await;
    let events = receiver.events(&secret);
    assert_eq!(kinds(&events), ["group.opened", "group.reopened"]);
    assert_eq!(events[1]["data"]["was"], "resolved");
    // Another cause is another event.
    workshop.fails("too_near").await;
    world.looked_at(services).await;
    receiver.until(3).await;
    assert_eq!(kinds(&receiver.events(&secret))[2], "group.opened");
    workshop.close().await;
}

#[tokio::test]
async fn a_ban_that_threatens_is_told_once_however_many_processes_see_it() {
    // Of the ten minutes in which refused calls count, two are left for making them.
    let world = fast_world(5).await;
    let services = Arc::clone(&world.app.services);
    world.receiver(&[]).await;
    let refused = async || services.discord.refusals().await.unwrap();
    let dead: BotToken = "no.such.token".to_owned().into();
    let Refusals { limit, .. } = refused().await;
    // Interactive calls go on when the others stop.
    let options = CallOptions {
        lane: Lane::Interactive,
        ..CallOptions::default()
    };
    while refused().await.lately + 1 < limit {
        services.discord.me(&dead, &options).await.unwrap_err();
    }
    world.looked_at(&services).await;
    assert_eq!(world.told().await, [""; 0]);
    while refused().await.lately < limit {
        services.discord.me(&dead, &options).await.unwrap_err();
    }
    for _ in 0..3 {
        world.looked_at(&services).await;
        services.discord.me(&dead, &options).await.unwrap_err();
    }
    assert_eq!(world.told().await, ["discord.ban_risk"]);
}
