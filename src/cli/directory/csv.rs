//! Rows of a CSV file.

use csv::{ByteRecord, ReaderBuilder};

use super::check::Checker;
use super::file::{COLUMNS, RawRow};

/// Reads all rows. `bytes` has no byte order mark.
pub(super) fn read(bytes: &[u8], checker: &mut Checker) {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let mut lines = Lines {
        bytes,
        at: 0,
        line: 1,
    };
    let mut record = ByteRecord::new();
    let mut header: Option<Header> = None;
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                checker.problem(lines.line, format!("the file cannot be read on: {error}"));
                return;
            }
        }
        let line = lines.of(record.position().map_or(0, |p| p.byte()));
        if record.iter().all(|f| f.trim_ascii().is_empty()) {
            continue;
        }
        match &header {
            Some(header) => row(&record, line, header, checker),
            None => match Header::read(&record, line, checker) {
                Some(found) => header = Some(found),
                None => return,
            },
        }
    }
    if header.is_none() {
        checker.problem(
            1,
            "the file is empty; its first line has to be user_id,name,groups,discord_id",
        );
    }
}

fn row(record: &ByteRecord, line: u64, header: &Header, checker: &mut Checker) {
    if record.len() != header.columns {
        checker.problem(
            line,
            format!(
                "the row has {} fields, and the first line has {}",
                record.len(),
                header.columns
            ),
        );
        return;
    }
    let mut fields = [""; COLUMNS.len()];
    for (field, place) in fields.iter_mut().zip(header.places) {
        let Some(bytes) = place.and_then(|i| record.get(i)) else {
            continue;
        };
        match std::str::from_utf8(bytes) {
            Ok(text) => *field = text,
            Err(_) => {
                checker.problem(line, "the row is not UTF-8; save the file as UTF-8");
                return;
            }
        }
    }
    let [user_id, name, groups, discord_id] = fields.map(ToOwned::to_owned);
    let groups: Vec<String> = groups.split(';').map(ToOwned::to_owned).collect();
    // It may be so named. If it is not, whoever had the groups would lose what they give.
    for group in groups.iter().filter(|group| group.contains(',')) {
        checker.warning(format!(
            "the group {:?} holds a comma, and is one group; several are separated by semicolons",
            group.trim()
        ));
    }
    checker.row(&RawRow {
        line,
        user_id,
        name,
        groups,
        discord_id,
    });
}

/// Where each of [`COLUMNS`] is.
struct Header {
    columns: usize,
    places: [Option<usize>; COLUMNS.len()],
}

impl Header {
    fn read(record: &ByteRecord, line: u64, checker: &mut Checker) -> Option<Self> {
        let names: Vec<String> = record
            .iter()
            .map(|f| String::from_utf8_lossy(f).trim().to_lowercase())
            .collect();
        let mut places = [None; COLUMNS.len()];
        let mut ok = true;
        for (i, name) in names.iter().enumerate() {
            match COLUMNS.iter().position(|c| c == name) {
                Some(known) if places[known].is_some() => {
                    checker.problem(line, format!("the column {name} is there twice"));
                    ok = false;
                }
                Some(known) => places[known] = Some(i),
                None if name.is_empty() => {}
                None => checker.warning(format!("the column {name:?} is not known, and ignored")),
            }
        }
        // Without groups everybody would lose theirs, so a file has to say so row by row.
        for (place, name) in places.iter().zip(COLUMNS) {
            if place.is_none() && matches!(name, "user_id" | "groups") {
                checker.problem(line, missing(name, &names));
                ok = false;
            }
        }
        ok.then_some(Self {
            columns: record.len(),
            places,
        })
    }
}

fn missing(name: &str, names: &[String]) -> String {
    let found = names.join(", ");
    let separated = match names {
        [one] if one.contains([';', '\t']) => " (columns are separated by commas)",
        _ => "",
    };
    format!("the first line names no column {name}; it has: {found}{separated}")
}

/// Finds the line of a byte. The reader's own count is that of the end of the record before, so it is wrong after
/// blank lines and with CRLF.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the first byte from here on that is no line break. Called with growing positions.
    fn of(&mut self, byte: u64) -> u64 {
        let mut end = usize::try_from(byte).unwrap_or(usize::MAX).min(self.bytes.len());
        end += self.bytes[end..]
            .iter()
            .take_while(|b| matches!(b, b'\r' | b'\n'))
            .count();
        let breaks = self.bytes[self.at.min(end)..end]
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        self.line += breaks as u64;
        self.at = end;
        self.line
    }
}
