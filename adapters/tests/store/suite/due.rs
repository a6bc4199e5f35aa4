//! What the relay asks.

use std::time::Duration;

use rolecall_core::ids::JobId;
use rolecall_core::job::{JobState, Lane, NewJob};
use rolecall_core::pause::Held;
use rolecall_core::ports::{Claim, Ledger};
use rolecall_core::time::Timestamp;

use crate::fixture::Fixture;
use crate::given::{LONG, PAST, claimed, completed, ended, guild, job, read, settled, stored};

/// Ids of due jobs, whenever they were sent.
async fn due(ledger: &dyn Ledger, lane: Lane, limit: usize) -> Vec<JobId> {
    let late = ledger.now().await.unwrap() + LONG;
    let due = ledger.due(lane, late, &[], limit).await.unwrap();
    due.into_iter().map(|d| d.id).collect()
}

pub(crate) async fn what_stands_in_the_way_of_a_job_is_a_running_one_of_its_key_and_what_is_due_before_it<
    F: Fixture,
>(
    fixture: F,
) {
    let ledger = &fixture.stores().ledger;
    let with = |kind: &str, at: i64| NewJob {
        kind: kind.to_owned(),
        concurrency: Some("member:1".to_owned()),
        run_at: Timestamp(at),
        ..job()
    };
    let first = stored(ledger.as_ref(), with("role.add", 1)).await;
    stored(ledger.as_ref(), with("role.add", 2)).await;
    stored(ledger.as_ref(), with("role.remove", 3)).await;
    let last = stored(ledger.as_ref(), with("role.add", 4)).await;
    let later = NewJob {
        lane: Lane::Bulk,
        ..with("role.add", 1)
    };
    stored(ledger.as_ref(), later).await;
    let obstacles = |paused: Vec<Held>| async move {
        let job = read(ledger.as_ref(), last).await;
        let found = ledger.obstacles(&job, &paused).await.unwrap();
        (found.busy_with, found.ahead)
    };
    assert_eq!(obstacles(Vec::new()).await, (None, 3));
    let held = Held {
        kind: Some("role.remove".to_owned()),
        ..Held::default()
    };
    assert_eq!(obstacles(vec![held]).await, (None, 2));
    claimed(ledger.as_ref(), first, LONG).await;
    assert_eq!(obstacles(Vec::new()).await, (Some(first), 2));
    let itself = read(ledger.as_ref(), first).await;
    assert_eq!(ledger.obstacles(&itself, &[]).await.unwrap().busy_with, None);
}

pub(crate) async fn due_jobs_come_in_order_of_time_and_id_within_a_lane<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let later = ledger.now().await.unwrap() + Duration::from_secs(3_600);
    let at = |ms: i64, lane| NewJob {
        run_at: Timestamp(PAST.0 + ms),
        lane,
        ..job()
    };
    let (a, b, c, d) = (
        at(5, Lane::Normal),
        at(5, Lane::Normal),
        at(1, Lane::Normal),
        at(9, Lane::Normal),
    );
    let (bulk, mut interactive) = (at(0, Lane::Bulk), at(0, Lane::Interactive));
    interactive.subject.guild_id = Some(guild(1));
    let (running, done, future) = (
        at(0, Lane::Normal),
        at(0, Lane::Normal),
        NewJob {
            run_at: later,
            ..job()
        },
    );
    let ids: Vec<_> = [&a, &b, &c, &d, &bulk, &interactive, &running, &done]
        .map(|j| j.id)
        .into();
    ledger
        .insert(vec![b, d, running, a, bulk, interactive, done, c, future])
        .await
        .unwrap();
    claimed(ledger.as_ref(), ids[6], LONG).await;
    ended(
        ledger.as_ref(),
        ids[7],
        completed(rolecall_core::outcome::Outcome::unchanged()),
    )
    .await;

    let normal = due(ledger.as_ref(), Lane::Normal, 100).await;
    assert_eq!(normal, [ids[2], ids[0], ids[1], ids[3]]);
    assert_eq!(due(ledger.as_ref(), Lane::Normal, 2).await, [ids[2], ids[0]]);
    assert_eq!(due(ledger.as_ref(), Lane::Bulk, 100).await, [ids[4]]);
    let found = ledger
        .due(Lane::Interactive, ledger.now().await.unwrap(), &[], 100)
        .await
        .unwrap();
    assert_eq!(
        found,
        [rolecall_core::ports::DueJob {
            id: ids[5],
            kind: "role.add".to_owned(),
            guild_id: Some(guild(1)),
            sent_before: false,
        }]
    );
}

pub(crate) async fn a_sent_job_is_not_due_until_it_was_sent_long_ago<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let (sent, unsent, running) = (job(), job(), job());
    let ids = [sent.id, unsent.id, running.id];
    ledger.insert(vec![sent, unsent, running]).await.unwrap();
    claimed(ledger.as_ref(), ids[2], LONG).await;
    let before = ledger.now().await.unwrap();
    ledger.mark_sent(&[ids[0], ids[2]]).await.unwrap();
    ledger.mark_sent(&[]).await.unwrap();

    let sent_at = read(ledger.as_ref(), ids[0]).await.sent_at.expect("a note");
    assert!(before <= sent_at);
    assert_eq!(read(ledger.as_ref(), ids[2]).await.sent_at, None);
    let before = ledger.due(Lane::Normal, before, &[], 100).await.unwrap();
    assert_eq!(before.into_iter().map(|d| d.id).collect::<Vec<_>>(), [ids[1]]);
    let now = ledger.now().await.unwrap() + Duration::from_secs(60);
    let later = ledger.due(Lane::Normal, now, &[], 100).await.unwrap();
    let later: Vec<_> = later.into_iter().map(|d| (d.id, d.sent_before)).collect();
    assert_eq!(later, [(ids[0], true), (ids[1], false)]);
}

pub(crate) async fn a_job_that_is_sent_as_it_is_stored_is_noted_so_until_that_is_taken_back<F: Fixture>(
    fixture: F,
) {
    let ledger = &fixture.stores().ledger;
    let sent = |sent| NewJob { sent, ..job() };
    let (kept, back, running) = (sent(true), sent(true), sent(true));
    let ids = [kept.id, back.id, running.id];
    let before = ledger.now().await.unwrap() - Duration::from_secs(1);
    ledger.insert(vec![kept, back, running]).await.unwrap();
    assert!(read(ledger.as_ref(), ids[0]).await.sent_at.expect("a note") >= before);
    assert_eq!(ledger.due(Lane::Normal, before, &[], 100).await.unwrap(), []);

    claimed(ledger.as_ref(), ids[2], LONG).await;
    let others = [
        read(ledger.as_ref(), ids[0]).await,
        read(ledger.as_ref(), ids[2]).await,
    ];
    ledger.mark_unsent(&ids[1..]).await.unwrap();
    ledger.mark_unsent(&[]).await.unwrap();
    let due = ledger.due(Lane::Normal, before, &[], 100).await.unwrap();
    assert_eq!(due.into_iter().map(|d| d.id).collect::<Vec<_>>(), [ids[1]]);
    assert_eq!(read(ledger.as_ref(), ids[0]).await, others[0]);
    assert_eq!(
        read(ledger.as_ref(), ids[2]).await,
        others[1],
        "it runs, and has no note"
    );
}

pub(crate) async fn a_claim_and_a_settlement_remove_the_note_of_sending<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let id = stored(ledger.as_ref(), job()).await;
    ledger.mark_sent(&[id]).await.unwrap();
    let job = claimed(ledger.as_ref(), id, LONG).await;
    assert_eq!(job.sent_at, None);
    let long_ago = PAST;
    assert!(
        ledger
            .settle(id, job.fence, settled(JobState::Retryable))
            .await
            .unwrap()
    );
    let due = ledger.due(Lane::Normal, long_ago, &[], 100).await.unwrap();
    assert_eq!(due.into_iter().map(|d| d.id).collect::<Vec<_>>(), [id]);
}

pub(crate) async fn a_deferred_job_waits_for_its_new_time<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let (waits, runs, done) = (job(), job(), job());
    let ids = [waits.id, runs.id, done.id];
    ledger.insert(vec![waits, runs, done]).await.unwrap();
    claimed(ledger.as_ref(), ids[1], LONG).await;
    ended(ledger.as_ref(), ids[2], settled(JobState::Cancelled)).await;
    ledger.mark_sent(&[ids[0]]).await.unwrap();

    let until = ledger.now().await.unwrap() + Duration::from_secs(60);
    let others = [
        read(ledger.as_ref(), ids[1]).await,
        read(ledger.as_ref(), ids[2]).await,
    ];
    for id in ids {
        ledger.defer(id, until).await.unwrap();
    }
    let found = read(ledger.as_ref(), ids[0]).await;
    assert!(found.state.is_waiting());
    assert_eq!((found.run_at, found.attempt, found.snoozes), (until, 0, 0));
    assert_eq!(
        found.sent_at, None,
        "it has to be sent again when its time has come"
    );
    assert_eq!(ledger.claim(ids[0], "worker-a", LONG).await.unwrap(), Claim::Gone);
    assert_eq!(due(ledger.as_ref(), Lane::Normal, 100).await, []);
    assert_eq!(read(ledger.as_ref(), ids[1]).await, others[0]);
    assert_eq!(read(ledger.as_ref(), ids[2]).await, others[1]);
}

pub(crate) async fn the_next_due_time_is_that_of_the_first_waiting_job<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    assert_eq!(ledger.next_due(Lane::Bulk).await.unwrap(), None);
    let now = ledger.now().await.unwrap();
    let at = |seconds| NewJob {
        lane: Lane::Bulk,
        run_at: now + Duration::from_secs(seconds),
        ..job()
    };
    ledger.insert(vec![at(300), at(120), at(900)]).await.unwrap();
    assert_eq!(
        ledger.next_due(Lane::Bulk).await.unwrap(),
        Some(now + Duration::from_secs(120))
    );
    assert_eq!(ledger.next_due(Lane::Normal).await.unwrap(), None);
    // A job that is due already is the relay's business now, not a time to wait for.
    let due = stored(ledger.as_ref(), job()).await;
    assert_eq!(ledger.next_due(Lane::Normal).await.unwrap(), None);
    claimed(ledger.as_ref(), due, LONG).await;
    assert_eq!(ledger.next_due(Lane::Normal).await.unwrap(), None);
}
