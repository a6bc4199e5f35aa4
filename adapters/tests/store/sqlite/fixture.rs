//! A file in a folder of its own, and a clock that can be moved.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use rolecall_adapters::store::sqlite::SqliteStore;
use rolecall_core::ports::Clock;
use rolecall_core::time::Timestamp;
use tempfile::TempDir;

use crate::fixture::{Fixture, Stores};

/// The machine's clock, moved forward.
#[derive(Default)]
pub(crate) struct MovableClock {
    ahead_ms: AtomicI64,
}

impl Clock for MovableClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = i64::try_from(since.as_millis()).unwrap();
        Timestamp(now + self.ahead_ms.load(Ordering::SeqCst))
    }
}

pub(crate) struct Sqlite {
    pub(crate) folder: TempDir,
    pub(crate) store: SqliteStore,
    stores: Stores,
    clock: Arc<MovableClock>,
}

impl Sqlite {
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("rolecall.db")
    }
}

#[async_trait]
impl Fixture for Sqlite {
    const MODEL_CASES: u32 = 128;
    const MODEL_COMMANDS: usize = 120;

    async fn fresh() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(MovableClock::default());
        let store = SqliteStore::open_with_clock(&folder.path().join("rolecall.db"), clock.clone()).unwrap();
        Some(Self {
            folder,
            stores: Stores::of(&store).with_directory(&store),
            store,
            clock,
        })
    }

    fn stores(&self) -> &Stores {
        &self.stores
    }

    async fn again(&self) -> Stores {
        let store = SqliteStore::open_with_clock(&self.path(), self.clock.clone()).unwrap();
        Stores::of(&store).with_directory(&store)
    }

    fn advance(&self, by: Duration) -> bool {
        let by = i64::try_from(by.as_millis()).unwrap();
        self.clock.ahead_ms.fetch_add(by, Ordering::SeqCst);
        true
    }
}
