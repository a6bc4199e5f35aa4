//! Deleting what is older than it has to be.

use std::time::Duration;

use rolecall_core::ids::{JobId, RunId};
use rolecall_core::job::{JobState, NewJob};
use rolecall_core::link::Link;
use rolecall_core::ports::{JobFilter, RunFilter};
use rolecall_core::run::{RunResults, RunState};
use rolecall_core::time::Timestamp;

use crate::fixture::{Fixture, Stores};
use crate::given::{PAST, account, ended, job, link, new_id, read, run, settled, stored, user};

fn later(seconds: u64) -> Timestamp {
    PAST + Duration::from_secs(seconds)
}

/// A job that is in this final state.
async fn over(stores: &Stores, state: JobState, run_id: Option<RunId>) -> JobId {
    let given = NewJob {
        id: new_id(),
        run_id,
        ..job()
    };
    let id = stored(&*stores.ledger, given).await;
    ended(&*stores.ledger, id, settled(state)).await;
    id
}

/// A moment after the end of all jobs, by the store's clock.
async fn soon(stores: &Stores) -> Timestamp {
    stores.ledger.now().await.unwrap() + Duration::from_secs(1)
}

async fn left(stores: &Stores) -> Vec<JobId> {
    let mut all = stores
        .ledger
        .list(&JobFilter::default(), None, 100)
        .await
        .unwrap();
    all.sort_by_key(|job| job.id);
    all.into_iter().map(|job| job.id).collect()
}

pub(crate) async fn jobs_that_ended_long_ago_are_deleted_in_batches_and_others_stay<F: Fixture>(fixture: F) {
    let (stores, retention) = (fixture.stores(), &fixture.stores().retention);
    for _ in 0..3 {
        over(stores, JobState::Completed, None).await;
    }
    let mut wanted = vec![
        over(stores, JobState::Cancelled, None).await,
        over(stores, JobState::Discarded, None).await,
        stored(&*stores.ledger, job()).await,
    ];
    let running = stored(&*stores.ledger, job()).await;
    crate::given::claimed(&*stores.ledger, running, crate::given::LONG).await;
    wanted.push(running);
    wanted.sort();
    let begin = read(&*stores.ledger, wanted[0]).await.inserted_at - Duration::from_secs(3_600);
    let delete = async |state, before, limit| retention.delete_jobs(state, before, limit).await.unwrap();
    // None ended so long ago.
    assert_eq!(delete(JobState::Completed, begin, 9).await, 0);
    let now = soon(stores).await;
    assert_eq!(delete(JobState::Completed, now, 0).await, 0);
    assert_eq!(delete(JobState::Completed, now, 2).await, 2);
    assert_eq!(delete(JobState::Completed, now, 2).await, 1);
    assert_eq!(left(stores).await, wanted);
    // What is not over is never deleted, whatever is asked for.
    for state in JobState::ALL.into_iter().filter(|s| !s.is_final()) {
        assert_eq!(delete(state, now, 9).await, 0);
    }
    assert_eq!(left(stores).await, wanted);
    assert_eq!(delete(JobState::Discarded, now, 9).await, 1);
    assert_eq!(delete(JobState::Cancelled, now, 9).await, 1);
    assert_eq!(left(stores).await.len(), 2);
}

pub(crate) async fn jobs_of_a_running_run_stay<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    let (open, closed) = (run(PAST, Vec::new()), run(PAST, Vec::new()));
    for run in [&open, &closed] {
        stores.runs.insert(run).await.unwrap();
    }
    let results = RunResults::default();
    let close = stores
        .runs
        .close(closed.id, RunState::Completed, &results, later(1));
    assert!(close.await.unwrap());
    let kept = over(stores, JobState::Completed, Some(open.id)).await;
    over(stores, JobState::Completed, Some(closed.id)).await;
    let now = soon(stores).await;
    let deleted = stores.retention.delete_jobs(JobState::Completed, now, 9).await;
    assert_eq!(deleted.unwrap(), 1);
    assert_eq!(left(stores).await, [kept]);
}

pub(crate) async fn runs_that_are_over_are_deleted_and_running_ones_stay<F: Fixture>(fixture: F) {
    let (runs, retention) = (&fixture.stores().runs, &fixture.stores().retention);
    let guilds = vec![crate::given::guild(1)];
    let (open, young) = (run(later(1), guilds.clone()), run(later(9), guilds.clone()));
    let old = [2, 3, 4].map(|seconds| run(later(seconds), guilds.clone()));
    for given in old.iter().chain([&open, &young]) {
        runs.insert(given).await.unwrap();
    }
    let results = RunResults::default();
    for given in old.iter().chain([&young]) {
        let closed = runs.close(given.id, RunState::Held, &results, later(10));
        assert!(closed.await.unwrap());
    }
    assert_eq!(retention.delete_runs(later(2), 9).await.unwrap(), 0);
    assert_eq!(retention.delete_runs(later(9), 2).await.unwrap(), 2);
    assert_eq!(retention.delete_runs(later(9), 2).await.unwrap(), 1);
    assert_eq!(retention.delete_runs(later(9), 2).await.unwrap(), 0);
    let left = runs.list(RunFilter::default(), None, 9).await.unwrap();
    assert_eq!(left.iter().map(|r| r.id).collect::<Vec<_>>(), [young.id, open.id]);
    assert_eq!(runs.count(Some(guilds[0])).await.unwrap(), 2);
}

pub(crate) async fn only_links_that_are_inactive_for_long_are_deleted<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    for (n, is_active, changed) in [(1, false, 1), (2, true, 1), (3, false, 9), (4, false, 2)] {
        let given = Link {
            is_active,
            updated_at: later(changed),
            ..link(n, user(n))
        };
        stores.links.put(&given, None).await.unwrap();
    }
    let delete = async |limit| {
        let deleted = stores.retention.delete_inactive_links(later(9), limit).await;
        let mut deleted = deleted.unwrap();
        deleted.sort();
        deleted
    };
    let first = delete(1).await;
    assert_eq!(first.len(), 1);
    let mut both = [first, delete(9).await].concat();
    both.sort();
    assert_eq!(both, [account(1), account(4)]);
    assert_eq!(delete(9).await, []);
    for (n, is_there) in [(1, false), (2, true), (3, true), (4, false)] {
        let found = stores.links.of_account(account(n)).await.unwrap();
        assert_eq!(found.is_some(), is_there, "{n}");
    }
}
