//! What is seen from outside is seen to break.

use crate::case::Case;
use crate::check::tests::broken_by;
use crate::evidence::Evidence;
use crate::ledger::JobRow;
use crate::outside::{MEMORY_KIB, STOP_MS};
use crate::pulse::Late;

#[test]
fn slowness_dishonesty_and_what_else_is_seen_from_outside_break_theirs() {
    assert_eq!(broken_by(|c, _| c.recovery_ms = Some(20_001)), ["I7"]);
    let late = |due, came| {
        broken_by(|c, _| {
            c.recovery_ms = Some(20_001);
            c.late = vec![Late { due, came }];
        })
    };
    assert_eq!(
        late(5_000, 5_100),
        Vec::<String>::new(),
        "the machine itself was late"
    );
    assert_eq!(late(-200, -100), ["I7"], "before the fault was over");
    assert_eq!(broken_by(|_, e| e.discord.invalid = 5_000), ["I8"]);
    assert_eq!(
        broken_by(|_, e| {
            e.ledger.runs[0].jobs.insert("completed".into(), 3);
        }),
        ["I9"]
    );
    let twice = |_: &mut Case, e: &mut Evidence| {
        let again = JobRow {
            id: "another".into(),
            ..e.ledger.jobs[3].clone()
        };
        e.ledger.jobs.push(again);
    };
    assert_eq!(broken_by(twice), ["I10"]);
    assert_eq!(broken_by(|c, _| c.stops_ms.push(STOP_MS + 1)), ["I11"]);
    assert_eq!(broken_by(|_, e| e.ledger.jobs[1].crashes = 1), ["I11"]);
    assert_eq!(
        broken_by(|c, _| {
            c.lived.insert("web".into(), false);
        }),
        ["I12"]
    );
    assert_eq!(broken_by(|_, e| e.audit.clear()), ["I15"]);
    assert_eq!(broken_by(|_, e| e.audit[0]["actor"] = "eve".into()), ["I15"]);
    assert_eq!(
        broken_by(|c, _| {
            c.peaks_kib.insert("worker".into(), MEMORY_KIB + 1);
        }),
        ["I12"]
    );
    let by_another_clock = |c: &mut Case, e: &mut Evidence| {
        c.wrong_clocks = true;
        e.ledger.jobs[0].inserted_at += 3_600_000;
        e.ledger.jobs[0].finished_at = Some(3_600_020);
    };
    assert_eq!(broken_by(by_another_clock), ["I17"]);
    assert_eq!(broken_by(|_, e| e.asked[0].status = 500), ["I13"]);
    assert_eq!(
        broken_by(|_, e| e.asked[0].status = 503),
        ["I13"],
        "it does not say when to come again"
    );
    assert_eq!(broken_by(|_, e| e.leaks.push("a log".into())), ["I14"]);
    assert_eq!(broken_by(|_, e| e.discord.overlapping_writes = 1), ["I16"]);
}
