//! Files that cannot be opened say why, and what to do.

use std::path::Path;

use rolecall_adapters::store::sqlite::{OpenError, SqliteStore};
use rolecall_core::ports::{Ledger, StoreHealth};
use rusqlite::Connection;

use crate::fixture::Fixture;
use crate::given::{job, stored};
use crate::sqlite::Sqlite;

fn refused(path: &Path) -> OpenError {
    SqliteStore::open(path).unwrap_err()
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let error = refused(&missing.join("rolecall.db"));
    assert_eq!(error, OpenError::NoFolder(missing.clone()));
    assert!(error.to_string().contains(missing.to_str().unwrap()));
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_folder_in_the_place_of_the_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        refused(folder.path()),
        OpenError::NotAFile(folder.path().to_owned())
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_folder_in_which_nobody_can_write_is_named() {
    // Not even root can make a file there.
    let path = Path::new("/proc/rolecall.db");
    assert_eq!(refused(path), OpenError::NotWritable(path.to_owned()));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rolecall.db");
    let text = "this is a letter, and not a database\n".repeat(100);
    std::fs::write(&path, &text).unwrap();
    assert_eq!(refused(&path), OpenError::NotADatabase(path.clone()));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn the_database_of_another_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rolecall.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    drop(other);
    let before = std::fs::read(&path).unwrap();
    assert_eq!(refused(&path), OpenError::Foreign(path.clone()));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let fixture = Sqlite::fresh().await.unwrap();
    stored(&fixture.store, job()).await;
    let path = fixture.path();
    let copy = fixture.folder.path().join("copy.db");
    drop(fixture.store.clone());
    checkpointed(&path);
    let mut bytes = std::fs::read(&path).unwrap();
    // The schema's page, behind the file's own header.
    bytes[100..1_000].fill(0x5a);
    std::fs::write(&copy, bytes).unwrap();
    match refused(&copy) {
        OpenError::Damaged { path, .. } => assert_eq!(path, copy),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn damage_within_the_file_is_found_by_the_check() {
    let fixture = Sqlite::fresh().await.unwrap();
    for _ in 0..200 {
        stored(&fixture.store, job()).await;
    }
    assert_eq!(fixture.store.check().await.unwrap(), Vec::<String>::new());
    checkpointed(&fixture.path());
    let copy = fixture.folder.path().join("copy.db");
    let mut bytes = std::fs::read(fixture.path()).unwrap();
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    bytes[middle..middle + 4_096].fill(0x5a);
    std::fs::write(&copy, bytes).unwrap();
    let damaged = SqliteStore::open(&copy).unwrap();
    // Found, or so bad that even the check cannot go on.
    assert!(damaged.check().await.map_or(true, |found| !found.is_empty()));
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    let fixture = Sqlite::fresh().await.unwrap();
    let (_, known) = fixture.store.describe().await.unwrap().pop().unwrap();
    let newer = Connection::open(fixture.path()).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    let error = refused(&fixture.path());
    assert_eq!(
        error,
        OpenError::Newer {
            path: fixture.path(),
            found: 99,
            known: known.parse().unwrap(),
        }
    );
    assert!(error.to_string().contains("newer"));
    let warnings = fixture.store.prepare().await.unwrap();
    assert_eq!(warnings.len(), 1);
}

#[tokio::test]
async fn a_file_that_another_process_locks_is_named_as_locked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rolecall.db");
    drop(SqliteStore::open(&path).unwrap());
    let other = lock_for_good(&path);
    let opened = path.clone();
    let error = tokio::task::spawn_blocking(move || refused(&opened))
        .await
        .unwrap();
    assert_eq!(error, OpenError::Locked(path.clone()));
    drop(other);
    SqliteStore::open(&path).unwrap();
}

/// A connection that keeps everybody else out.
fn lock_for_good(path: &Path) -> Connection {
    let db = Connection::open(path).unwrap();
    // Another handle of the store may still be closing.
    for _ in 0..200 {
        let locked = db.execute_batch(
            "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE rolecall_jobs SET state = state; COMMIT;",
        );
        match locked {
            Ok(()) => return db,
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    }
    panic!("the file could not be locked");
}

/// Moves what is in the write-ahead log into the file itself.
fn checkpointed(path: &Path) {
    let db = Connection::open(path).unwrap();
    let busy: i64 = db
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(busy, 0);
}

#[tokio::test]
async fn eight_stores_that_open_a_new_file_at_once_all_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rolecall.db");
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || SqliteStore::open(&path).unwrap())
        })
        .collect();
    let stores: Vec<_> = opening.into_iter().map(|o| o.join().unwrap()).collect();
    for store in &stores {
        stored(store, job()).await;
    }
    let all = rolecall_core::ports::JobFilter::default();
    assert_eq!(Ledger::list(&stores[7], &all, None, 100).await.unwrap().len(), 8);
}
