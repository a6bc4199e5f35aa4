//! What is shipped cannot be broken on purpose.

/// Names that a program of the fault suite has in it (faults/tests/short.rs looks for them there).
const NAMES: [&str; 3] = ["ROLECALL_FAULT", "ROLECALL_WITHOUT", "ROLECALL_NEWER"];

#[test]
fn the_program_has_no_point_at_which_it_could_be_made_to_die() {
    let bytes = std::fs::read(env!("CARGO_BIN_EXE_rolecall")).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|w| w == text.as_bytes());
    assert!(holds("ROLECALL_DATA_DIR"), "names of settings are found in it");
    for name in NAMES {
        assert!(!holds(name), "{name}");
    }
}
