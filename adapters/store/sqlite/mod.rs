//! Everything in one file: the store of those who have configured nothing.
//!
//! Writes go through one thread that commits many calls at once ([`writer`]), so that their way to the disk costs little;
//! reads use connections of their own ([`readers`]). Nothing relies on that thread being the only writer:
//! several processes may have the file open, and SQLite's own locks decide. Never put the file on a network share.

mod accounts;
mod api_keys;
mod audit;
mod cause_marks;
mod clock;
mod directory;
mod disk;
mod errors;
mod guilds;
mod health;
mod import;
mod job_minutes;
mod ledger;
mod links;
mod mappings;
mod oauth_states;
mod pauses;
mod readers;
mod refreshes;
mod replies;
mod retention;
mod retired_guilds;
mod runs;
mod schedules;
mod schema;
mod sealed_fields;
mod sql;
mod wal;
mod workers;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::error::StoreError;
use rolecall_core::ports::Clock;
use rolecall_core::time::Timestamp;
use rusqlite::Connection;

pub use errors::OpenError;

use clock::SystemClock;
use readers::Readers;
use sql::Result;
use writer::{Answer, Writer};

/// A store in one SQLite file. Cheap to clone; all clones are the same store.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    writer: Writer,
    readers: Readers,
}

impl SqliteStore {
    /// Opens the file, or makes it, and brings its tables to the newest version. The folder has to be there.
    ///
    /// # Errors
    /// [`OpenError`], a sentence for the person who started the program.
    pub fn open(path: &Path) -> std::result::Result<Self, OpenError> {
        Self::open_with_clock(path, Arc::new(SystemClock))
    }

    /// The same with another clock, for tests that move it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with_clock(path: &Path, clock: Arc<dyn Clock>) -> std::result::Result<Self, OpenError> {
        let db = schema::open(path)?;
        let writer = Writer::start(db).map_err(|error| OpenError::Other {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                clock,
                writer,
                readers: Readers::new(path.to_owned()),
            }),
        })
    }

    /// Reads the whole file and says what is damaged in it. Takes seconds for a big one.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read at all.
    pub async fn check(&self) -> std::result::Result<Vec<String>, StoreError> {
        self.read(health::check).await
    }

    /// The same for so long at most. What is damaged, in SQLite's words; `None`: the time was not enough.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be read at all.
    pub async fn check_for(&self, most: Duration) -> std::result::Result<Option<Vec<String>>, StoreError> {
        self.read(move |db| health::check_for(db, most)).await
    }

    /// The store's clock.
    fn time(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Runs in a write transaction, with the time at which it runs; answers when that is on disk. It may run
    /// twice, of which the first time is rolled back.
    async fn write<T, F>(&self, work: F) -> std::result::Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection, Timestamp) -> Result<T> + Send + 'static,
    {
        self.answered(Answer::OnDisk, work).await
    }

    /// The same, for what may be forgotten when the machine loses its power right after: answers when everybody sees it.
    async fn write_soon<T, F>(&self, work: F) -> std::result::Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection, Timestamp) -> Result<T> + Send + 'static,
    {
        self.answered(Answer::Written, work).await
    }

    async fn answered<T, F>(&self, when: Answer, work: F) -> std::result::Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection, Timestamp) -> Result<T> + Send + 'static,
    {
        let clock = self.inner.clock.clone();
        self.inner
            .writer
            .call(when, move |db| work(db, clock.now()))
            .await
    }

    /// Runs on a read-only connection, in a transaction of its own: all that it reads is of one moment.
    async fn read<T, F>(&self, work: F) -> std::result::Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.inner.readers.call(work).await
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}
