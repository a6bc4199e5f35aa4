//! Several limiters on one file, as those of several processes: on tokio's clock, against a model of Discord.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TrySendError, sync_channel};
use std::time::Duration;

use rolecall_core::job::Lane;
use rolecall_core::ports::{Answer, Barrier, Keeper, Limiter, Permission, RateHeaders, RateScope};
use tempfile::{TempDir, tempdir};
use tokio::time::{Instant, advance, timeout};

use super::FileLimiter;
use crate::limiter::model::{Kind, Model, job, route};
use crate::limiter::throughput_tests::{all_jobs, unlucky_jobs};
use crate::limiter::{FLIGHT, LimiterSettings};

const NAME: &str = "limits.db";

fn file(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join(NAME)
}

/// The machine's clock goes with tokio's.
fn wall() -> f64 {
    thread_local!(static START: Instant = Instant::now());
    1_800_000_000.0 + START.with(Instant::elapsed).as_secs_f64()
}

fn process(path: &Path, name: &str) -> Arc<dyn Limiter> {
    Arc::new(FileLimiter::with_wall(
        path.to_owned(),
        name,
        LimiterSettings::default(),
        wall,
    ))
}

/// A permit for a caller that does not wait.
async fn go(limiter: &Arc<dyn Limiter>, bucket: &'static str) -> Result<u64, Duration> {
    let route = route(bucket, 1);
    match limiter.acquire(&route, Lane::Normal, None, Duration::ZERO).await {
        Permission::Go { ticket } => Ok(ticket),
        Permission::Wait(wait) => Err(wait),
    }
}

fn limited(scope: RateScope, retry_after: f64) -> Answer {
    Answer::Limited {
        retry_after,
        scope,
        headers: RateHeaders::default(),
    }
}

fn left(limit: u32, remaining: u32) -> Answer {
    Answer::Status {
        status: 204,
        headers: RateHeaders {
            limit: Some(limit),
            remaining: Some(remaining),
            reset_after: Some(10.0),
            ..RateHeaders::default()
        },
    }
}

#[tokio::test(start_paused = true)]
async fn processes_that_share_a_file_never_get_a_429_and_use_nine_tenths_of_the_budget() {
    for (kind, limit, window, many) in [
        (Kind::Fixed, 10, 10.0, 1),
        (Kind::Fixed, 10, 10.0, 3),
        (Kind::Sliding, 10, 10.0, 3),
        // Fewer calls than processes.
        (Kind::Fixed, 2, 4.0, 3),
    ] {
        let folder = tempdir().unwrap();
        let processes: Vec<_> = (0..many)
            .map(|n| process(&file(&folder), &n.to_string()))
            .collect();
        let model = Model::new(kind, limit, window);
        let calls = u64::from(limit) * 20;
        let took = all_jobs(&processes, &model, calls, 3).await;
        let what = format!("{kind:?} {limit}/{window}, {many} processes");
        assert_eq!(model.counts(), (limit * 20, 0), "{what}");
        let share = 19.0 * window / took.as_secs_f64();
        assert!(share > 0.9, "{what}: {share}");
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answers_dropped_callers_and_dead_jobs_of_several_processes_cause_no_429() {
    for (kind, seed) in [(Kind::Fixed, 0), (Kind::Sliding, 1)] {
        let folder = tempdir().unwrap();
        let processes = ["one", "two", "three"].map(|name| process(&file(&folder), name));
        let model = Model::new(kind, 10, 10.0);
        unlucky_jobs(&processes, &model, seed).await;
        let (accepted, rejected) = model.counts();
        assert_eq!(rejected, 0, "{kind:?}: {accepted}");
        assert!(accepted > 150, "{kind:?}: {accepted}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_knows_what_the_one_before_it_was_told() {
    for scope in [
        RateScope::User,
        RateScope::Shared,
        RateScope::Global,
        RateScope::Edge,
    ] {
        let folder = tempdir().unwrap();
        let first = process(&file(&folder), "first");
        let ticket = go(&first, "role-write").await.unwrap();
        first.complete(ticket, &limited(scope, 900.0));
        drop(first);
        advance(Duration::from_secs(100)).await;
        let second = process(&file(&folder), "second");
        let wait = go(&second, "role-write").await.unwrap_err();
        assert!(
            (795.0..=815.0).contains(&wait.as_secs_f64()),
            "{scope:?}: {wait:?}"
        );
        let others_wait = matches!(scope, RateScope::Global | RateScope::Edge);
        assert_eq!(
            go(&second, "member-edit").await.is_err(),
            others_wait,
            "{scope:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn refused_calls_of_a_process_that_ended_still_count() {
    let folder = tempdir().unwrap();
    let refused = Answer::Status {
        status: 401,
        headers: RateHeaders::default(),
    };
    for n in 0..3 {
        let one = process(&file(&folder), &n.to_string());
        let ticket = go(&one, "guild").await.unwrap();
        one.complete(ticket, &refused);
    }
    let told = process(&file(&folder), "reader").budget().await;
    assert_eq!((told.keeper, told.invalid, told.processes), (Keeper::File, 3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_permit_whose_process_died_ends_after_the_longest_call_and_before_the_lease_of_its_job() {
    let folder = tempdir().unwrap();
    let [dead, alive] = ["dead", "alive"].map(|name| process(&file(&folder), name));
    let ticket = go(&dead, "role-write").await.unwrap();
    assert!(go(&alive, "role-write").await.is_err());
    advance(Duration::from_secs(11)).await;
    assert!(go(&alive, "role-write").await.is_err());
    advance(Duration::from_secs(3)).await;
    // Whoever looks at any bucket ends it, so that it does not count among the calls of a second for ever.
    let other = alive
        .acquire(&route("member-edit", 2), Lane::Normal, None, Duration::ZERO)
        .await;
    assert!(matches!(other, Permission::Go { .. }), "{other:?}");
    assert!(go(&alive, "role-write").await.is_ok());
    // It was only asleep: what it was told counts all the same.
    dead.complete(ticket, &limited(RateScope::Global, 60.0));
    let told = alive.budget().await;
    assert_eq!(
        told.stops.first().map(|(barrier, _)| *barrier),
        Some(Barrier::Global)
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_leaves_no_place_behind() {
    let folder = tempdir().unwrap();
    let one = process(&file(&folder), "one");
    let ticket = go(&one, "role-write").await.unwrap();
    one.complete(ticket, &left(10, 0));
    let route = route("role-write", 1);
    for job in [None, job(1)] {
        let asked = one.acquire(&route, Lane::Normal, job, Duration::from_secs(30));
        assert!(timeout(Duration::from_secs(1), asked).await.is_err());
    }
    // One that is told a time stays away without a place, a job keeps its own.
    assert!(go(&one, "role-write").await.is_err());
    assert_eq!(one.budget().await.waiting, []);
    let told = one.acquire(&route, Lane::Normal, job(2), Duration::ZERO).await;
    assert!(matches!(told, Permission::Wait(_)));
    assert_eq!(
        one.budget().await.waiting.first().map(|full| full.places),
        Some(1)
    );
}

#[tokio::test(start_paused = true)]
async fn without_its_file_a_process_goes_on_by_itself_and_tells_what_it_met_when_the_file_is_back() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("away").join(NAME);
    let one = process(&path, "one");
    let ticket = go(&one, "role-write").await.unwrap();
    assert!(
        go(&one, "role-write").await.is_err(),
        "an unknown bucket gets one call"
    );
    assert_eq!(one.budget().await.keeper, Keeper::Process);
    one.complete(ticket, &limited(RateScope::Global, 600.0));
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    advance(Duration::from_secs(2)).await;
    assert!(go(&one, "guild").await.is_err());
    let other = process(&path, "other").budget().await;
    assert_eq!(
        other.stops.first().map(|(barrier, _)| *barrier),
        Some(Barrier::Global)
    );
    assert_eq!(other.keeper, Keeper::File);
}

/// Another process that is at the file nine tenths of the time, and tells each time that it begins.
fn busy(path: &Path) -> Receiver<()> {
    let (path, (begins, begun)) = (path.to_owned(), sync_channel(0));
    std::thread::spawn(move || {
        let db = rusqlite::Connection::open(path).unwrap();
        loop {
            db.execute_batch("BEGIN IMMEDIATE").unwrap();
            match begins.try_send(()) {
                Err(TrySendError::Disconnected(())) => return,
                Ok(()) | Err(TrySendError::Full(())) => std::thread::sleep(Duration::from_millis(9)),
            }
            db.execute_batch("COMMIT").unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    begun
}

#[tokio::test]
async fn whoever_wants_the_file_gets_it_between_two_that_others_want() {
    let folder = tempdir().unwrap();
    let path = file(&folder);
    let one = process(&path, "one");
    assert_eq!(one.budget().await.keeper, Keeper::File);
    let begun = busy(&path);
    for n in 0..50 {
        begun.recv().unwrap();
        assert_eq!(one.budget().await.keeper, Keeper::File, "question {n}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_damaged_or_was_removed_is_made_anew() {
    let folder = tempdir().unwrap();
    let path = file(&folder);
    std::fs::write(
        &path,
        "no database at all, and longer than the header of one: ".repeat(100),
    )
    .unwrap();
    let [one, two] = ["one", "two"].map(|name| process(&path, name));
    for damage in [false, true, true] {
        if damage {
            std::fs::remove_file(&path).unwrap();
            advance(Duration::from_secs(20)).await;
        }
        let ticket = go(&one, "role-write").await.unwrap();
        assert!(
            go(&two, "role-write").await.is_err(),
            "one call until its answer came"
        );
        one.complete(ticket, &left(10, 9));
        let ticket = go(&two, "role-write").await.unwrap();
        two.complete(ticket, &left(10, 8));
        assert_eq!(two.budget().await.keeper, Keeper::File);
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_release_wrote_and_we_cannot_read_is_forgotten_as_a_whole() {
    let folder = tempdir().unwrap();
    let path = file(&folder);
    let one = process(&path, "one");
    let _lost = go(&one, "role-write").await.unwrap();
    let db = rusqlite::Connection::open(&path).unwrap();
    for damage in [
        "UPDATE kept SET body = '{}' WHERE name LIKE 'buckets %'",
        "UPDATE kept SET body = json_set(body, '$.by_group.\"role-write\"', 7) WHERE name LIKE 'buckets %'",
        "UPDATE kept SET body = 'x' WHERE name LIKE 'bot %'",
        "UPDATE kept SET body = '[]' WHERE name = 'address'",
    ] {
        assert_eq!(db.execute(damage, []).unwrap(), 1, "{damage}");
        assert!(go(&one, "role-write").await.is_ok(), "{damage}");
        assert!(go(&one, "role-write").await.is_err(), "{damage}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_file_does_not_grow_with_what_nobody_uses() {
    let folder = tempdir().unwrap();
    let path = file(&folder);
    for guild in 1..=20 {
        let one = process(&path, "one");
        let told = one
            .acquire(&route("role-write", guild), Lane::Normal, None, Duration::ZERO)
            .await;
        let Permission::Go { ticket } = told else {
            panic!("{told:?}")
        };
        one.complete(ticket, &left(10, 9));
        advance(Duration::from_secs_f64(1_000.0 + FLIGHT)).await;
    }
    let db = rusqlite::Connection::open(&path).unwrap();
    let rows: u32 = db
        .query_row("SELECT count(*) FROM kept", [], |row| row.get(0))
        .unwrap();
    assert!(rows <= 8, "{rows} rows");
}
