//! Jobs whose worker died.

use rolecall_core::ids::JobId;
use rolecall_core::job::{Inserted, JobState, Lane, NewJob};
use rolecall_core::ports::{Ledger, Rescued};
use tokio::task::JoinSet;

use crate::fixture::Fixture;
use crate::given::{LONG, SHORT, claimed, eventually, job, new_run, read, settled, stored};

/// Claims the job for a short time, lets the lease end, and rescues.
async fn crash<F: Fixture>(fixture: &F, id: JobId) -> Rescued {
    let ledger = &fixture.stores().ledger;
    claimed(ledger.as_ref(), id, SHORT).await;
    fixture.pass(SHORT * 2).await;
    rescued(ledger.as_ref()).await
}

async fn rescued(ledger: &dyn Ledger) -> Rescued {
    eventually(|| async {
        let mut found = ledger.rescue(3, 100).await.unwrap();
        assert!(found.len() <= 1);
        found.pop()
    })
    .await
}

pub(crate) async fn a_job_whose_lease_ended_is_available_again_and_counts_a_crash<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let run = new_run();
    let id = stored(
        ledger.as_ref(),
        NewJob {
            run_id: Some(run),
            unique_key: Some("u".to_owned()),
            concurrency: Some("c".to_owned()),
            ..job()
        },
    )
    .await;
    let rescued = crash(&fixture, id).await;
    assert_eq!(
        rescued,
        Rescued {
            id,
            kind: "role.add".to_owned(),
            lane: Lane::Normal,
            run_id: Some(run),
            state: JobState::Available,
            crashes: 1,
        }
    );
    let found = read(ledger.as_ref(), id).await;
    assert_eq!(
        (found.state, found.crashes, found.attempt),
        (JobState::Available, 1, 1)
    );
    assert_eq!((found.lease, found.finished_at), (None, None));
    assert_eq!(found.unique_key.as_deref(), Some("u"));
    let crashed = &found.attempts[0];
    assert_eq!(
        (crashed.number, crashed.worker.as_str(), crashed.result.as_str()),
        (1, "worker-a", "crashed")
    );
    assert!(found.inserted_at <= crashed.started_at && crashed.started_at < crashed.ended_at);

    // Its concurrency key is free, and it can be claimed at once.
    let again = claimed(ledger.as_ref(), id, LONG).await;
    assert_eq!((again.attempt, again.fence), (2, 2));
    assert_eq!(ledger.rescue(3, 100).await.unwrap(), []);
}

pub(crate) async fn a_held_lease_is_not_rescued<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let (held, lost) = (job(), job());
    let ids = [held.id, lost.id];
    ledger.insert(vec![held, lost]).await.unwrap();
    claimed(ledger.as_ref(), ids[0], LONG).await;
    let rescued = crash(&fixture, ids[1]).await;
    assert_eq!(rescued.id, ids[1]);
    assert_eq!(read(ledger.as_ref(), ids[0]).await.state, JobState::Running);
}

pub(crate) async fn three_crashes_quarantine<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let unique = || NewJob {
        unique_key: Some("u".to_owned()),
        ..job()
    };
    let id = stored(ledger.as_ref(), unique()).await;
    for crashes in 1..=2 {
        let rescued = crash(&fixture, id).await;
        assert_eq!((rescued.state, rescued.crashes), (JobState::Available, crashes));
    }
    let rescued = crash(&fixture, id).await;
    assert_eq!((rescued.state, rescued.crashes), (JobState::Discarded, 3));

    let found = read(ledger.as_ref(), id).await;
    assert_eq!(
        (found.state, found.crashes, found.unique_key, found.lease),
        (JobState::Discarded, 3, None, None)
    );
    assert_eq!(found.fingerprint.as_deref(), Some("role.add|quarantined"));
    assert!(found.finished_at.is_some());
    let results: Vec<_> = found.attempts.iter().map(|a| a.result.as_str()).collect();
    assert_eq!(results, ["crashed"; 3]);
    assert!(found.attempts[2].message.is_some());
    let next = unique();
    assert_eq!(
        ledger.insert(vec![next.clone()]).await.unwrap(),
        [Inserted::Created(next.id)]
    );
}

pub(crate) async fn a_rescued_job_ignores_its_old_holder<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let id = stored(ledger.as_ref(), job()).await;
    crash(&fixture, id).await;
    let waiting = read(ledger.as_ref(), id).await;
    assert_eq!(ledger.renew("worker-a", &[(id, 1)], LONG).await.unwrap(), []);
    assert!(!ledger.settle(id, 1, settled(JobState::Completed)).await.unwrap());
    assert_eq!(read(ledger.as_ref(), id).await, waiting);
}

pub(crate) async fn concurrent_rescuers_count_one_crash<F: Fixture>(fixture: F) {
    let stores = [fixture.stores().clone(), fixture.again().await];
    let jobs: Vec<NewJob> = (0..5).map(|_| job()).collect();
    let ids: Vec<_> = jobs.iter().map(|j| j.id).collect();
    stores[0].ledger.insert(jobs).await.unwrap();
    for id in &ids {
        claimed(stores[0].ledger.as_ref(), *id, SHORT).await;
    }
    fixture.pass(SHORT * 2).await;
    let mut rescuers = JoinSet::new();
    for n in 0..8 {
        let ledger = stores[n % 2].ledger.clone();
        rescuers.spawn(async move { ledger.rescue(3, 100).await.unwrap().len() });
    }
    let mut rescued: usize = rescuers.join_all().await.into_iter().sum();
    while rescued < ids.len() {
        rescued += eventually(|| async {
            let found = stores[0].ledger.rescue(3, 100).await.unwrap().len();
            (found > 0).then_some(found)
        })
        .await;
    }
    assert_eq!(rescued, ids.len());
    for id in ids {
        let found = read(stores[1].ledger.as_ref(), id).await;
        assert_eq!((found.crashes, found.attempts.len()), (1, 1));
    }
}
