//! Whether the write-ahead log lost something in its middle.
//!
//! SQLite reads the log up to the first frame whose sum is wrong, and takes all behind it for a commit that was never
//! finished. After a crash that is right: every commit is on disk before the next one begins, so at most one is broken.
//! Two whole commits behind a broken frame mean that the log was damaged afterwards; SQLite would drop them without a word.
//! The format is that of <https://www.sqlite.org/fileformat2.html#walformat>.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The first number of a log, less its last bit, which says in which order the sums take bytes.
const MAGIC: u32 = 0x377f_0682;
/// Another process may write while the log is read, so what looks damaged is looked at again after this time.
const AGAIN: Duration = Duration::from_millis(200);

/// Commits behind the first broken frame.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Broken {
    header: [u8; HEADER],
    frame: u64,
    commits: u64,
}

/// How many commits would be lost: 0 for a log that is whole, torn at its end, or not there.
pub(super) fn lost_commits(database: &Path) -> u64 {
    let path = PathBuf::from(format!("{}-wal", database.display()));
    // What cannot be read fails again when SQLite opens it, with a sentence.
    let look = || read(&path).ok().flatten().filter(|broken| broken.commits > 1);
    let Some(first) = look() else { return 0 };
    std::thread::sleep(AGAIN);
    match look() {
        Some(second) if second.header == first.header && second.frame == first.frame => second.commits,
        _ => 0,
    }
}

fn read(path: &Path) -> std::io::Result<Option<Broken>> {
    let mut file = BufReader::new(File::open(path)?);
    let mut header = [0; HEADER];
    if !fill(&mut file, &mut header)? {
        return Ok(None);
    }
    let word = |at: usize| number(&header[at..at + 4]);
    let (magic, page) = (word(0), word(8) as usize);
    if magic & !1 != MAGIC || !page.is_power_of_two() || !(512..=65_536).contains(&page) {
        return Ok(None);
    }
    let (salts, big) = (header[16..24].to_vec(), magic & 1 == 1);
    let mut sum = sum_of(&header[..24], big, [0, 0]);
    let mut whole = sum == [word(24), word(28)];
    let mut broken = Broken {
        header,
        frame: 0,
        commits: 0,
    };
    let mut frame = vec![0; FRAME_HEADER + page];
    while fill(&mut file, &mut frame)? {
        let word = |at: usize| number(&frame[at..at + 4]);
        let ours = frame[8..16] == salts;
        if whole {
            sum = sum_of(&frame[..8], big, sum);
            sum = sum_of(&frame[FRAME_HEADER..], big, sum);
            whole = ours && sum == [word(16), word(20)];
            broken.frame += u64::from(whole);
        }
        // Of an earlier use of the file are frames with other salts; only a commit says how big the database is then.
        if !whole && ours && word(4) > 0 {
            broken.commits += 1;
        }
    }
    Ok((!whole).then_some(broken))
}

/// `false`: the file ends before.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |n, byte| (n << 8) | u32::from(*byte))
}

fn sum_of(bytes: &[u8], big: bool, [mut a, mut b]: [u32; 2]) -> [u32; 2] {
    let read = |four: &[u8]| {
        if big {
            number(four)
        } else {
            number(four).swap_bytes()
        }
    };
    for eight in bytes.chunks_exact(8) {
        a = a.wrapping_add(read(&eight[..4])).wrapping_add(b);
        b = b.wrapping_add(read(&eight[4..])).wrapping_add(a);
    }
    [a, b]
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// A database whose log holds ten commits, as a killed process leaves it.
    fn killed() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("live.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t (x TEXT)")
            .unwrap();
        for n in 0..9 {
            db.execute("INSERT INTO t VALUES (?1)", [n]).unwrap();
        }
        let copy = folder.path().join("copy.db");
        std::fs::copy(&path, &copy).unwrap();
        let log = std::fs::read(folder.path().join("live.db-wal")).unwrap();
        (folder, copy, log)
    }

    fn lost(database: &Path, log: &[u8]) -> u64 {
        std::fs::write(format!("{}-wal", database.display()), log).unwrap();
        lost_commits(database)
    }

    #[test]
    fn a_whole_log_a_torn_end_and_no_log_lose_nothing() {
        let (_folder, database, log) = killed();
        assert_eq!(lost_commits(&database), 0);
        assert_eq!(lost(&database, &log), 0);
        for end in [0, 31, HEADER, HEADER + 100, log.len() / 2, log.len() - 1] {
            assert_eq!(lost(&database, &log[..end]), 0, "cut at {end}");
        }
        let mut torn = log.clone();
        let last = torn.len() - 50;
        torn[last] ^= 1;
        assert_eq!(lost(&database, &torn), 0);
    }

    #[test]
    fn a_bit_that_flipped_in_the_middle_is_found_with_what_is_behind_it() {
        let (_folder, database, log) = killed();
        let frame = FRAME_HEADER + 4_096;
        let frames = (log.len() - HEADER) / frame;
        for broken in 0..frames - 2 {
            let mut damaged = log.clone();
            damaged[HEADER + broken * frame + FRAME_HEADER + 9] ^= 4;
            assert!(lost(&database, &damaged) > 1, "frame {broken} of {frames}");
        }
        let mut header = log.clone();
        header[13] ^= 1;
        assert!(lost(&database, &header) > 1);
    }

    #[test]
    fn what_an_earlier_use_of_the_log_left_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("live.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t (x TEXT)")
            .unwrap();
        for n in 0..20 {
            db.execute("INSERT INTO t VALUES (?1)", [n]).unwrap();
        }
        db.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))
            .unwrap();
        db.execute("INSERT INTO t VALUES (99)", []).unwrap();
        assert_eq!(lost_commits(&path), 0);
    }
}
