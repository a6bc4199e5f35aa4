//! When two writes may meet.

use crate::case::Case;
use crate::check::tests::{broken_by, write_by};
use crate::evidence::{Call, Evidence};
use crate::ledger::Times;

/// The job's first attempt ended at 10,000 ms in this way; its write came at 10,500 ms for 100 ms, and another one like
/// it, but for `change`, came in the middle of that.
fn met(
    code: &str,
    http_status: Option<i64>,
    change: impl FnOnce(&mut Call),
) -> impl FnOnce(&mut Case, &mut Evidence) {
    let attempts = vec![
        (1, "retry".into(), Some(code.to_owned())),
        (2, "applied".into(), None),
    ];
    let times = [(0, 10_000), (10_400, 10_700)].map(|(started_at, ended_at)| Times {
        started_at,
        ended_at,
        http_status: http_status.filter(|_| ended_at == 10_000),
        ..Times::default()
    });
    let first = Call {
        at_ms: 500,
        answered_ms: 600,
        unix_ms: 10_500,
        ..write_by("add")
    };
    let mut second = Call {
        at_ms: 550,
        answered_ms: 650,
        unix_ms: 10_550,
        ..write_by("add")
    };
    change(&mut second);
    move |_, e| {
        let job = &mut e.ledger.jobs[1];
        (job.attempts, job.times, job.attempt, job.fence) = (attempts, times.into(), 2, 2);
        e.discord.calls = vec![second, first];
        e.discord.overlapping_writes = 1;
    }
}

#[test]
fn a_request_without_an_answer_may_meet_its_own_repeat_and_nothing_else_may_meet() {
    let unanswered = |change: fn(&mut Call)| met("discord_unavailable", None, change);
    assert_eq!(broken_by(unanswered(|_| ())), Vec::<String>::new());
    let answered = met("discord_unavailable", Some(503), |_| ());
    assert_eq!(
        broken_by(answered),
        ["I16"],
        "an answer came: nothing was under way"
    );
    assert_eq!(broken_by(met("lease_nearly_over", None, |_| ())), ["I16"]);
    assert_eq!(
        broken_by(unanswered(
            |c| c.audit_reason = Some("rolecall: (job plan)".into())
        )),
        ["I16"],
        "another job's write"
    );
    assert_eq!(
        broken_by(unanswered(|c| c.method = "DELETE".into())),
        ["I16"],
        "another change"
    );
    let before_its_end = |c: &mut Call| (c.at_ms, c.answered_ms, c.unix_ms) = (499, 550, 9_999);
    assert!(
        broken_by(unanswered(before_its_end)).is_empty(),
        "the later of the two came after the end"
    );
    let both_before = met("discord_unavailable", None, |_| ());
    let both_before = broken_by(|c, e| {
        both_before(c, e);
        e.discord.calls.iter_mut().for_each(|call| call.unix_ms -= 600);
    });
    assert_eq!(
        both_before,
        ["I16"],
        "nobody could know yet that no answer would come"
    );
    let unexplained = met("discord_unavailable", None, |_| ());
    let unexplained = broken_by(|c, e| {
        unexplained(c, e);
        e.discord.overlapping_writes = 2;
    });
    assert_eq!(unexplained, ["I16"]);
}

/// Two jobs of a member: the first one ended without an answer at 10,000 ms, and its second attempt lasted from 20,000 to
/// 20,100 ms. A request of the first job came at `came`, and the other job's write 10 ms later, in the middle of it.
fn met_late(
    came: u64,
    code: &'static str,
    change: impl FnOnce(&mut Evidence),
) -> impl FnOnce(&mut Case, &mut Evidence) {
    move |_, e| {
        let of = |started_at, ended_at| Times {
            started_at,
            ended_at,
            ..Times::default()
        };
        let first = &mut e.ledger.jobs[1];
        first.attempts = vec![
            (1, "retry".into(), Some(code.to_owned())),
            (2, "applied".into(), None),
        ];
        (first.times, first.attempt, first.fence) = (vec![of(0, 10_000), of(20_000, 20_100)], 2, 2);
        let write = |job, unix_ms| Call {
            at_ms: unix_ms,
            answered_ms: unix_ms + 50,
            unix_ms,
            ..write_by(job)
        };
        e.discord.calls = vec![write("add", came), write("plan", came + 10)];
        e.discord.calls[1].method = "DELETE".into();
        e.discord.overlapping_writes = 1;
        change(e);
    }
}

#[test]
fn a_request_that_came_when_its_job_waited_may_meet_another_job_and_one_that_was_being_sent_may_not() {
    let flight = |came, code, change: fn(&mut Evidence)| {
        broken_by(met_late(came, code, change)).contains(&"I16".to_owned())
    };
    let unanswered = "discord_unavailable";
    assert!(!flight(15_000, unanswered, |_| ()), "between the attempts");
    assert!(!flight(30_000, unanswered, |_| ()), "when all was over");
    assert!(flight(20_050, unanswered, |_| ()), "an attempt was under way");
    assert!(flight(20_100, unanswered, |_| ()), "until its last millisecond");
    assert!(flight(9_999, unanswered, |_| ()), "its own attempt was under way");
    assert!(
        flight(15_000, "lease_nearly_over", |_| ()),
        "an answer was not what it ended of"
    );
    assert!(
        flight(30_000, unanswered, |e| e.ledger.jobs[1].finished_at = None),
        "an attempt may be under way that is not told yet"
    );
    assert!(
        flight(15_000, unanswered, |e| e.discord.overlapping_writes = 2),
        "one more than that"
    );
}
