//! The thread that waits for the disk, so that the one that writes need not.
//!
//! A commit of the writer's connection (`synchronous=NORMAL`) is in the write-ahead log, where every process sees it, and
//! the operating system keeps it when the process dies. Only the loss of power may still take it away: that is over when
//! the log was synced, which is done here, once for all commits that happened meanwhile. SQLite itself syncs the log before
//! it carries it over into the main file, and the main file before it begins the log anew, so nothing but the log has to be
//! synced (SQLite, "Write-Ahead Logging" and `PRAGMA synchronous`).

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use rolecall_core::error::StoreError;
use rusqlite::Connection;

use super::writer::Call;

type Calls = Vec<Box<dyn Call>>;

/// The way to the thread. It ends with this.
pub(super) struct Disk {
    committed: Sender<Calls>,
}

impl Disk {
    /// Takes over from this connection the waiting for the disk.
    pub(super) fn start(db: &Connection) -> io::Result<Self> {
        let file = PathBuf::from(db.path().unwrap_or_default());
        db.execute_batch("PRAGMA synchronous=NORMAL")
            .map_err(io::Error::other)?;
        // The log is there: the file was read in this mode before. Its name in the folder has to be on disk, too.
        let log = File::open(log_of(&file))?;
        if let Some(folder) = file.parent() {
            File::open(folder)?.sync_all()?;
        }
        let (committed, waiting) = channel();
        thread::Builder::new()
            .name("rolecall-disk".to_owned())
            .spawn(move || work(&log, &waiting))?;
        Ok(Self { committed })
    }

    /// These calls are committed, and wait for the disk; the commit goes there even if nobody waits.
    pub(super) fn take(&self, calls: Calls) {
        if let Err(unheard) = self.committed.send(calls) {
            answer(
                unheard.0,
                &Err(StoreError::unavailable(
                    "the thread that waits for the disk has ended",
                )),
            );
        }
    }
}

/// SQLite's name of the log of a file.
fn log_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn work(log: &File, waiting: &Receiver<Calls>) {
    while let Ok(mut calls) = waiting.recv() {
        // Whatever is committed by now is synced by the same call.
        calls.extend(waiting.try_iter().flatten());
        let synced = log.sync_data().map_err(|error| {
            tracing::error!(%error, "The disk did not keep what was written to the data file");
            StoreError::unavailable(format_args!("the disk did not keep what was written: {error}"))
        });
        answer(calls, &synced);
    }
}

fn answer(calls: Calls, synced: &Result<(), StoreError>) {
    for call in calls {
        call.answer(synced);
    }
}
