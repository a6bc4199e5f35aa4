//! What operators order.

use std::time::Duration;

use rolecall_core::cause::Cause;
use rolecall_core::job::{Inserted, JobState, Lane, NewJob, WAITS_KEPT, WaitNote};
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{Claim, DueJob, Ordered, Redrive, Settlement};
use rolecall_core::progress::Progress;

use crate::fixture::Fixture;
use crate::given::{LONG, again, attempt, claimed, completed, ended, job, new_id, read, settled, stored};

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
        control.redrive(id, &again(Some("u"))).await.unwrap(),
        Ordered::Not(JobState::Available)
    );
    ended(ledger.as_ref(), id, discard).await;
    assert_eq!(
        control.redrive(id, &again(Some("u"))).await.unwrap(),
        Ordered::Done
    );
    let found = read(ledger.as_ref(), id).await;
    assert_eq!((found.state, found.attempt), (JobState::Available, 0));
    assert_eq!((found.attempts.len(), found.finished_at), (1, None));
    assert_eq!(found.unique_key.as_deref(), Some("u"));
    assert!(found.redriven_at.is_some() && found.run_at <= ledger.now().await.unwrap());
    let claim = claimed(ledger.as_ref(), id, LONG).await;
    assert_eq!((claim.attempt, claim.fence), (1, 2));
    assert_eq!(
        control.redrive(new_id(), &again(None)).await.unwrap(),
        Ordered::Unknown
    );
}

pub(crate) async fn a_dead_letter_whose_twin_lives_stays_dead<F: Fixture>(fixture: F) {
    let (ledger, control) = (&fixture.stores().ledger, &fixture.stores().control);
    let id = stored(ledger.as_ref(), with_key()).await;
    control.cancel(id, &by()).await.unwrap();
    let twin = stored(ledger.as_ref(), with_key()).await;
    assert_eq!(
        control.redrive(id, &again(Some("u"))).await.unwrap(),
        Ordered::Twin(twin)
    );
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

pub(crate) async fn a_job_can_be_run_again_later_and_in_another_lane<F: Fixture>(fixture: F) {
    let (ledger, control) = (&fixture.stores().ledger, &fixture.stores().control);
    let (id, early) = (
        stored(ledger.as_ref(), job()).await,
        stored(ledger.as_ref(), job()).await,
    );
    for id in [id, early] {
        control.cancel(id, &by()).await.unwrap();
    }
    let later = ledger.now().await.unwrap() + Duration::from_secs(3_600);
    let how = Redrive {
        at: Some(later),
        lane: Some(Lane::Bulk),
        unique_key: None,
    };
    assert_eq!(control.redrive(id, &how).await.unwrap(), Ordered::Done);
    let found = read(ledger.as_ref(), id).await;
    assert_eq!(
        (found.state, found.run_at, found.lane),
        (JobState::Scheduled, later, Lane::Bulk)
    );
    assert!(found.redriven_at.is_some_and(|at| at < later));
    assert_eq!(ledger.claim(id, "worker-a", LONG).await.unwrap(), Claim::Gone);
    assert_eq!(ledger.next_due(Lane::Bulk).await.unwrap(), Some(later));
    // A time that has passed is now.
    let past = Redrive {
        at: Some(crate::given::PAST),
        ..how
    };
    assert_eq!(control.redrive(early, &past).await.unwrap(), Ordered::Done);
    let now = ledger.now().await.unwrap() + Duration::from_secs(1);
    let due = ledger.due(Lane::Bulk, now, &[], 9).await.unwrap();
    assert_eq!(
        due.iter().map(|DueJob { id, .. }| *id).collect::<Vec<_>>(),
        [early]
    );
    assert_eq!(read(ledger.as_ref(), early).await.state, JobState::Available);
}

pub(crate) async fn a_job_keeps_the_newest_reasons_why_it_was_told_to_wait<F: Fixture>(fixture: F) {
    let (ledger, control) = (&fixture.stores().ledger, &fixture.stores().control);
    let id = stored(ledger.as_ref(), job()).await;
    let note = |n: i64| WaitNote {
        at: crate::given::PAST + Duration::from_secs(n.unsigned_abs()),
        until: crate::given::PAST + LONG,
        code: "discord_rate_limited".to_owned(),
        message: format!("time {n} {{$x}}"),
        route: (n % 2 == 0).then(|| "PUT /guilds/{guild}".to_owned()),
    };
    let kept = i64::try_from(WAITS_KEPT).unwrap();
    for n in 1..=kept + 2 {
        let snooze = Settlement {
            run_at: Some(crate::given::PAST),
            give_back: true,
            wait: Some(note(n)),
            ..settled(JobState::Scheduled)
        };
        ended(ledger.as_ref(), id, snooze).await;
    }
    let all: Vec<WaitNote> = (3..=kept + 2).map(note).collect();
    assert_eq!(read(ledger.as_ref(), id).await.waits, all);
    ended(ledger.as_ref(), id, settled(JobState::Retryable)).await;
    assert_eq!(
        read(ledger.as_ref(), id).await.waits,
        all,
        "another end takes none away"
    );
    control.cancel(id, &by()).await.unwrap();
    control.redrive(id, &again(None)).await.unwrap();
    assert_eq!(read(ledger.as_ref(), id).await.waits, []);
}

pub(crate) async fn a_running_job_says_how_far_it_is_and_nobody_else_does<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let id = stored(ledger.as_ref(), job()).await;
    let progress = Progress {
        total: 10,
        done: 3,
        failed: 1,
        counts: [("done".to_owned(), 2), ("twin".to_owned(), 1)].into(),
        started_at: crate::given::PAST,
        at: crate::given::PAST + LONG,
        not_before: Some(crate::given::PAST + LONG),
        checkpoint: Some(serde_json::json!({ "after": ["x", 1, null] })),
    };
    assert!(!ledger.report(id, 0, &progress).await.unwrap(), "it does not run");
    let fence = claimed(ledger.as_ref(), id, LONG).await.fence;
    assert!(!ledger.report(id, fence - 1, &progress).await.unwrap());
    assert!(ledger.report(id, fence, &progress).await.unwrap());
    assert_eq!(read(ledger.as_ref(), id).await.progress, Some(progress.clone()));
    let snooze = Settlement {
        run_at: Some(crate::given::PAST),
        give_back: true,
        ..settled(JobState::Scheduled)
    };
    assert!(ledger.settle(id, fence, snooze).await.unwrap());
    let again = claimed(ledger.as_ref(), id, LONG).await;
    assert_eq!(again.progress, Some(progress), "it goes on from there");
}
