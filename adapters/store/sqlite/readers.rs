//! Connections that only read, beside the writer and one another.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rolecall_core::error::StoreError;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::Semaphore;

use super::schema;
use super::sql::Result;

/// Connections, at most. Each is opened when it is first needed.
const READERS: usize = 4;

pub(super) struct Readers {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
}

struct Shared {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            shared: Arc::new(Shared {
                path,
                idle: Mutex::new(Vec::new()),
            }),
            places: Arc::new(Semaphore::new(READERS)),
        }
    }

    /// Runs `work` on a thread that may block, in one read transaction.
    pub(super) async fn call<T, F>(&self, work: F) -> std::result::Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let place = self.places.clone().acquire_owned().await;
        let place = place.map_err(StoreError::unavailable)?;
        let shared = self.shared.clone();
        let reading = tokio::task::spawn_blocking(move || {
            // Held by the thread and not by the caller, who may go while it still reads.
            let _place = place;
            let db = shared.take()?;
            let answer = Transaction::new_unchecked(&db, TransactionBehavior::Deferred)
                .map_err(Into::into)
                .and_then(|tx| work(&tx));
            // After a failure the connection is closed: the file may have been replaced.
            if answer.is_ok() {
                shared.give_back(db);
            }
            answer
        });
        reading
            .await
            .map_err(StoreError::unavailable)?
            .map_err(StoreError::from)
    }
}

impl Shared {
    fn take(&self) -> Result<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| self.open(), Ok)
    }

    fn open(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&self.path, flags)?;
        schema::settings(&db)?;
        Ok(db)
    }

    fn give_back(&self, db: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(db);
    }
}
