//! Reads a file of users: a pure function from bytes to rows, or to everything that is wrong with them.

use rolecall_core::ports::ImportRow;

use super::check::Checker;
use super::{csv, json};

/// The columns, or fields, that mean something.
pub(super) const COLUMNS: [&str; 4] = ["user_id", "name", "groups", "discord_id"];

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Comma-separated values.
    Csv,
    /// JSON.
    Json,
}

/// A row as it was written, before it is judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RawRow {
    /// Line of the file in which it begins, from 1.
    pub(super) line: u64,
    /// The user.
    pub(super) user_id: String,
    /// Its name.
    pub(super) name: String,
    /// Its groups.
    pub(super) groups: Vec<String>,
    /// Its account; empty if there is none.
    pub(super) discord_id: String,
}

/// Something wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// Line of the file, from 1.
    pub(super) line: u64,
    /// What is wrong.
    pub(super) sentence: String,
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    /// Good rows.
    pub(super) rows: Vec<ImportRow>,
    /// The line of each good row.
    pub(super) lines: Vec<u64>,
    /// What is wrong, by line. If there is anything, nothing may be imported.
    pub(super) problems: Vec<Problem>,
    /// What is odd, but harms nobody.
    pub(super) warnings: Vec<String>,
}

/// Reads a file. Never fails: what is wrong is in the answer.
pub(super) fn parse(bytes: &[u8], kind: Kind) -> Parsed {
    let mut checker = Checker::default();
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        checker.problem(1, "the file is UTF-16; save it as UTF-8");
        return checker.finish();
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match kind {
        Kind::Csv => csv::read(bytes, &mut checker),
        Kind::Json => json::read(bytes, &mut checker),
    }
    checker.finish()
}
