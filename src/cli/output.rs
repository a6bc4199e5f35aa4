//! Writes to standard output and standard error, so that nothing else has to.
//!
//! Names come from Discord and from files: what could move the cursor of a terminal is replaced before it is shown.

use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::json;

/// The first error of standard output, other than that nobody reads it any more.
static FAILURE: Mutex<Option<String>> = Mutex::new(None);

/// What went wrong with standard output, if anything did.
pub(super) fn failure() -> Option<String> {
    FAILURE.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// One or more lines on standard output.
pub(super) fn say(text: &str) {
    put(&format!("{}\n", clean(text)));
}

/// A text on standard output that is ours, with its colours.
pub(super) fn say_styled(text: &str) {
    put(&format!("{text}\n"));
}

/// A JSON document on standard output.
pub(super) fn json<T: Serialize>(document: &T) {
    // Only maps whose keys are no text cannot be written; there are none here.
    let text = serde_json::to_string_pretty(document).unwrap_or_default();
    put(&format!("{}\n", escaped(&text)));
}

/// The same of what a command changes, or would: a dry run says so.
pub(super) fn json_of_change<T: Serialize>(document: &T, dry_run: bool) {
    let mut document = json!(document);
    if dry_run {
        document["dry_run"] = json!(true);
    }
    json(&document);
}

/// A JSON document on one line of standard output.
pub(crate) fn json_line<T: Serialize>(document: &T) {
    let text = serde_json::to_string(document).unwrap_or_default();
    put(&format!("{}\n", escaped(&text)));
}

/// A line on standard error.
pub(crate) fn note(text: &str) {
    let line = format!("{}\n", clean(text));
    // There is nowhere left to say that standard error is closed.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// A warning on standard error.
pub(super) fn warn(text: &str) {
    note(&format!("warning: {text}"));
}

fn put(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        *FAILURE.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }
}

/// Whether marks and colours may be used on standard output.
pub(super) fn styled() -> bool {
    // Source: no-color.org: set and not empty.
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    !no_colour && is_terminal()
}

/// Whether somebody looks at standard output.
pub(super) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Characters of a line of standard output: what `COLUMNS` says, or the width of the terminal. `None`: any number.
pub(super) fn width() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok();
    let said = said.and_then(|columns| columns.trim().parse().ok());
    let real = || {
        crossterm::terminal::size()
            .ok()
            .map(|(width, _)| usize::from(width))
    };
    said.or_else(|| is_terminal().then(real).flatten())
        .filter(|width| *width > 0)
}

/// The same text without control characters and direction overrides; line breaks stay.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c != '\n' && is_unsafe(c) { '\u{fffd}' } else { c })
        .collect()
}

/// A JSON document that means the same, in which no character moves the cursor of a terminal. JSON itself demands that
/// only of those below U+0020; U+009B begins a sequence, too.
fn escaped(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    for c in document.chars() {
        // Line breaks are between values; the others can only be inside of texts.
        if c != '\n' && is_unsafe(c) {
            // Writing to a string does not fail. All of them have four digits.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Control characters, line breaks of other kinds than `\n`, and what changes the direction of a text.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Names with their values, in two aligned columns.
pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, value) in facts {
        // Writing to a string does not fail.
        let _ = writeln!(out, "{name:<width$}  {value}");
    }
    out.truncate(out.trim_end().len());
    out
}

/// `1 role`, `2 roles`.
pub(super) fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_move_the_cursor() {
        assert_eq!(
            clean("a\u{1b}[2Jb\r\nc\u{202e}d"),
            "a\u{fffd}[2Jb\u{fffd}\nc\u{fffd}d"
        );
        assert_eq!(clean("Ärger 🚀"), "Ärger 🚀");
    }

    #[test]
    fn a_json_document_cannot_move_the_cursor_and_means_the_same() {
        let odd = "a\u{1b}[2Jb\u{9b}31m\u{7f}\r\nc\u{202e}d\u{2028}\u{200f}Ärger 🚀";
        let document = serde_json::json!({ odd: [odd] });
        let text = escaped(&serde_json::to_string_pretty(&document).unwrap());
        assert!(!text.chars().any(|c| c != '\n' && is_unsafe(c)), "{text:?}");
        assert!(text.contains("Ärger 🚀"), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, document);
    }

    #[test]
    fn facts_are_aligned() {
        assert_eq!(
            facts(&[("id", "1".into()), ("name", "x".into())]),
            "id    1\nname  x"
        );
    }
}
