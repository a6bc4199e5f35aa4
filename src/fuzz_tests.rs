//! Bytes from outside for what is read here and can be reached from here: a sentence, and never a panic. What is private
//! to a module is tried in the tests of that module.

use rolecall_core::{Timestamp, query};
use rolecall_fuzz::fuzz;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

#[test]
fn fuzz_queries() {
    fuzz("query", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        match query::parse(&text, NOW) {
            Ok(read) => drop(query::held(&read)),
            Err(problems) => assert!(!problems.is_empty()),
        }
    });
}

/// The first line names the kind, the rest is the payload as it is stored.
#[test]
fn fuzz_payloads() {
    let registry = rolecall_workflows::registry();
    fuzz("payload", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let (kind, payload) = text.split_once('\n').unwrap_or_default();
        let (Some(kind), Ok(payload)) = (registry.get(kind), serde_json::from_str(payload)) else {
            return;
        };
        if let Ok(reading) = kind.read(&payload) {
            let again = kind.read(&reading.written);
            assert_eq!(again, Ok(reading), "what was written reads back");
        }
    });
}
