//! The thread that writes: many calls a commit; and the one that waits for the disk.
//!
//! What a commit costs is mostly the way to the disk, however much is in it. So all calls that wait go into one
//! transaction, and the writer does not wait for the disk: it hands what it committed to a second thread ([`super::disk`])
//! and goes on with the next calls, which then share the next way to the disk. A call that asked for it is answered when its
//! commit is on disk; the others as soon as all connections and processes see it.
//!
//! If one of the calls fails, all are rolled back and run again, each in a savepoint of its own, so that it takes nothing
//! with it: that is rare, and savepoints are not cheap (each keeps a copy of every page that it changes).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rolecall_core::error::StoreError;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::disk::Disk;
use super::errors::Fault;
use super::sql::{Result, change};

/// Calls that share a commit, at most. Another process that wants to write waits for that long: some milliseconds.
const GROUP: usize = 256;
/// Calls that may wait; whoever comes then waits for a place.
const QUEUE: usize = 1_024;

/// When a call is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// When it is on disk.
    OnDisk,
    /// When everybody sees it, and it survives the death of this process. It goes to the disk at once, but nobody waits.
    Written,
}

/// The way to the thread. The thread ends with the last of these.
pub(super) struct Writer {
    calls: mpsc::Sender<Box<dyn Call>>,
    /// Whether the last commit failed.
    failing: Arc<AtomicBool>,
}

impl Writer {
    /// Starts the threads on this connection.
    pub(super) fn start(db: Connection) -> std::io::Result<Self> {
        let disk = Disk::start(&db)?;
        let (calls, waiting) = mpsc::channel(QUEUE);
        let failing = Arc::new(AtomicBool::new(false));
        let fails = Arc::clone(&failing);
        thread::Builder::new()
            .name("rolecall-sqlite".to_owned())
            .spawn(move || work(&db, waiting, &disk, &fails))?;
        Ok(Self { calls, failing })
    }

    /// Whether the last commit failed: the disk is full, or the file may not be written, or is locked.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Runs `work` in a transaction. It may be rolled back and run again before it is answered.
    pub(super) async fn call<T, F>(&self, when: Answer, work: F) -> std::result::Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let call = Pending {
            when,
            work,
            result: None,
            answer,
        };
        let ended = |()| StoreError::unavailable("the thread that writes the data file has ended");
        self.calls.send(Box::new(call)).await.map_err(|_| ended(()))?;
        answered.await.map_err(|_| ended(()))?
    }
}

/// A call, whatever its answer is.
pub(super) trait Call: Send {
    /// Whether it is answered only when it is on disk.
    fn waits_for_disk(&self) -> bool;
    /// Does the work and keeps its result; says whether it went well.
    fn run(&mut self, db: &Connection) -> bool;
    /// Whether the file could not be written, as far as this call knows.
    fn was_refused(&self) -> bool;
    /// Answers, after the commit and the way to the disk (or their failure).
    fn answer(self: Box<Self>, commit: &std::result::Result<(), StoreError>);
}

struct Pending<T, F> {
    when: Answer,
    work: F,
    result: Option<std::result::Result<T, StoreError>>,
    answer: oneshot::Sender<std::result::Result<T, StoreError>>,
}

impl<T, F> Call for Pending<T, F>
where
    T: Send,
    F: Fn(&Connection) -> Result<T> + Send,
{
    fn waits_for_disk(&self) -> bool {
        self.when == Answer::OnDisk
    }

    fn run(&mut self, db: &Connection) -> bool {
        // A panic must not end the thread: all writes of the process would end with it.
        let result = catch_unwind(AssertUnwindSafe(|| (self.work)(db)))
            .unwrap_or_else(|_| Err(Fault::unreadable("a write panicked; see the log")))
            .map_err(StoreError::from);
        let well = result.is_ok();
        self.result = Some(result);
        well
    }

    fn was_refused(&self) -> bool {
        matches!(self.result, Some(Err(StoreError::Unavailable(_))))
    }

    fn answer(self: Box<Self>, commit: &std::result::Result<(), StoreError>) {
        let answer = match (self.result, commit) {
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(error.clone()),
            (None, Ok(())) => Err(StoreError::unavailable("the write was not tried")),
        };
        // Whoever asked may have gone; the write stands.
        let _ = self.answer.send(answer);
    }
}

fn work(db: &Connection, mut waiting: mpsc::Receiver<Box<dyn Call>>, disk: &Disk, failing: &AtomicBool) {
    let mut group = Vec::with_capacity(GROUP);
    while waiting.blocking_recv_many(&mut group, GROUP) > 0 {
        tracing::trace!(calls = group.len(), "a commit");
        let commit = commit(db, &mut group);
        // A call that the disk refused fails alone, before the commit; its own error says so.
        let refused = commit.is_err() || group.iter().any(|call| call.was_refused());
        failing.store(refused, Ordering::Relaxed);
        let mut for_disk = Vec::new();
        for call in group.drain(..) {
            if commit.is_ok() && call.waits_for_disk() {
                for_disk.push(call);
            } else {
                call.answer(&commit);
            }
        }
        if commit.is_ok() {
            disk.take(for_disk);
        }
    }
}

/// Runs all calls in one transaction.
fn commit(db: &Connection, group: &mut [Box<dyn Call>]) -> std::result::Result<(), StoreError> {
    let tx = begin(db)?;
    if group.iter_mut().all(|call| call.run(&tx)) {
        return Ok(tx.commit().map_err(Fault::from)?);
    }
    drop(tx);
    let tx = begin(db)?;
    for call in group {
        change(&tx, "SAVEPOINT call", [])?;
        if !call.run(&tx) {
            if tx.is_autocommit() {
                // A disk that is full or fails makes SQLite roll back everything at once.
                return Err(StoreError::unavailable(
                    "the disk refused a write that shared a commit with this one",
                ));
            }
            change(&tx, "ROLLBACK TO call", [])?;
        }
        change(&tx, "RELEASE call", [])?;
    }
    Ok(tx.commit().map_err(Fault::from)?)
}

/// Dropping it rolls back.
fn begin(db: &Connection) -> Result<Transaction<'_>> {
    Ok(Transaction::new_unchecked(db, TransactionBehavior::Immediate)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started() -> (tempfile::TempDir, Writer) {
        let folder = tempfile::tempdir().unwrap();
        let db = Connection::open(folder.path().join("test.db")).unwrap();
        db.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t (x TEXT UNIQUE)")
            .unwrap();
        (folder, Writer::start(db).unwrap())
    }

    async fn insert(writer: &Writer, text: String) -> std::result::Result<usize, StoreError> {
        writer
            .call(Answer::OnDisk, move |db| {
                change(db, "INSERT INTO t VALUES (?1)", [&text])
            })
            .await
    }

    #[tokio::test]
    async fn a_full_disk_is_told_and_the_writer_goes_on_when_there_is_room() {
        let (_folder, writer) = started();
        let pages = |n: i64| {
            writer.call(Answer::OnDisk, move |db| {
                Ok(db.query_row(&format!("PRAGMA max_page_count={n}"), [], |_| Ok(()))?)
            })
        };
        pages(20).await.unwrap();
        let error = insert(&writer, "x".repeat(1_000_000)).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Unavailable(why) if why.contains("full")),
            "{error}"
        );
        insert(&writer, "small".to_owned()).await.unwrap();
        pages(10_000).await.unwrap();
        insert(&writer, "y".repeat(1_000_000)).await.unwrap();
    }

    #[tokio::test]
    async fn calls_share_a_commit_and_one_that_fails_or_panics_takes_no_other_with_it() {
        let (_folder, writer) = started();
        // Keeps the thread busy, so that the others have to wait and make a group.
        let busy = writer.call(Answer::OnDisk, |_| {
            thread::sleep(std::time::Duration::from_millis(100));
            Ok(())
        });
        let half = writer.call(Answer::OnDisk, |db| {
            change(db, "INSERT INTO t VALUES ('half')", [])?;
            change(db, "INSERT INTO t VALUES ('half')", [])
        });
        let panics = writer.call(Answer::OnDisk, |db| -> Result<()> {
            change(db, "INSERT INTO t VALUES ('panic')", [])?;
            panic!("on purpose")
        });
        let (_, a, half, panics, b) = tokio::join!(
            busy,
            insert(&writer, "a".to_owned()),
            half,
            panics,
            insert(&writer, "b".to_owned())
        );
        assert_eq!((a, b), (Ok(1), Ok(1)));
        assert!(half.is_err() && panics.is_err());
        let stored = writer
            .call(Answer::OnDisk, |db| {
                crate::store::sqlite::sql::all(db, "SELECT x FROM t ORDER BY x", [], |row| {
                    Ok(row.get::<_, String>(0)?)
                })
            })
            .await;
        assert_eq!(stored.unwrap(), ["a", "b"]);
    }
}
