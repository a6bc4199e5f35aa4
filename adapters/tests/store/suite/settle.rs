//! Leaving jobs.

use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_core::job::{ATTEMPTS_KEPT, JobState, NewJob};
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{Claim, Settlement};
use tokio::task::JoinSet;

use crate::fixture::Fixture;
use crate::given::{LONG, attempt, claimed, completed, job, read, role, settled, stored};

pub(crate) async fn a_completed_job_keeps_its_outcome_and_frees_its_keys<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let id = stored(
        ledger.as_ref(),
        NewJob {
            unique_key: Some("u".to_owned()),
            concurrency: Some("c".to_owned()),
            ..job()
        },
    )
    .await;
    let fence = claimed(ledger.as_ref(), id, LONG).await.fence;
    let (given, taken) = ([role(1), role(2)].into(), [role(3)].into());
    let mut outcome = Outcome::moved(given, taken)
        .of_member_with([role(3), role(4)].into())
        .with_note("Gave pilot and wing");
    outcome.newest_join = Some(Timestamp(1_430_066_417_213));
    outcome.count("members", 7);
    let settlement = Settlement {
        attempt: Some(attempt(1, "applied")),
        ..completed(outcome.clone())
    };
    let before = ledger.now().await.unwrap();
    assert!(ledger.settle(id, fence, settlement).await.unwrap());

    let found = read(ledger.as_ref(), id).await;
    assert_eq!((found.state, found.attempt), (JobState::Completed, 1));
    assert_eq!(found.outcome, Some(outcome));
    assert_eq!(found.attempts, [attempt(1, "applied")]);
    assert_eq!((found.lease, found.unique_key), (None, None));
    assert_eq!(found.concurrency.as_deref(), Some("c"));
    assert!(found.finished_at.expect("an end") >= before);

    let next = stored(
        ledger.as_ref(),
        NewJob {
            unique_key: Some("u".to_owned()),
            concurrency: Some("c".to_owned()),
            ..job()
        },
    )
    .await;
    claimed(ledger.as_ref(), next, LONG).await;
}

pub(crate) async fn a_settlement_with_an_old_fence_changes_nothing<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let id = stored(ledger.as_ref(), job()).await;
    let old = claimed(ledger.as_ref(), id, LONG).await.fence;
    assert!(
        ledger
            .settle(id, old, settled(JobState::Retryable))
            .await
            .unwrap()
    );
    let waiting = read(ledger.as_ref(), id).await;
    assert!(
        !ledger
            .settle(id, old, settled(JobState::Completed))
            .await
            .unwrap()
    );
    assert_eq!(read(ledger.as_ref(), id).await, waiting);

    let new = claimed(ledger.as_ref(), id, LONG).await;
    assert!(new.fence > old);
    assert!(
        !ledger
            .settle(id, old, settled(JobState::Completed))
            .await
            .unwrap()
    );
    assert_eq!(read(ledger.as_ref(), id).await, new);
}

pub(crate) async fn sixteen_racing_settlements_count_once<F: Fixture>(fixture: F) {
    let stores = [fixture.stores().clone(), fixture.again().await];
    let id = stored(stores[0].ledger.as_ref(), job()).await;
    let fence = claimed(stores[0].ledger.as_ref(), id, LONG).await.fence;
    let mut settlements = JoinSet::new();
    for n in 0..16 {
        let ledger = stores[n % 2].ledger.clone();
        settlements.spawn(async move {
            let settlement = Settlement {
                attempt: Some(attempt(1, "applied")),
                ..completed(Outcome::applied(1, 0))
            };
            ledger.settle(id, fence, settlement).await.unwrap()
        });
    }
    let answers = settlements.join_all().await;
    assert_eq!(answers.iter().filter(|won| **won).count(), 1);
    assert_eq!(read(stores[1].ledger.as_ref(), id).await.attempts.len(), 1);
}

pub(crate) async fn a_snooze_gives_the_attempt_back<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let id = stored(ledger.as_ref(), job()).await;
    let fence = claimed(ledger.as_ref(), id, LONG).await.fence;
    let until = ledger.now().await.unwrap() + Duration::from_secs(60);
    let snooze = Settlement {
        run_at: Some(until),
        give_back: true,
        attempt: Some(attempt(1, "snooze")),
        ..settled(JobState::Scheduled)
    };
    assert!(ledger.settle(id, fence, snooze).await.unwrap());
    let found = read(ledger.as_ref(), id).await;
    assert_eq!((found.state, found.run_at), (JobState::Scheduled, until));
    assert_eq!((found.attempt, found.snoozes, found.fence), (0, 1, 1));
    assert_eq!((found.lease, found.finished_at), (None, None));
    assert_eq!(found.attempts, [attempt(1, "snooze")]);
    assert_eq!(ledger.claim(id, "worker-a", LONG).await.unwrap(), Claim::Gone);
}

pub(crate) async fn a_job_handed_back_gives_the_attempt_back_and_counts_no_snooze<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let id = stored(ledger.as_ref(), job()).await;
    let fence = claimed(ledger.as_ref(), id, LONG).await.fence;
    let hand_back = Settlement {
        give_back: true,
        attempt: Some(attempt(1, "released")),
        ..settled(JobState::Available)
    };
    assert!(ledger.settle(id, fence, hand_back).await.unwrap());
    let found = read(ledger.as_ref(), id).await;
    assert_eq!(
        (found.state, found.attempt, found.snoozes),
        (JobState::Available, 0, 0)
    );
    assert_eq!(claimed(ledger.as_ref(), id, LONG).await.fence, 2);
}

pub(crate) async fn a_retry_keeps_its_attempt_its_unique_key_and_its_time_after_reopening<F: Fixture>(
    fixture: F,
) {
    let ledger = &fixture.stores().ledger;
    let id = stored(
        ledger.as_ref(),
        NewJob {
            unique_key: Some("u".to_owned()),
            ..job()
        },
    )
    .await;
    let fence = claimed(ledger.as_ref(), id, LONG).await.fence;
    let retry_at = ledger.now().await.unwrap() + Duration::from_millis(123_457);
    let failed = rolecall_core::job::Attempt {
        error_class: Some("transient".to_owned()),
        error_code: Some("discord_unavailable".to_owned()),
        message: Some("Discord answered 503".to_owned()),
        remedy: Some("Wait".to_owned()),
        http_status: Some(503),
        discord_code: Some(50_013),
        route: Some("PUT /guilds/{guild}".to_owned()),
        ..attempt(1, "retry")
    };
    let retry = Settlement {
        run_at: Some(retry_at),
        attempt: Some(failed.clone()),
        fingerprint: Some("role.add|-|503|-".to_owned()),
        ..settled(JobState::Retryable)
    };
    assert!(ledger.settle(id, fence, retry).await.unwrap());
    for ledger in [ledger.clone(), fixture.again().await.ledger] {
        let found = read(ledger.as_ref(), id).await;
        assert_eq!((found.state, found.run_at), (JobState::Retryable, retry_at));
        assert_eq!((found.attempt, found.snoozes), (1, 0));
        assert_eq!(found.attempts, std::slice::from_ref(&failed));
        assert_eq!(found.unique_key.as_deref(), Some("u"));
        assert_eq!(found.fingerprint.as_deref(), Some("role.add|-|503|-"));
        assert_eq!(found.lane, rolecall_core::job::Lane::Normal);
        assert_eq!(ledger.next_due(found.lane).await.unwrap(), Some(retry_at));
    }
}

pub(crate) async fn a_dead_letter_keeps_its_fingerprint_and_the_history_of_its_attempts<F: Fixture>(
    fixture: F,
) {
    let ledger = &fixture.stores().ledger;
    let id = stored(ledger.as_ref(), job()).await;
    for number in 1..=2 {
        let job = claimed(ledger.as_ref(), id, LONG).await;
        assert_eq!(job.attempt, number);
        let retry = Settlement {
            attempt: Some(attempt(number, "retry")),
            ..settled(JobState::Retryable)
        };
        assert!(ledger.settle(id, job.fence, retry).await.unwrap());
    }
    let fence = claimed(ledger.as_ref(), id, LONG).await.fence;
    let discard = Settlement {
        attempt: Some(attempt(3, "discard")),
        fingerprint: Some("role.add|-|403|50013".to_owned()),
        ..settled(JobState::Discarded)
    };
    assert!(ledger.settle(id, fence, discard).await.unwrap());
    let found = read(ledger.as_ref(), id).await;
    assert_eq!((found.state, found.outcome), (JobState::Discarded, None));
    assert_eq!(found.fingerprint.as_deref(), Some("role.add|-|403|50013"));
    assert!(found.finished_at.is_some());
    let results: Vec<_> = found.attempts.iter().map(|a| a.result.as_str()).collect();
    assert_eq!(results, ["retry", "retry", "discard"]);
}

pub(crate) async fn only_the_newest_attempts_are_kept<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let id = stored(ledger.as_ref(), job()).await;
    let kept = u32::try_from(ATTEMPTS_KEPT).unwrap();
    for number in 1..=kept + 2 {
        let fence = claimed(ledger.as_ref(), id, LONG).await.fence;
        let retry = Settlement {
            attempt: Some(attempt(number, "retry")),
            ..settled(JobState::Retryable)
        };
        assert!(ledger.settle(id, fence, retry).await.unwrap());
    }
    let found = read(ledger.as_ref(), id).await;
    let numbers: Vec<_> = found.attempts.iter().map(|a| a.number).collect();
    assert_eq!(numbers, (3..=kept + 2).collect::<Vec<_>>());
    assert_eq!(found.attempt, kept + 2);
}
