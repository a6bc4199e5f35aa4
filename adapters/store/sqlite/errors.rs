//! What can go wrong with a file, in sentences.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use rolecall_core::error::StoreError;
use rusqlite::ErrorCode;

/// Why a call failed, before it is told to the outside.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite said so.
    Sql(rusqlite::Error),
    /// The file holds something that cannot be read.
    Unreadable(String),
}

impl Fault {
    pub(super) fn unreadable(what: impl Display) -> Self {
        Self::Unreadable(what.to_string())
    }

    /// Whether a unique index refused the row.
    pub(super) fn is_duplicate(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        error
            .sqlite_error()
            .is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE)
    }
}

impl Fault {
    /// Whether the call was stopped from outside.
    pub(super) fn is_interrupted(&self) -> bool {
        matches!(self, Self::Sql(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted))
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::unreadable(error)
    }
}

/// What to do about a damaged file.
const SAVE_IT: &str = "keep a copy of it and put back a backup, or save what can be read with the command \
                       `sqlite3 FILE .recover`";

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        let error = match fault {
            Fault::Unreadable(what) => return Self::Corrupt(what),
            Fault::Sql(error) => error,
        };
        let Some(code) = error.sqlite_error_code() else {
            // Not from SQLite but from reading what it gave: a wrong type, a missing column.
            return Self::corrupt(error);
        };
        if code == ErrorCode::DatabaseCorrupt {
            return Self::Corrupt(format!("the data file is damaged ({error}); {SAVE_IT}"));
        }
        Self::Unavailable(match code {
            ErrorCode::DiskFull => {
                "the disk that holds the data file is full; free some space, and work goes on by itself"
                    .to_owned()
            }
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
                format!(
                    "the data file may not be written; give this process the right to write it and its folder ({error})"
                )
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                "another process kept the data file locked for more than 5 s; work goes on when it lets go"
                    .to_owned()
            }
            ErrorCode::SystemIoFailure => {
                format!("the disk that holds the data file failed; look into the system's log ({error})")
            }
            ErrorCode::CannotOpen => {
                format!(
                    "the data file cannot be opened any more; was it moved, or are too many files open? ({error})"
                )
            }
            ErrorCode::OutOfMemory | ErrorCode::OperationInterrupted => error.to_string(),
            _ => return Self::corrupt(error),
        })
    }
}

/// Why a data file could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The folder is missing.
    #[error("the folder {0:?} does not exist; create it, or choose another one for the data")]
    NoFolder(PathBuf),
    /// There is something else in its place.
    #[error("{0:?} is not a file; remove or rename what is there, or choose another folder for the data")]
    NotAFile(PathBuf),
    /// It, or its folder, may not be written.
    #[error("the data file {0:?} cannot be written; give this process the right to write it and its folder")]
    NotWritable(PathBuf),
    /// It is no SQLite file.
    #[error("{0:?} is not a data file of rolecall; move it away, and a new one is made")]
    NotADatabase(PathBuf),
    /// It is another program's SQLite file.
    #[error("{0:?} is the database of another program; choose another folder for the data")]
    Foreign(PathBuf),
    /// It is damaged.
    #[error("the data file {path:?} is damaged ({reason}); {}", SAVE_IT)]
    Damaged {
        /// The file.
        path: PathBuf,
        /// In SQLite's words.
        reason: String,
    },
    /// Its write-ahead log is damaged before its end.
    #[error(
        "the log {path:?}-wal is damaged, and {commits} commits behind the damage would be lost; keep a copy of both \
         files and put back a backup, or go on without them with the command \
         `sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE)'`"
    )]
    DamagedLog {
        /// The file.
        path: PathBuf,
        /// How many are behind the damage.
        commits: u64,
    },
    /// The disk is full.
    #[error("the disk is full, so the data file {0:?} cannot be opened; free some space")]
    Full(PathBuf),
    /// Another process does not let go of it.
    #[error("another process keeps the data file {0:?} locked; stop it, or wait until it is done")]
    Locked(PathBuf),
    /// A newer rolecall wrote it.
    #[error(
        "the data file {path:?} was written by a newer rolecall (its version is {found}, this program knows {known}); \
         install the newer program again"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that is known here.
        known: i64,
    },
    /// Anything else.
    #[error("the data file {path:?} cannot be opened: {reason}")]
    Other {
        /// The file.
        path: PathBuf,
        /// In words.
        reason: String,
    },
}

impl OpenError {
    /// From what SQLite said about this file.
    pub(super) fn of(path: &Path, fault: Fault) -> Self {
        let path = path.to_owned();
        let (code, reason) = match fault {
            Fault::Unreadable(reason) => return Self::Damaged { path, reason },
            Fault::Sql(error) => (error.sqlite_error_code(), error.to_string()),
        };
        match code {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase(path),
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, reason },
            Some(ErrorCode::DiskFull) => Self::Full(path),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked(path),
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::NotWritable(path)
            }
            _ => Self::Other { path, reason },
        }
    }
}
