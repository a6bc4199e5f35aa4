//! Disks of the tests' own: small ones that fill up, and ones that may only be read.
//!
//! A mount needs no privileges in a namespace of its own, and goes with the last process in it. The files in it are
//! reached through that process.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A disk of this many megabytes at `$2`, with what is in `$3`; then the rest of the arguments as a command.
const SMALL: &str = r#"mount -t tmpfs -o size="$1" tmpfs "$2" && cp -a "$3/." "$2" && shift 3 && exec "$@""#;
/// The folder `$1` can only be read; then the rest of the arguments as a command.
const READ_ONLY: &str = r#"mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@""#;

/// A command with a file system of its own.
#[derive(Debug, Clone)]
pub(crate) enum Disk {
    /// So big, here, with a copy of the files of this folder.
    Small(&'static str, PathBuf, PathBuf),
    /// This folder can only be read.
    ReadOnly(PathBuf),
}

impl Disk {
    /// Whether this machine allows it. If not, says so: the test cannot be made here.
    pub(crate) fn can_be_made() -> bool {
        let made = Command::new("unshare")
            .args(["-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"])
            .output();
        let can = made.is_ok_and(|ended| ended.status.success());
        if !can {
            eprintln!(
                "left out: this machine does not let its users mount a disk in a namespace of their own"
            );
        }
        can
    }

    /// The same command, on this disk.
    pub(crate) fn around(&self, command: &Command) -> Command {
        let mut around = Command::new("unshare");
        around.args(["-rm", "sh", "-c"]);
        match self {
            Self::Small(size, at, from) => around.args([SMALL, "sh", size]).arg(at).arg(from),
            Self::ReadOnly(folder) => around.args([READ_ONLY, "sh"]).arg(folder),
        };
        around.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => around.env(name, value),
                None => around.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            around.current_dir(folder);
        }
        around
    }
}

/// Writes until the disk is full. Says the file.
pub(crate) fn fill(folder: &Path) -> PathBuf {
    let path = folder.join("filler");
    let mut file = File::create(&path).unwrap();
    for size in [65_536, 4_096, 1] {
        let block = vec![b'x'; size];
        while file.write(&block).is_ok_and(|n| n == size) {}
    }
    path
}
