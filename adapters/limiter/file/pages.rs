//! The file: a few rows of what a limiter knows, of which each decision reads and writes those that it is about, in one
//! transaction. Nothing is waited for on the disk when a decision is written: a machine that crashes forgets the last ones.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, params};

use super::clock::Clock;
use super::rows::{ADDRESS, Context, Known, Read, home_of};
use crate::limiter::state::kept::Home;
use crate::limiter::state::{Rules, State};
use crate::limiter::{FLIGHT, LimiterSettings, PROCESS_SEEN};

/// How long a decision waits for those of other processes.
const SILENCE: Duration = Duration::from_secs(1);
/// How often it asks meanwhile. SQLite by itself soon asks ten times a second only, and may find somebody at it each time
/// where three processes work and a decision follows the other.
const AGAIN: Duration = Duration::from_millis(2);
/// After so many decisions, what nobody uses any more is deleted.
const TIDY_EVERY: u32 = 10_000;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum PagesError {
    #[error("{0}")]
    Store(#[from] rusqlite::Error),
    #[error("{0}")]
    Files(#[from] io::Error),
    #[error("what is to be written is no JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl PagesError {
    /// What an operator can do about it.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::Store(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                "Another process was at it for a second: look for one that is stopped, or for a disk or a machine that is too slow"
            }
            _ => "Make room on its disk, and let the folder be writable",
        }
    }
}

pub(super) type Result<T> = std::result::Result<T, PagesError>;

/// Which file, and who opens it.
#[derive(Debug)]
pub(super) struct Cover {
    pub(super) path: PathBuf,
    /// Tells this process from the others.
    pub(super) process: String,
    pub(super) settings: LimiterSettings,
    /// The machine's clock: seconds since 1970.
    pub(super) wall: fn() -> f64,
}

/// The open file.
pub(super) struct Pages {
    db: Connection,
    path: PathBuf,
    inode: u64,
    process: String,
    until_tidied: u32,
    reader: Reader,
}

/// By what the rows are read.
struct Reader {
    rules: Rules,
    speed: f64,
    clock: Clock,
    wall: fn() -> f64,
    known: Known,
}

impl Reader {
    fn context<'a>(&'a mut self, tx: &'a Transaction<'a>) -> Context<'a> {
        Context {
            tx,
            rules: self.rules,
            speed: self.speed,
            clock: &mut self.clock,
            wall: self.wall,
            known: &mut self.known,
        }
    }
}

impl Pages {
    /// Opens the file, or makes it. One that is damaged is made anew.
    pub(super) fn open(cover: &Cover) -> Result<Self> {
        match Self::try_open(cover) {
            Err(PagesError::Store(error)) if is_damage(&error) => {
                remove(&cover.path)?;
                Self::try_open(cover)
            }
            opened => opened,
        }
    }

    fn try_open(cover: &Cover) -> Result<Self> {
        let path = &cover.path;
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)?;
        let mut db = Connection::open(path)?;
        db.busy_handler(Some(patience()))?;
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             CREATE TABLE IF NOT EXISTS kept (
                 name TEXT PRIMARY KEY,
                 body TEXT NOT NULL,
                 -- When it may be forgotten.
                 until REAL NOT NULL,
                 -- When the oldest permit in it was given, if one has no answer yet.
                 oldest_permit REAL
             ) WITHOUT ROWID;
             CREATE INDEX IF NOT EXISTS kept_permits ON kept (oldest_permit) WHERE oldest_permit IS NOT NULL;",
        )?;
        Ok(Self {
            db,
            path: path.clone(),
            inode: fs::metadata(path)?.ino(),
            process: cover.process.clone(),
            until_tidied: 0,
            reader: Reader {
                rules: cover.settings.rules(),
                speed: cover.settings.speed(),
                clock: Clock::new((cover.wall)()),
                wall: cover.wall,
                known: Known::default(),
            },
        })
    }

    /// Whether the file is still the one at its path.
    pub(super) fn is_there(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|file| file.ino() == self.inode)
    }

    /// After this error: removes the file, if it is damaged and nobody has put another one there.
    pub(super) fn give_up(self, error: &PagesError) -> Result<()> {
        let is_ours = self.is_there();
        let Self { db, path, .. } = self;
        drop(db);
        match error {
            PagesError::Store(error) if is_ours && is_damage(error) => Ok(remove(&path)?),
            _ => Ok(()),
        }
    }

    /// Decides something about these homes, at a time in Discord seconds.
    pub(super) fn decide<T>(&mut self, homes: &[Home], work: impl FnOnce(&mut State, f64) -> T) -> Result<T> {
        let tx = Transaction::new(&mut self.db, TransactionBehavior::Immediate)?;
        let speed = self.reader.speed;
        let mut context = self.reader.context(&tx);
        let Read {
            mut address,
            mut state,
            now,
        } = context.read(homes)?;
        state.lapse(now, now - FLIGHT * speed);
        let done = work(&mut state, now);
        address.processes.insert(self.process.clone(), now);
        address
            .processes
            .retain(|_, asked| *asked + PROCESS_SEEN * speed > now);
        context.write(address, state, now)?;
        if self.until_tidied == 0 {
            self.until_tidied = TIDY_EVERY;
            tx.execute(
                "DELETE FROM kept WHERE until < ?1 AND oldest_permit IS NULL AND name <> ?2",
                params![now, ADDRESS],
            )?;
        }
        self.until_tidied -= 1;
        tx.commit()?;
        Ok(done)
    }

    /// Looks at all that is known, with the number of processes that asked lately.
    pub(super) fn look<T>(&mut self, work: impl FnOnce(&mut State, f64, usize) -> T) -> Result<T> {
        // Not kept, but two that read rows one after another may not see two states.
        let tx = Transaction::new(&mut self.db, TransactionBehavior::Immediate)?;
        let names: Vec<String> = tx
            .prepare_cached("SELECT name FROM kept")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let homes: Vec<Home> = names.iter().filter_map(|name| home_of(name)).collect();
        let speed = self.reader.speed;
        let mut context = self.reader.context(&tx);
        let mut read = context.read(&homes)?;
        let lately = read.now - PROCESS_SEEN * speed;
        let processes = read.address.processes.values().filter(|asked| **asked > lately);
        let processes = processes.count();
        Ok(work(&mut read.state, read.now, processes))
    }
}

/// Whether to ask once more.
fn patience() -> impl FnMut(i32) -> bool + Send + 'static {
    let mut began = Instant::now();
    move |asked| {
        if asked == 0 {
            began = Instant::now();
        }
        std::thread::sleep(AGAIN);
        began.elapsed() < SILENCE
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// Removes the file and those that SQLite keeps beside it.
fn remove(path: &Path) -> io::Result<()> {
    for ending in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        match fs::remove_file(PathBuf::from(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
