//! The folder of the embedded store: when a new database may be made in it, and when that would hide a loss.

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rolecall_adapters::store::sqlite::{OpenError, SqliteStore};

use crate::config::Config;
use crate::keys::KEYS_FILE;
use crate::wiring::{JWT_FILE, Purpose, StartError};

/// Name of the embedded store's file in the data folder.
pub const STORE_FILE: &str = "rolecall.db";
/// How long a process that stays may look for damage before it starts.
const CHECK: Duration = Duration::from_secs(5);

/// Opens the database; makes folder and database where nothing is and nothing was. `true`: it is new.
///
/// # Errors
/// A sentence that says what is wrong and what to do.
pub(crate) async fn open(config: &Config, purpose: Purpose) -> Result<(SqliteStore, bool), StartError> {
    let folder = &config.data_dir;
    let path = folder.join(STORE_FILE);
    // First the secrets, then the file: whoever makes a new installation makes them in the other order.
    let secrets: Vec<&str> = [JWT_FILE, KEYS_FILE]
        .into_iter()
        .filter(|name| folder.join(name).exists())
        .collect();
    let is_new = is_missing(&path);
    if is_new {
        may_be_made(config, &path, &secrets)?;
        let there = folder.is_dir();
        make_data_dir(folder)?;
        keep_private(&path);
        if there {
            tracing::warn!(
                "There is no database in {}; a new, empty one is made. If there should be one, stop this process, and look \
                 whether the right disk is mounted and ROLECALL_DATA_DIR is right",
                folder.display()
            );
        } else {
            tracing::info!("A new, empty database is made in {}", folder.display());
        }
    }
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&path)).await;
    let store = opened
        .map_err(|e| StartError::new(e.to_string()))?
        .map_err(StartError::of_store)?;
    if purpose != Purpose::Command {
        check(&store, folder).await?;
    }
    Ok((store, is_new))
}

/// Whether there is no file, or one without a byte.
fn is_missing(path: &Path) -> bool {
    std::fs::metadata(path).map_or_else(
        |error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        |file| file.is_file() && file.len() == 0,
    )
}

/// Whether a new database may be made here.
fn may_be_made(config: &Config, path: &Path, secrets: &[&str]) -> Result<(), StartError> {
    let what = if path.exists() { "is empty" } else { "is missing" };
    let path = path.display();
    if !secrets.is_empty() {
        return Err(StartError::of_store(format!(
            "the database {path} {what}, and the folder holds the {} of an installation that had one; put the database \
             back from where it went or from a backup, or move {} away, too, to begin anew",
            secrets.join(" and "),
            if secrets.len() == 1 {
                "that file"
            } else {
                "those files"
            }
        )));
    }
    if config.upkeep.refuse_new_database {
        return Err(StartError::of_store(format!(
            "the database {path} {what}, and ROLECALL_NEW_DATABASE=refuse forbids to make a new one; mount the right disk, \
             put the database back, or set ROLECALL_NEW_DATABASE=make to begin anew"
        )));
    }
    Ok(())
}

/// A process that stays does not begin on a damaged file: what it writes may make it worse.
async fn check(store: &SqliteStore, folder: &Path) -> Result<(), StartError> {
    let damage = store.check_for(CHECK).await.map_err(StartError::of_store)?;
    match damage {
        None => {
            tracing::info!(
                "The database in {} is too big to be looked through in {CHECK:?}; `rolecall doctor` takes its time",
                folder.display()
            );
            Ok(())
        }
        Some(damage) if damage.is_empty() => Ok(()),
        Some(damage) => {
            let first = damage
                .first()
                .map_or("", |line| line.lines().last().unwrap_or(line));
            Err(StartError::of_store(OpenError::Damaged {
                path: folder.join(STORE_FILE),
                reason: first.to_owned(),
            }))
        }
    }
}

/// The store names people and holds sealed tokens, so only its owner reads it. SQLite gives its other files the rights of
/// this one. What fails here fails again when the store is opened, with a sentence.
fn keep_private(path: &Path) {
    let _ = OpenOptions::new()
        .create_new(true)
        .append(true)
        .mode(0o600)
        .open(path);
}

/// Makes the data folder, or says why it cannot be used.
///
/// # Errors
/// The sentence.
pub fn make_data_dir(folder: &Path) -> Result<(), StartError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        StartError::of_store(format!(
            "the data folder {} cannot be made: {error}; make it writable, or set ROLECALL_DATA_DIR to another folder",
            folder.display()
        ))
    })
}
