//! What a file has to bear: being killed, being shared, being locked, being big.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rolecall_adapters::store::sqlite::SqliteStore;
use rolecall_core::error::StoreError;
use rolecall_core::ids::JobId;
use rolecall_core::job::{JobState, NewJob};
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{Claim, Directory, Import, ImportRow, JobFilter, Ledger};
use rusqlite::Connection;
use tokio::task::JoinSet;

use crate::fixture::Fixture;
use crate::given::{LONG, completed, job, new_run, read, stored, user};
use crate::sqlite::Sqlite;

/// Copies what is on the disk while the store is open: what a killed process leaves behind.
fn killed(path: &Path, name: &str) -> PathBuf {
    let copy = path.with_file_name(name);
    let log = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    std::fs::copy(path, &copy).unwrap();
    std::fs::copy(log(path), log(&copy)).unwrap();
    copy
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_kill() {
    let fixture = Sqlite::fresh().await.unwrap();
    let mut answered = Vec::new();
    for _ in 0..50 {
        answered.push(stored(&fixture.store, job()).await);
    }
    let store = SqliteStore::open(&killed(&fixture.path(), "killed.db")).unwrap();
    for id in answered {
        assert_eq!(read(&store, id).await.state, JobState::Available);
    }
}

#[tokio::test]
async fn a_half_written_commit_is_as_if_it_had_not_been() {
    let fixture = Sqlite::fresh().await.unwrap();
    let before = stored(&fixture.store, job()).await;
    let log = std::fs::metadata(format!("{}-wal", fixture.path().display()))
        .unwrap()
        .len();
    let last = fixture
        .store
        .insert((0..100).map(|_| job()).collect())
        .await
        .unwrap();

    let copy = killed(&fixture.path(), "torn.db");
    let torn = std::fs::OpenOptions::new()
        .write(true)
        .open(format!("{}-wal", copy.display()))
        .unwrap();
    let whole = torn.metadata().unwrap().len();
    torn.set_len(log + (whole - log) / 2).unwrap();
    let store = SqliteStore::open(&copy).unwrap();
    assert_eq!(read(&store, before).await.state, JobState::Available);
    for inserted in last {
        assert_eq!(store.get(inserted.id()).await.unwrap(), None);
    }
    assert_eq!(store.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_on_one_file_share_the_work() {
    let fixture = Sqlite::fresh().await.unwrap();
    let stores = [fixture.store.clone(), SqliteStore::open(&fixture.path()).unwrap()];
    let mut workers = JoinSet::new();
    for n in 0..16 {
        let store = stores[n % 2].clone();
        workers.spawn(async move {
            for _ in 0..40 {
                let id = stored(&store, job()).await;
                let Claim::Claimed(job) = store.claim(id, "worker", LONG).await.unwrap() else {
                    panic!("{id} was not claimed");
                };
                let outcome = completed(Outcome::unchanged());
                assert!(store.settle(id, job.fence, outcome).await.unwrap());
            }
        });
    }
    workers.join_all().await;
    for store in stores {
        let counts = store.counts(&JobFilter::default()).await.unwrap();
        assert_eq!(counts, [(JobState::Completed, 640)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_lasts_too_long_is_an_error_and_the_writer_goes_on_afterwards() {
    let fixture = Sqlite::fresh().await.unwrap();
    let id = stored(&fixture.store, job()).await;
    let other = Connection::open(fixture.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = fixture.store.insert(vec![job()]).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Unavailable(why) if why.contains("another process")),
        "{error}"
    );
    // Reading needs no lock.
    read(&fixture.store, id).await;
    other.execute_batch("COMMIT").unwrap();
    stored(&fixture.store, job()).await;
}

#[tokio::test]
async fn a_job_that_cannot_be_read_is_an_error_and_takes_no_other_with_it() {
    let fixture = Sqlite::fresh().await.unwrap();
    let (bad, good) = (
        stored(&fixture.store, job()).await,
        stored(&fixture.store, job()).await,
    );
    let db = Connection::open(fixture.path()).unwrap();
    db.execute(
        "UPDATE rolecall_jobs SET attempts = '{' WHERE id = ?1",
        [bad.to_string()],
    )
    .unwrap();
    let (bad_claim, good_claim) = tokio::join!(
        fixture.store.claim(bad, "worker", LONG),
        fixture.store.claim(good, "worker", LONG)
    );
    assert!(matches!(bad_claim.unwrap_err(), StoreError::Corrupt(_)));
    assert!(matches!(good_claim.unwrap(), Claim::Claimed(_)));
    let (state, attempt): (String, i64) = db
        .query_row(
            "SELECT state, attempt FROM rolecall_jobs WHERE id = ?1",
            [bad.to_string()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!((state.as_str(), attempt), ("available", 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_jobs_are_claimed_once_each_by_sixteen_claimers() {
    let fixture = Sqlite::fresh().await.unwrap();
    let run = new_run();
    let mut ids = Vec::new();
    for _ in 0..10 {
        let jobs: Vec<NewJob> = (0..1_000)
            .map(|_| NewJob {
                run_id: Some(run),
                ..job()
            })
            .collect();
        ids.extend(jobs.iter().map(|j| j.id));
        fixture.store.insert(jobs).await.unwrap();
    }
    let mut claimers = JoinSet::new();
    for n in 0..16_usize {
        // Each job is tried by two.
        let mine: Vec<JobId> = ids.iter().skip(n / 2).step_by(8).copied().collect();
        let store = fixture.store.clone();
        claimers.spawn(async move {
            let mut won = 0;
            for id in mine {
                let claim = store.claim(id, "worker", LONG).await.unwrap();
                won += usize::from(matches!(claim, Claim::Claimed(_)));
            }
            won
        });
    }
    let won: usize = claimers.join_all().await.into_iter().sum();
    assert_eq!(won, ids.len());
    let tally = fixture.store.tally(run).await.unwrap();
    assert_eq!(tally.iter().map(|l| l.jobs).sum::<u64>(), 10_000);
}

#[tokio::test]
async fn a_hundred_thousand_users_are_imported_and_read_in_seconds() {
    let fixture = Sqlite::fresh().await.unwrap();
    let rows: Vec<ImportRow> = (0..100_000)
        .map(|n| ImportRow {
            user_id: user(n),
            name: format!("User {n}"),
            groups: vec!["Members".to_owned(), format!("Squad {}", n % 100)],
            discord_id: None,
        })
        .collect();
    let begin = Instant::now();
    let report = fixture.store.import(&rows, false).await.unwrap().unwrap();
    assert_eq!((report.users_added, report.groups_added), (100_000, 101));
    let users: Vec<_> = rows.iter().map(|r| r.user_id.clone()).collect();
    assert_eq!(fixture.store.groups_of(&users).await.unwrap().len(), 100_000);
    // Far from a promise, so that a busy machine does not fail it.
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_payload_that_is_no_json_can_be_claimed_so_that_its_job_can_end() {
    let fixture = Sqlite::fresh().await.unwrap();
    let db = Connection::open(fixture.path()).unwrap();
    for broken in ["'{{{'", "''", "CAST(x'7bff' AS TEXT)"] {
        let id = stored(&fixture.store, job()).await;
        let sql = format!("UPDATE rolecall_jobs SET payload = {broken} WHERE id = ?1");
        db.execute(&sql, [id.to_string()]).unwrap();
        let Claim::Claimed(job) = fixture.store.claim(id, "worker", LONG).await.unwrap() else {
            panic!("{broken} was not claimed")
        };
        assert!(job.payload.is_string(), "{broken}: {}", job.payload);
    }
}
