//! The short part of the fault suite: real processes are killed, stopped and fed with poison, and a program checks what is
//! left. `make faults` plays all of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails, and says why"
)]

use std::process::Command;

fn faulty() -> String {
    std::env::var("TEST_FAULTY_ROLECALL")
        .expect("TEST_FAULTY_ROLECALL is not set: `make test` builds it with scripts/faulty-rolecall")
}

#[test]
fn nothing_is_lost_when_processes_die_stores_forget_and_payloads_are_poison() {
    let output = Command::new(env!("CARGO_BIN_EXE_rolecall-faults"))
        .args(["run", "--short", "--at-once", "6", "--rolecall", &faulty()])
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stderr),
        text(&output.stdout)
    );
}

/// The other half, that what is shipped has none, is in tests/e2e/shipped.rs.
#[test]
fn the_program_of_the_suite_has_points_at_which_it_dies() {
    let bytes = std::fs::read(faulty()).unwrap();
    for name in ["ROLECALL_FAULT", "ROLECALL_WITHOUT", "ROLECALL_NEWER"] {
        assert!(bytes.windows(name.len()).any(|w| w == name.as_bytes()), "{name}");
    }
}
