//! Storing jobs.

use std::time::Duration;

use rolecall_core::ids::EndpointId;
use rolecall_core::job::{Inserted, JobState, Lane, NewJob, Subject};
use rolecall_core::outcome::Outcome;
use tokio::task::JoinSet;

use crate::fixture::Fixture;
use crate::given::{self, PAST, account, completed, ended, guild, job, new_id, new_run, read, role, user};

pub(crate) async fn a_stored_job_reads_back_as_it_was_given<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let new = NewJob {
        version: 3,
        payload: serde_json::json!({"guild": "1", "roles": ["2", "3"], "deep": {"text": "ä\"'\u{1f980}", "n": -1.5}}),
        lane: Lane::Interactive,
        unique_key: Some("link:1".to_owned()),
        concurrency: Some("member:1:2".to_owned()),
        run_id: Some(new_run()),
        parent_id: Some(new_id()),
        subject: Subject {
            guild_id: Some(guild(1)),
            user_id: Some(user(1)),
            discord_id: Some(account(1)),
            role_id: Some(role(1)),
            webhook_id: Some(EndpointId(uuid::Uuid::from_u128(1))),
        },
        trace: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        ..job()
    };
    let before = ledger.now().await.unwrap();
    assert_eq!(
        ledger.insert(vec![new.clone()]).await.unwrap(),
        [Inserted::Created(new.id)]
    );
    let after = ledger.now().await.unwrap();

    let found = read(ledger.as_ref(), new.id).await;
    assert!(before <= found.inserted_at && found.inserted_at <= after);
    let again = NewJob {
        id: found.id,
        kind: found.kind.clone(),
        version: found.version,
        payload: found.payload.clone(),
        lane: found.lane,
        run_at: found.run_at,
        max_attempts: found.max_attempts,
        unique_key: found.unique_key.clone(),
        concurrency: found.concurrency.clone(),
        run_id: found.run_id,
        parent_id: found.parent_id,
        subject: found.subject.clone(),
        cause: found.cause.clone(),
        trace: found.trace.clone(),
        sent: false,
    };
    assert_eq!(again, new);
    assert_eq!(
        (
            found.state,
            found.attempt,
            found.crashes,
            found.snoozes,
            found.fence
        ),
        (JobState::Available, 0, 0, 0, 0)
    );
    assert_eq!(
        (found.lease, found.sent_at, found.finished_at),
        (None, None, None)
    );
    assert_eq!(
        (found.attempts.len(), found.outcome, found.fingerprint),
        (0, None, None)
    );
    assert_eq!(ledger.get(new_id()).await.unwrap(), None);
}

pub(crate) async fn inserting_a_follow_up_again_changes_nothing<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let parent = given::stored(ledger.as_ref(), job()).await;
    let follow_up = NewJob {
        id: rolecall_core::JobId(parent.child("add:1")),
        parent_id: Some(parent),
        unique_key: Some("add:1".to_owned()),
        ..job()
    };
    let first = ledger.insert(vec![follow_up.clone()]).await.unwrap();
    let stored = read(ledger.as_ref(), follow_up.id).await;
    let second = ledger
        .insert(vec![NewJob {
            kind: "something.else".to_owned(),
            ..follow_up.clone()
        }])
        .await
        .unwrap();
    assert_eq!(first, [Inserted::Created(follow_up.id)]);
    assert_eq!(second, [Inserted::Repeated(follow_up.id)]);
    assert_eq!(read(ledger.as_ref(), follow_up.id).await, stored);
}

pub(crate) async fn a_repeated_insert_of_a_finished_job_changes_nothing<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let new = NewJob {
        unique_key: Some("once".to_owned()),
        ..job()
    };
    given::stored(ledger.as_ref(), new.clone()).await;
    ended(ledger.as_ref(), new.id, completed(Outcome::unchanged())).await;
    let stored = read(ledger.as_ref(), new.id).await;
    assert_eq!(
        ledger.insert(vec![new.clone()]).await.unwrap(),
        [Inserted::Repeated(new.id)]
    );
    assert_eq!(read(ledger.as_ref(), new.id).await, stored);
}

pub(crate) async fn sixty_four_concurrent_inserts_of_one_unique_key_give_one_job_and_the_key_is_free_after_the_end<
    F: Fixture,
>(
    fixture: F,
) {
    let stores = [fixture.stores().clone(), fixture.again().await];
    for ending in [JobState::Completed, JobState::Discarded, JobState::Cancelled] {
        let mut inserts = JoinSet::new();
        for n in 0..64 {
            let ledger = stores[n % 2].ledger.clone();
            inserts.spawn(async move {
                let new = NewJob {
                    unique_key: Some("user-sync:1".to_owned()),
                    ..job()
                };
                ledger.insert(vec![new]).await.unwrap()[0]
            });
        }
        let answers = inserts.join_all().await;
        let created: Vec<_> = answers
            .iter()
            .filter(|a| matches!(a, Inserted::Created(_)))
            .collect();
        assert_eq!(created.len(), 1, "{ending}");
        let id = created[0].id();
        assert!(
            answers
                .iter()
                .all(|a| matches!(a, Inserted::Created(x) | Inserted::Duplicate(x) if *x == id))
        );
        ended(stores[0].ledger.as_ref(), id, given::settled(ending)).await;
        assert_eq!(read(stores[0].ledger.as_ref(), id).await.unique_key, None);
    }
}

pub(crate) async fn a_batch_is_answered_in_its_order<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let live = given::stored(
        ledger.as_ref(),
        NewJob {
            unique_key: Some("k".to_owned()),
            ..job()
        },
    )
    .await;
    let (plain, twin, late) = (job(), job(), job());
    let same_key = |key: &str| NewJob {
        unique_key: Some(key.to_owned()),
        ..job()
    };
    let first_of_batch = same_key("b");
    let answers = ledger
        .insert(vec![
            plain.clone(),
            same_key("k"),
            twin.clone(),
            twin.clone(),
            first_of_batch.clone(),
            same_key("b"),
            late.clone(),
        ])
        .await
        .unwrap();
    assert_eq!(
        answers,
        [
            Inserted::Created(plain.id),
            Inserted::Duplicate(live),
            Inserted::Created(twin.id),
            Inserted::Repeated(twin.id),
            Inserted::Created(first_of_batch.id),
            Inserted::Duplicate(first_of_batch.id),
            Inserted::Created(late.id),
        ]
    );
    assert_eq!(ledger.insert(Vec::new()).await.unwrap(), []);
}

pub(crate) async fn a_job_for_later_is_scheduled_and_one_for_now_is_available<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let later = ledger.now().await.unwrap() + Duration::from_secs(3_600);
    let id = given::stored(
        ledger.as_ref(),
        NewJob {
            run_at: later,
            ..job()
        },
    )
    .await;
    let found = read(ledger.as_ref(), id).await;
    assert_eq!((found.state, found.run_at), (JobState::Scheduled, later));
    let id = given::stored(
        ledger.as_ref(),
        NewJob {
            run_at: PAST,
            ..job()
        },
    )
    .await;
    assert_eq!(read(ledger.as_ref(), id).await.state, JobState::Available);
}

pub(crate) async fn a_job_for_at_once_is_due_since_it_was_stored<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let new = NewJob {
        run_at: NewJob::AT_ONCE,
        ..job()
    };
    let found = read(ledger.as_ref(), given::stored(ledger.as_ref(), new).await).await;
    assert_eq!(found.state, JobState::Available);
    assert_eq!(
        (found.run_at, found.due_since()),
        (found.inserted_at, found.inserted_at)
    );
}
