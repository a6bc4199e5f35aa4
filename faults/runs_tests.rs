//! When a run may be closed again.

use crate::case::Case;
use crate::check::tests::{broken_by, job};
use crate::evidence::Evidence;
use crate::ledger::{JobRow, Times};

#[test]
fn a_run_is_closed_again_only_if_a_job_of_it_ran_again() {
    // Ended for good at 20, run again at 40; the run was closed at 30 and at 60.
    let again = |second_began: i64| {
        move |_: &mut Case, e: &mut Evidence| {
            let add = &mut e.ledger.jobs[1];
            let code = Some("discord_forbidden".to_owned());
            add.attempts = vec![(1, "discard".into(), code), (1, "applied".into(), None)];
            add.times = [(10, 20), (second_began, 50)]
                .map(|(started_at, ended_at)| Times {
                    started_at,
                    ended_at,
                    ..Times::default()
                })
                .into();
            add.finished_at = Some(50);
            let closed = |id: &str, at| JobRow {
                finished_at: Some(at),
                effect: Some("applied".into()),
                ..job(id, "finish_run")
            };
            e.ledger.jobs.retain(|j| j.kind != "finish_run");
            e.ledger.jobs.extend([closed("end", 30), closed("end again", 60)]);
        }
    };
    assert_eq!(broken_by(again(40)), Vec::<String>::new());
    assert_eq!(broken_by(again(70)), ["I9"], "it began after the second end");
    let nobody = |c: &mut Case, e: &mut Evidence| {
        again(40)(c, e);
        e.ledger.jobs[1].attempts[0].1 = "retry".into();
        e.ledger.jobs[1].attempts[0].0 = 0;
    };
    assert_eq!(broken_by(nobody), ["I9"], "it had not ended before");
}
