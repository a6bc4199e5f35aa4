//! Taking jobs.

use std::collections::BTreeSet;
use std::time::Duration;

use rolecall_core::job::{JobState, NewJob};
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{Claim, Settlement};
use tokio::task::JoinSet;

use crate::fixture::Fixture;
use crate::given::{LONG, SHORT, claimed, completed, ended, eventually, job, new_id, read, settled, stored};

pub(crate) async fn a_claim_gives_a_lease_an_attempt_and_a_fence<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let id = stored(ledger.as_ref(), job()).await;
    let before = ledger.now().await.unwrap();
    let job = claimed(ledger.as_ref(), id, LONG).await;
    let after = ledger.now().await.unwrap();
    assert_eq!((job.state, job.attempt, job.fence), (JobState::Running, 1, 1));
    let lease = job.lease.clone().expect("a lease");
    assert_eq!(lease.owner, "worker-a");
    let since = lease.since.expect("a beginning");
    assert!(before <= since && since <= after, "{since}");
    assert!(before + LONG <= lease.until && lease.until <= after + LONG);
    assert_eq!(read(ledger.as_ref(), id).await, job);
}

pub(crate) async fn sixteen_concurrent_claimers_never_run_one_job_twice<F: Fixture>(fixture: F) {
    let stores = [fixture.stores().clone(), fixture.again().await];
    let jobs: Vec<NewJob> = (0..25).map(|_| job()).collect();
    let ids: Vec<_> = jobs.iter().map(|j| j.id).collect();
    stores[0].ledger.insert(jobs).await.unwrap();

    let mut claimers = JoinSet::new();
    for n in 0..16 {
        let (ledger, ids) = (stores[n % 2].ledger.clone(), ids.clone());
        claimers.spawn(async move {
            let mut mine = Vec::new();
            for id in ids {
                match ledger.claim(id, &format!("worker-{n}"), LONG).await.unwrap() {
                    Claim::Claimed(job) => {
                        assert_eq!((job.attempt, job.fence), (1, 1));
                        mine.push(id);
                    }
                    other => assert_eq!(other, Claim::Gone),
                }
            }
            mine
        });
    }
    let won: Vec<_> = claimers.join_all().await.concat();
    assert_eq!(won.len(), ids.len());
    assert_eq!(
        won.into_iter().collect::<BTreeSet<_>>(),
        ids.into_iter().collect()
    );
}

pub(crate) async fn what_is_not_there_to_be_claimed_is_gone<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let later = ledger.now().await.unwrap() + Duration::from_secs(3_600);
    let not_due = stored(
        ledger.as_ref(),
        NewJob {
            run_at: later,
            ..job()
        },
    )
    .await;
    let running = stored(ledger.as_ref(), job()).await;
    claimed(ledger.as_ref(), running, LONG).await;
    let done = stored(ledger.as_ref(), job()).await;
    ended(ledger.as_ref(), done, completed(Outcome::unchanged())).await;
    for id in [not_due, running, done, new_id()] {
        let before = ledger.get(id).await.unwrap();
        assert_eq!(ledger.claim(id, "worker-b", LONG).await.unwrap(), Claim::Gone);
        assert_eq!(ledger.get(id).await.unwrap(), before);
    }
}

pub(crate) async fn only_one_running_job_per_concurrency_key<F: Fixture>(fixture: F) {
    let ledger = fixture.stores().ledger.clone();
    let jobs: Vec<NewJob> = (0..8)
        .map(|_| NewJob {
            concurrency: Some("member:1:2".to_owned()),
            ..job()
        })
        .collect();
    let ids: Vec<_> = jobs.iter().map(|j| j.id).collect();
    ledger.insert(jobs).await.unwrap();

    let mut claims = JoinSet::new();
    for id in ids.clone() {
        let ledger = ledger.clone();
        claims.spawn(async move { ledger.claim(id, "worker", LONG).await.unwrap() });
    }
    let answers = claims.join_all().await;
    let winners: Vec<_> = answers
        .iter()
        .filter_map(|a| match a {
            Claim::Claimed(job) => Some((job.id, job.fence)),
            Claim::Busy | Claim::Gone | Claim::Suspect(_) => None,
        })
        .collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(answers.iter().filter(|a| **a == Claim::Busy).count(), 7);
    let (winner, fence) = winners[0];
    let loser = ids.into_iter().find(|id| *id != winner).unwrap();
    let waiting = read(ledger.as_ref(), loser).await;
    assert_eq!(
        (waiting.state, waiting.attempt, waiting.fence),
        (JobState::Available, 0, 0)
    );

    // The key is free again after any settlement, a retry's included.
    assert!(
        ledger
            .settle(winner, fence, settled(JobState::Retryable))
            .await
            .unwrap()
    );
    claimed(ledger.as_ref(), loser, LONG).await;
    assert_eq!(ledger.claim(winner, "worker", LONG).await.unwrap(), Claim::Busy);
}

pub(crate) async fn a_renewed_lease_is_held_and_a_foreign_one_is_not<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let (mine, old_fence, foreign, settled_one) = (job(), job(), job(), job());
    let ids = [mine.id, old_fence.id, foreign.id, settled_one.id];
    ledger
        .insert(vec![mine, old_fence, foreign, settled_one])
        .await
        .unwrap();
    for id in [ids[0], ids[1]] {
        claimed(ledger.as_ref(), id, Duration::from_secs(60)).await;
    }
    ledger.claim(ids[2], "worker-b", LONG).await.unwrap();
    ended(ledger.as_ref(), ids[3], settled(JobState::Completed)).await;

    let renewed = ledger
        .renew(
            "worker-a",
            &[(ids[0], 1), (ids[1], 0), (ids[2], 1), (ids[3], 1), (new_id(), 1)],
            LONG,
        )
        .await
        .unwrap();
    let renewed: Vec<_> = renewed.into_iter().map(|r| (r.id, r.cancel_asked)).collect();
    assert_eq!(renewed, [(ids[0], false)]);
    let now = ledger.now().await.unwrap();
    let until = |job: rolecall_core::job::Job| job.lease.unwrap().until;
    assert!(until(read(ledger.as_ref(), ids[0]).await) > now + Duration::from_secs(300));
    assert!(until(read(ledger.as_ref(), ids[1]).await) < now + Duration::from_secs(300));
    assert_eq!(ledger.renew("worker-a", &[], LONG).await.unwrap(), []);
}

pub(crate) async fn a_suspect_is_not_claimed_by_who_wants_none<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let id = stored(ledger.as_ref(), job()).await;
    claimed(ledger.as_ref(), id, SHORT).await;
    fixture.pass(SHORT * 2).await;
    eventually(|| async { ledger.rescue(3, 100).await.unwrap().pop() }).await;
    let before = read(ledger.as_ref(), id).await;
    let claim = |most| ledger.claim_within(id, "worker-b", LONG, most);
    assert_eq!(claim(0).await.unwrap(), Claim::Suspect(1));
    assert_eq!(read(ledger.as_ref(), id).await, before);
    let Claim::Claimed(job) = claim(1).await.unwrap() else {
        panic!("it was not claimed")
    };
    assert_eq!((job.attempt, job.fence, job.crashes), (2, 2, 1));
    assert_eq!(claim(0).await.unwrap(), Claim::Gone, "it runs");
    // A suspect that is not due is no suspect yet.
    let later = Settlement {
        run_at: Some(ledger.now().await.unwrap() + LONG),
        ..settled(JobState::Retryable)
    };
    assert!(ledger.settle(id, 2, later).await.unwrap());
    assert_eq!(claim(0).await.unwrap(), Claim::Gone);
}
