//! What operators order.

use std::time::Duration;

use rolecall_core::cause::Cause;
use rolecall_core::job::{Inserted, JobState, NewJob};
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{Claim, Ordered, Settlement};

use crate::fixture::Fixture;
use crate::given::{LONG, attempt, claimed, completed, ended, job, new_id, read, settled, stored};

fn by() -> Cause {
    Cause::new("user:eve", "too many")
}

fn with_key() -> NewJob {
    NewJob {
        unique_key: Some("u".to_owned()),
        ..job()
    }
}

pub(crate) async fn a_waiting_job_is_cancelled_at_once_with_who_did_it_and_its_key_is_free<F: Fixture>(
    fixture: F,
) {
    let (ledger, control) = (&fixture.stores().ledger, &fixture.stores().control);
    let id = stored(ledger.as_ref(), with_key()).await;
    assert_eq!(control.cancel(id, &by()).await.unwrap(), Ordered::Done);
    let found = read(ledger.as_ref(), id).await;
    assert_eq!(found.state, JobState::Cancelled);
    assert_eq!(found.outcome, Some(Outcome::cancelled("user:eve (too many)")));
    assert!(found.finished_at.is_some() && found.unique_key.is_none());
    assert_eq!(ledger.claim(id, "worker-a", LONG).await.unwrap(), Claim::Gone);
    assert_eq!(
        control.cancel(id, &by()).await.unwrap(),
        Ordered::Not(JobState::Cancelled)
    );
    assert_eq!(control.cancel(new_id(), &by()).await.unwrap(), Ordered::Unknown);
    let next = with_key();
    assert_eq!(
        ledger.insert(vec![next.clone()]).await.unwrap(),
        [Inserted::Created(next.id)]
    );
}

pub(crate) async fn a_running_job_is_told_and_cannot_wait_any_more<F: Fixture>(fixture: F) {
    let (ledger, control) = (&fixture.stores().ledger, &fixture.stores().control);
    let id = stored(ledger.as_ref(), job()).await;
    let fence = claimed(ledger.as_ref(), id, LONG).await.fence;
    let told = || async { ledger.renew("worker-a", &[(id, fence)], LONG).await.unwrap()[0].cancel_asked };
    assert!(!told().await);
    assert_eq!(control.cancel(id, &by()).await.unwrap(), Ordered::Asked);
    assert!(told().await);
    let retry = Settlement {
        attempt: Some(attempt(1, "retry")),
        run_at: Some(ledger.now().await.unwrap() + LONG),
        ..settled(JobState::Retryable)
    };
    assert!(!ledger.settle(id, fence - 1, retry.clone()).await.unwrap());
    assert!(ledger.settle(id, fence, retry).await.unwrap());
    let found = read(ledger.as_ref(), id).await;
    assert_eq!((found.state, found.attempts.len()), (JobState::Cancelled, 1));
    assert_eq!(found.outcome, Some(Outcome::cancelled("user:eve (too many)")));
    assert_eq!(found.cancel_by, None);
}

pub(crate) async fn a_running_job_that_ends_well_before_it_hears_of_a_cancel_is_completed<F: Fixture>(
    fixture: F,
) {
    let (ledger, control) = (&fixture.stores().ledger, &fixture.stores().control);
    let id = stored(ledger.as_ref(), job()).await;
    let fence = claimed(ledger.as_ref(), id, LONG).await.fence;
    control.cancel(id, &by()).await.unwrap();
    assert!(
        ledger
            .settle(id, fence, completed(Outcome::applied(1, 0)))
            .await
            .unwrap()
    );
    assert_eq!(read(ledger.as_ref(), id).await.state, JobState::Completed);
}

pub(crate) async fn a_dead_letter_runs_again_with_all_its_tries_and_its_history<F: Fixture>(fixture: F) {
    let (ledger, control) = (&fixture.stores().ledger, &fixture.stores().control);
    let id = stored(ledger.as_ref(), with_key()).await;
    let discard = Settlement {
        attempt: Some(attempt(1, "discard")),
        fingerprint: Some("role.add|-|403|50013".to_owned()),
        ..settled(JobState::Discarded)
    };
    assert_eq!(
        control.redrive(id, Some("u")).await.unwrap(),
        Ordered::Not(JobState::Available)
    );
    ended(ledger.as_ref(), id, discard).await;
    assert_eq!(control.redrive(id, Some("u")).await.unwrap(), Ordered::Done);
    let found = read(ledger.as_ref(), id).await;
    assert_eq!((found.state, found.attempt), (JobState::Available, 0));
    assert_eq!((found.attempts.len(), found.finished_at), (1, None));
    assert_eq!(found.unique_key.as_deref(), Some("u"));
    assert!(found.redriven_at.is_some() && found.run_at <= ledger.now().await.unwrap());
    let again = claimed(ledger.as_ref(), id, LONG).await;
    assert_eq!((again.attempt, again.fence), (1, 2));
    assert_eq!(control.redrive(new_id(), None).await.unwrap(), Ordered::Unknown);
}

pub(crate) async fn a_dead_letter_whose_twin_lives_stays_dead<F: Fixture>(fixture: F) {
    let (ledger, control) = (&fixture.stores().ledger, &fixture.stores().control);
    let id = stored(ledger.as_ref(), with_key()).await;
    control.cancel(id, &by()).await.unwrap();
    let twin = stored(ledger.as_ref(), with_key()).await;
    assert_eq!(control.redrive(id, Some("u")).await.unwrap(), Ordered::Twin(twin));
    assert_eq!(read(ledger.as_ref(), id).await.state, JobState::Cancelled);
}

pub(crate) async fn a_waiting_job_can_be_made_a_dead_letter<F: Fixture>(fixture: F) {
    let (ledger, control) = (&fixture.stores().ledger, &fixture.stores().control);
    let id = stored(ledger.as_ref(), with_key()).await;
    assert_eq!(control.discard(id, &by()).await.unwrap(), Ordered::Done);
    let found = read(ledger.as_ref(), id).await;
    assert_eq!((found.state, found.unique_key), (JobState::Discarded, None));
    assert_eq!(found.fingerprint.as_deref(), Some("role.add|discarded"));
    let last = &found.attempts[0];
    assert_eq!(last.error_code.as_deref(), Some("discarded_by_operator"));
    assert!(last.message.as_ref().unwrap().contains("user:eve (too many)"));
    assert_eq!(
        control.discard(id, &by()).await.unwrap(),
        Ordered::Not(JobState::Discarded)
    );
}

pub(crate) async fn a_waiting_job_is_given_another_time<F: Fixture>(fixture: F) {
    let (ledger, control) = (&fixture.stores().ledger, &fixture.stores().control);
    let id = stored(ledger.as_ref(), job()).await;
    let later = ledger.now().await.unwrap() + Duration::from_secs(3_600);
    assert_eq!(control.reschedule(id, later).await.unwrap(), Ordered::Done);
    let found = read(ledger.as_ref(), id).await;
    assert_eq!((found.state, found.run_at), (JobState::Scheduled, later));
    let now = ledger.now().await.unwrap();
    assert_eq!(control.reschedule(id, now).await.unwrap(), Ordered::Done);
    claimed(ledger.as_ref(), id, LONG).await;
    assert_eq!(
        control.reschedule(id, later).await.unwrap(),
        Ordered::Not(JobState::Running)
    );
}

pub(crate) async fn what_is_noted_as_sent_can_be_counted_and_forgotten<F: Fixture>(fixture: F) {
    let (ledger, control) = (&fixture.stores().ledger, &fixture.stores().control);
    let (sent, other, running) = (
        stored(ledger.as_ref(), job()).await,
        stored(ledger.as_ref(), job()).await,
        stored(ledger.as_ref(), job()).await,
    );
    ledger.mark_sent(&[sent, running]).await.unwrap();
    claimed(ledger.as_ref(), running, LONG).await;
    assert_eq!(control.sent(false).await.unwrap(), 1);
    assert_eq!(control.sent(false).await.unwrap(), 1);
    let due = || async {
        let now = ledger.now().await.unwrap();
        let due = ledger.due(job().lane, now - LONG, &[], 9).await.unwrap();
        due.into_iter().map(|due| due.id).collect::<Vec<_>>()
    };
    assert_eq!(due().await, [other]);
    assert_eq!(control.sent(true).await.unwrap(), 1);
    assert_eq!(due().await.len(), 2);
    assert_eq!(
        (
            control.sent(true).await.unwrap(),
            control.sent(false).await.unwrap()
        ),
        (0, 0)
    );
}
