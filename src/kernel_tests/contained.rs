//! What one job does harms no other.

use rolecall_core::job::{Job as Record, JobState};
use rolecall_core::outcome::Effect;
use rolecall_core::ports::Ordered;

use super::kinds::{Blocks, Calls, Endless, Panics, Plain};
use super::{Workshop, forged, new};

fn last(job: &Record) -> (&str, &str, &str) {
    let attempt = job.attempts.last().expect("an attempt");
    let text = |field: &Option<String>| field.clone().unwrap_or_default().leak() as &str;
    (
        attempt.result.clone().leak(),
        text(&attempt.error_code),
        text(&attempt.message),
    )
}

/// A neighbour of what went wrong.
async fn others_run(workshop: &Workshop) {
    let neighbour = workshop.begin(&Plain { number: 1 }).await;
    assert_eq!(workshop.ended(neighbour).await.state, JobState::Completed);
}

#[tokio::test]
async fn a_panic_is_a_failed_attempt_with_its_message() {
    let workshop = Workshop::open(|kinds| {
        kinds.add::<Panics>();
        kinds.add::<Plain>();
    })
    .await;
    let id = workshop.begin(&Panics {}).await;
    let job = workshop.ended(id).await;
    assert_eq!((job.state, job.crashes), (JobState::Discarded, 0));
    let message = "the job panicked: a fault of the program";
    assert_eq!(last(&job), ("discard", "panicked", message));
    others_run(&workshop).await;
    workshop.close().await;
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_ended() {
    let workshop = Workshop::open(|kinds| {
        kinds.add::<Endless>();
        kinds.add::<Plain>();
    })
    .await;
    let id = workshop.begin(&Endless {}).await;
    let job = workshop.ended(id).await;
    assert_eq!(job.state, JobState::Discarded);
    assert_eq!(last(&job).1, "attempt_timed_out");
    others_run(&workshop).await;
    workshop.close().await;
}

#[tokio::test]
async fn a_payload_that_cannot_be_read_is_set_aside_and_its_neighbours_run() {
    let workshop = Workshop::open(|kinds| kinds.add::<Plain>()).await;
    let broken = forged(new(&Plain { number: 1 }), |job| {
        job.payload = serde_json::json!({ "number": "many" });
    });
    let mut batch: Vec<_> = (0..8).map(|number| new(&Plain { number })).collect();
    let id = broken.0.id;
    batch.insert(4, broken);
    let ids: Vec<_> = batch.iter().map(|job| job.0.id).collect();
    workshop.queue.insert(batch).await.unwrap();
    for other in ids.into_iter().filter(|other| *other != id) {
        assert_eq!(workshop.ended(other).await.state, JobState::Completed);
    }
    let job = workshop.ended(id).await;
    assert_eq!((job.state, job.attempt), (JobState::Discarded, 1));
    assert_eq!(job.fingerprint.as_deref(), Some("plain|undecodable"));
    assert_eq!(last(&job).1, "undecodable");
    assert!(last(&job).2.contains("expected u32"), "{:?}", last(&job));
    workshop.close().await;
}

/// This runtime has one thread, and the job holds it.
#[tokio::test]
async fn a_job_that_holds_its_thread_keeps_its_lease() {
    let workshop = Workshop::open(|kinds| kinds.add::<Blocks>()).await;
    let id = workshop.begin(&Blocks {}).await;
    let job = workshop.ended(id).await;
    assert_eq!((job.state, job.attempt), (JobState::Completed, 1));
    assert_eq!(job.outcome.unwrap().counts["renewed"], 1);
    workshop.close().await;
}

#[tokio::test]
async fn a_running_job_that_is_to_be_cancelled_makes_no_further_call() {
    let workshop = Workshop::open(|kinds| kinds.add::<Calls>()).await;
    let id = workshop.begin(&Calls {}).await;
    workshop
        .until(id, "its start", |job| job.state == JobState::Running)
        .await;
    let control = &workshop.world.app.steering.services.control;
    let by = rolecall_core::cause::Cause::new("user:ada", "because");
    assert_eq!(control.cancel(id, &by).await.unwrap(), Ordered::Asked);
    let job = workshop.ended(id).await;
    assert_eq!((job.state, job.attempt), (JobState::Cancelled, 1));
    let outcome = job.outcome.clone().unwrap();
    assert_eq!(outcome.effect, Effect::Skipped);
    assert_eq!(outcome.notes, ["cancelled by user:ada (because)"]);
    assert_eq!((last(&job).0, last(&job).1), ("cancel", "cancelled"));
    workshop.close().await;
}
