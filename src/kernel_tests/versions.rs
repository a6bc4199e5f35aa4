//! Two releases at work at once, as in a rolling deploy.

use rolecall_core::JobId;
use rolecall_core::job::JobState;

use super::kinds::Plain;
use super::{Workshop, forged, new};

async fn is_left_to_a_newer_worker(workshop: &Workshop, id: JobId, says: &str) {
    let job = workshop
        .until(id, "its release", |job| job.state == JobState::Scheduled)
        .await;
    assert_eq!((job.attempt, job.snoozes, job.crashes), (0, 1, 0));
    let [attempt] = &job.attempts[..] else {
        panic!("one entry tells why it waits: {:?}", job.attempts)
    };
    assert_eq!(attempt.error_code.as_deref(), Some("newer_release_needed"));
    assert_eq!(attempt.message.as_deref(), Some(says));
    let waits = job.run_at.millis_since(attempt.ended_at);
    assert_eq!(waits, 30_000);
}

#[tokio::test]
async fn a_newer_payload_and_an_unknown_kind_wait_for_a_newer_worker() {
    let workshop = Workshop::open(|kinds| kinds.add::<Plain>()).await;
    let newer = forged(new(&Plain { number: 1 }), |job| job.version = 3);
    let newer = workshop.store(newer).await;
    let unknown = forged(new(&Plain { number: 1 }), |job| {
        job.kind = "unheard_of".to_owned()
    });
    let unknown = workshop.store(unknown).await;
    let older = forged(new(&Plain { number: 1 }), |job| job.version = 1);
    let older = workshop.store(older).await;
    assert_eq!(workshop.ended(older).await.state, JobState::Completed);
    is_left_to_a_newer_worker(&workshop, newer, "no worker here knows plain version 3").await;
    is_left_to_a_newer_worker(&workshop, unknown, "no worker here knows unheard_of version 2").await;
    workshop.close().await;
}

#[tokio::test]
async fn that_it_waits_for_a_newer_worker_is_noted_once() {
    let workshop = Workshop::open(|kinds| kinds.add::<Plain>()).await;
    let newer = forged(new(&Plain { number: 1 }), |job| job.version = 3);
    let id = workshop.store(newer).await;
    is_left_to_a_newer_worker(&workshop, id, "no worker here knows plain version 3").await;
    let control = &workshop.world.app.steering.services.control;
    control.reschedule(id, rolecall_core::Timestamp(1)).await.unwrap();
    workshop.queue.bell().ring();
    let job = workshop
        .until(id, "its second release", |job| job.snoozes == 2)
        .await;
    assert_eq!(job.attempts.len(), 1, "{:?}", job.attempts);
    workshop.close().await;
}
