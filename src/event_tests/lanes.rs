//! A lane is late.

use std::time::Duration;

use rolecall_core::cause::Cause;
use rolecall_core::job::Lane;
use rolecall_core::pause::{Held, Pause, PauseId};
use rolecall_jobs::deliver_webhook::DeliverWebhook;
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::queue::Enqueue;
use rolecall_workflows::refresh_tokens::RefreshTokens;
use uuid::Uuid;

use super::open_world;
use crate::kernel_tests::Workshop;
use crate::testing::World;

const MINUTE: Duration = Duration::from_secs(60);

/// How often it was told that bulk is late. The deliveries wait in another lane, which nobody works on, either.
async fn late(world: &World) -> usize {
    let told = world.stored(DeliverWebhook::KIND).await;
    let of_bulk = told.iter().map(|job| &job.payload["body"]);
    of_bulk
        .filter(|body| body["type"] == "queue.late" && body["data"]["queue"] == "bulk")
        .count()
}

#[tokio::test]
async fn a_lane_is_late_once_until_its_first_job_waits_for_less_than_half_of_the_limit() {
    let world = open_world(&[("ROLECALL_QUEUE_LATE_AFTER", "10m")]).await;
    // Nobody works here.
    let workshop = Workshop::closed_in(world);
    let world = &workshop.world;
    let (clock, services) = world.on_a_moved_clock();
    world.receiver(&[]).await;
    let job = || Enqueue::new(&RefreshTokens {}, Cause::new("test", "waits")).in_lane(Lane::Bulk);
    let first = workshop.store(job().unique("first".to_owned())).await;
    clock.pass(9 * MINUTE);
    world.looked_at(&services).await;
    assert_eq!(late(world).await, 0);
    clock.pass(2 * MINUTE);
    world.looked_at(&services).await;
    assert_eq!(late(world).await, 1);
    // What is held back by order is not late; and a lane without due jobs has recovered.
    let pause = Pause {
        id: PauseId(Uuid::now_v7()),
        held: Held {
            lane: Some(Lane::Bulk),
            ..Held::default()
        },
        reason: "a test".to_owned(),
        author: "user:ada".to_owned(),
        created_at: world.now(),
        until: None,
        canary: None,
    };
    let by = || Cause::new("user:ada", "a test").into();
    clock.pass(60 * MINUTE);
    world.looked_at(&services).await;
    assert_eq!(late(world).await, 1, "it is the same lateness");
    world.app.steering.pause(&pause, &by()).await.unwrap();
    world.looked_at(&services).await;
    world.app.steering.resume(pause.id, &by()).await.unwrap();
    world.looked_at(&services).await;
    assert_eq!(late(world).await, 2, "late anew");
    let job = workshop.job(first).await;
    assert!(!job.state.is_final());
}
