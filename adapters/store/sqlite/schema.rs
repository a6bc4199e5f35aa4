//! The tables, and how a file gets them.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::audit;
use super::errors::{Fault, OpenError};
use super::sql::Result;
use super::wal;

/// How long a call waits for another process to let go of the file.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Marks the file as ours (`PRAGMA application_id`): "role".
const APPLICATION: i64 = 0x726f_6c65;

/// Statements that bring a file from version n to n + 1. Released ones never change; new ones are added at the end.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/1.sql"),
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
    include_str!("migrations/4.sql"),
    include_str!("migrations/5.sql"),
    include_str!("migrations/6.sql"),
    include_str!("migrations/7.sql"),
    include_str!("migrations/8.sql"),
    include_str!("migrations/9.sql"),
    include_str!("migrations/10.sql"),
    include_str!("migrations/11.sql"),
    include_str!("migrations/12.sql"),
    include_str!("migrations/13.sql"),
    include_str!("migrations/14.sql"),
    include_str!("migrations/15.sql"),
    include_str!("migrations/16.sql"),
];

/// The version that this program writes.
pub(super) fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Opens the file for writing, and brings it to the newest version.
pub(super) fn open(path: &Path) -> std::result::Result<Connection, OpenError> {
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|f| !f.is_dir()) {
        return Err(OpenError::NoFolder(folder.to_owned()));
    }
    if path.exists() && !path.is_file() {
        return Err(OpenError::NotAFile(path.to_owned()));
    }
    let lost = wal::lost_commits(path);
    if lost > 0 {
        return Err(OpenError::DamagedLog {
            path: path.to_owned(),
            commits: lost,
        });
    }
    let begin = Instant::now();
    loop {
        match try_open(path) {
            // Switching a new file to WAL does not wait for its lock, so two processes that start together need this.
            Err(OpenError::Locked(_)) if begin.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(50));
            }
            done => return done,
        }
    }
}

fn try_open(path: &Path) -> std::result::Result<Connection, OpenError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let wrong = |fault: Fault| OpenError::of(path, fault);
    let mut db = Connection::open_with_flags(path, flags).map_err(|e| wrong(e.into()))?;
    if db.is_readonly("main").map_err(|e| wrong(e.into()))? {
        return Err(OpenError::NotWritable(path.to_owned()));
    }
    settings(&db).map_err(wrong)?;
    let found = version(&db).map_err(wrong)?;
    if found > newest() {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known: newest(),
        });
    }
    if is_foreign(&db).map_err(wrong)? {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    let mode: String = db
        .query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))
        .map_err(|e| wrong(e.into()))?;
    if mode != "wal" {
        return Err(OpenError::Other {
            path: path.to_owned(),
            reason: format!("its disk does not allow a write-ahead log (mode {mode}); use a local disk"),
        });
    }
    migrate(&mut db).map_err(wrong)?;
    Ok(db)
}

/// What each connection sets.
pub(super) fn settings(db: &Connection) -> Result<()> {
    db.busy_timeout(PATIENCE)?;
    db.set_prepared_statement_cache_capacity(64);
    db.execute_batch("PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-8000;")?;
    Ok(())
}

/// The file's version; 0 for a new one.
pub(super) fn version(db: &Connection) -> Result<i64> {
    Ok(db.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

fn is_foreign(db: &Connection) -> Result<bool> {
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let application: i64 = db.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    Ok(tables > 0 && application != APPLICATION)
}

/// Applies what is missing, all or nothing. A file that is up to date is not locked.
pub(super) fn migrate(db: &mut Connection) -> Result<()> {
    if version(db)? == newest() {
        return Ok(());
    }
    let tx = Transaction::new(db, TransactionBehavior::Immediate)?;
    // Another process may have been first.
    let done = usize::try_from(version(&tx)?).unwrap_or(0);
    for statements in MIGRATIONS.iter().skip(done) {
        tx.execute_batch(statements)?;
    }
    audit::adopt(&tx)?;
    tx.pragma_update(None, "application_id", APPLICATION)?;
    tx.pragma_update(None, "user_version", newest().max(version(&tx)?))?;
    Ok(tx.commit()?)
}
