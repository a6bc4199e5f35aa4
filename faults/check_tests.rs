//! Each invariant is seen to break.

use super::*;
use crate::case::{Asked, LedgerAt};
use crate::evidence::Call;
use crate::ledger::{RunRow, Times};

pub(super) const MEMBER: u64 = 7;
pub(super) const ROLE: u64 = 70;

fn case() -> Case {
    Case {
        name: "a case".into(),
        ledger: LedgerAt::Sqlite("none".into()),
        redis: None,
        simulator: String::new(),
        guild: 1,
        roles: [(MEMBER, [ROLE].into())].into(),
        unmanaged: 71,
        client_log: "none".into(),
        speed: 20.0,
        before: [(MEMBER, BTreeSet::new())].into(),
        wishes: Vec::new(),
        secrets: Vec::new(),
        folders: Vec::new(),
        discarded: BTreeMap::new(),
        recovery_ms: Some(16_000),
        recovers_from: Some(0),
        late: Vec::new(),
        deaths: Vec::new(),
        stops_ms: vec![100],
        handed_over: Vec::new(),
        nothing_was_killed: true,
        killed_at_random: false,
        lived: [("worker".to_owned(), true)].into(),
        peaks_kib: [("worker".to_owned(), 60_000)].into(),
        late_writes: false,
        wrong_clocks: false,
        window: None,
    }
}

pub(crate) fn job(id: &str, kind: &str) -> JobRow {
    JobRow {
        id: id.into(),
        kind: kind.into(),
        state: "completed".into(),
        attempt: 1,
        max_attempts: 25,
        fence: 1,
        run_id: Some("run".into()),
        inserted_at: 10,
        finished_at: Some(20),
        attempts: vec![(1, "applied".into(), None)],
        payload: format!("{{\"of\":\"{id}\"}}"),
        ..JobRow::default()
    }
}

pub(super) fn adds(id: &str) -> JobRow {
    JobRow {
        about: (Some("1".into()), Some(MEMBER.to_string()), Some(ROLE.to_string())),
        parent_id: Some("plan".into()),
        ..job(id, "add_role")
    }
}

pub(crate) fn write_by(job: &str) -> Call {
    Call {
        method: "PUT".into(),
        route: "PUT /guilds/{guild}/members/{user}/roles/{role}".into(),
        status: 204,
        path: format!("/api/v10/guilds/1/members/{MEMBER}/roles/{ROLE}"),
        audit_reason: Some(format!("rolecall: in a mapped group (job {job})")),
        ..Call::default()
    }
}

/// One run that gave one role, and one tick of a schedule.
fn evidence() -> Evidence {
    let mut evidence = Evidence::default();
    let tick = JobRow {
        run_id: None,
        actor: "schedule:health".into(),
        reason: "tick 60".into(),
        ..job("tick", "check_guilds")
    };
    let end = JobRow {
        effect: Some("applied".into()),
        ..job("end", "finish_run")
    };
    evidence.ledger.jobs = vec![job("plan", "sync_guild"), adds("add"), end, tick];
    evidence.ledger.runs = vec![RunRow {
        id: "run".into(),
        state: "completed".into(),
        jobs: [("completed".to_owned(), 2)].into(),
        ..RunRow::default()
    }];
    evidence.audit = audit::tests::of_run("run");
    evidence.asked = vec![Asked {
        path: "POST /v1/runs".into(),
        status: 202,
        run: Some("run".into()),
        retry_after: false,
    }];
    evidence.discord.roles = [(MEMBER, [ROLE].into())].into();
    evidence.discord.calls = vec![write_by("add")];
    evidence
}

/// What is broken after this change, of the evidence or of what was expected.
pub(crate) fn broken_by(change: impl FnOnce(&mut Case, &mut Evidence)) -> Vec<String> {
    let (mut case, mut evidence) = (case(), evidence());
    change(&mut case, &mut evidence);
    check(&case, &evidence)
        .broken()
        .into_iter()
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn nothing_is_broken_where_all_is_well() {
    assert_eq!(broken_by(|_, _| {}), Vec::<String>::new());
}

#[test]
fn a_lost_run_a_lost_job_and_an_unexpected_end_break_the_first() {
    assert_eq!(broken_by(|_, e| e.ledger.runs.clear()), ["I1"]);
    assert!(broken_by(|_, e| e.ledger.jobs[1].state = "available".into()).contains(&"I1".into()));
    let put_aside = broken_by(|_, e| {
        e.ledger.jobs[1].state = "discarded".into();
        e.ledger.jobs[1].attempts = vec![(1, "discard".into(), Some("forbidden".into()))];
    });
    assert_eq!(put_aside, ["I1"]);
    assert_eq!(
        broken_by(|c, _| {
            c.discarded.insert("add_role: undecodable".into(), 1);
        }),
        ["I1"]
    );
}

#[test]
fn what_the_clock_began_a_moment_ago_may_be_at_work_and_nothing_else_may() {
    let at_work = |who: &str, ago: i64| {
        broken_by(|_, e| {
            e.looked_at = 1_000_000;
            e.ledger.jobs[3].actor = who.into();
            e.ledger.jobs[3].state = "running".into();
            e.ledger.jobs[3].inserted_at = e.looked_at - ago;
            e.ledger.jobs[3].finished_at = None;
        })
    };
    let is_lost = |who, ago| at_work(who, ago).contains(&"I1".to_owned());
    assert!(!is_lost("schedule:health", 5_000));
    assert!(is_lost("schedule:health", 25_000) && is_lost("user:ada", 5_000));
}

#[test]
fn two_live_jobs_for_one_wish_break_the_second() {
    let twice = |inserted_at| {
        move |_: &mut Case, e: &mut Evidence| {
            let again = JobRow {
                inserted_at,
                parent_id: None,
                ..adds("again")
            };
            e.ledger.jobs.push(again);
            e.ledger.runs[0].jobs = [("completed".to_owned(), 3)].into();
        }
    };
    assert_eq!(broken_by(twice(15)), ["I2"]);
    assert_eq!(broken_by(twice(20)), Vec::<String>::new(), "one after the other");
    let on_a_server = |ended_later| {
        move |case: &mut Case, e: &mut Evidence| {
            twice(15)(case, e);
            let first = e
                .ledger
                .jobs
                .iter_mut()
                .find(|j| j.id != "again" && j.kind == "add_role");
            if let Some(end) = first.and_then(|j| j.finished_at.as_mut()) {
                *end += ended_later;
            }
            case.ledger = LedgerAt::Mongo {
                uri: String::new(),
                database: String::new(),
            };
        }
    };
    assert_eq!(
        broken_by(on_a_server(0)),
        Vec::<String>::new(),
        "its clock was asked before"
    );
    assert_eq!(broken_by(on_a_server(1_000)), ["I2"], "but not so long before");
    let late = |began_at| {
        move |case: &mut Case, e: &mut Evidence| {
            twice(15)(case, e);
            case.late_writes = true;
            e.ledger
                .jobs
                .iter_mut()
                .filter(|j| j.id == "again")
                .for_each(|j| j.began_at = Some(began_at));
        }
    };
    assert_eq!(
        broken_by(late(20)),
        Vec::<String>::new(),
        "stored later than it says"
    );
    assert_eq!(broken_by(late(19)), ["I2"], "and no later than this");
}

#[test]
fn a_missing_role_and_a_touched_one_break_the_third() {
    assert_eq!(broken_by(|_, e| e.discord.roles.clear()), ["I3"]);
    assert_eq!(
        broken_by(|_, e| {
            e.discord.touched.insert(71);
        }),
        ["I3"]
    );
}

#[test]
fn a_lost_update_breaks_the_fourth() {
    assert_eq!(broken_by(|_, e| e.discord.lost_updates = 1), ["I4"]);
}

#[test]
fn a_repeat_that_the_ledger_does_not_tell_of_breaks_the_fifth() {
    assert_eq!(broken_by(|_, e| e.discord.calls.push(write_by("add"))), ["I5"]);
    assert_eq!(broken_by(|_, e| e.discord.calls.push(write_by("nobody"))), ["I5"]);
    let told = broken_by(|_, e| {
        e.discord.calls.push(write_by("add"));
        e.ledger.jobs[1].fence = 2;
    });
    assert_eq!(told, Vec::<String>::new());
    let two_ends = |_: &mut Case, e: &mut Evidence| {
        e.ledger.jobs[1].attempts = vec![(1, "crashed".into(), None), (1, "applied".into(), None)];
    };
    assert_eq!(broken_by(two_ends), ["I5"]);
    let handed_back = |_: &mut Case, e: &mut Evidence| {
        e.ledger.jobs[1].attempts = vec![(1, "released".into(), None), (1, "applied".into(), None)];
    };
    assert_eq!(broken_by(handed_back), Vec::<String>::new());
}

#[test]
fn a_job_that_makes_the_same_twice_breaks_the_fifth_unless_it_is_a_second_look_after_each_attempt() {
    let twice = |kind: &'static str, payload: &'static str, claims| {
        move |_: &mut Case, e: &mut Evidence| {
            e.ledger.jobs[1].fence = claims;
            for id in ["one", "two"] {
                let made = JobRow {
                    parent_id: Some("add".into()),
                    payload: payload.into(),
                    ..job(id, kind)
                };
                e.ledger.jobs.push(made);
            }
            e.ledger.runs[0].jobs = [("completed".to_owned(), 4)].into();
        }
    };
    let look = "{\"roles\":[],\"again\":true}";
    assert_eq!(
        broken_by(twice("take_retired_roles", look, 2)),
        Vec::<String>::new()
    );
    assert_eq!(broken_by(twice("take_retired_roles", look, 1)), ["I5"]);
    assert_eq!(
        broken_by(twice("take_retired_roles", "{\"again\":false}", 2)),
        ["I5"]
    );
    assert_eq!(broken_by(twice("sync_guild", look, 2)), ["I5"]);
}

#[test]
fn a_planner_that_waits_for_its_own_jobs_breaks_the_fifth() {
    let waits = broken_by(|_, e| {
        let waits = JobRow {
            parent_id: Some("plan".into()),
            payload: "{\"jobs\":[\"add\"]}".into(),
            ..job("wait", "await_jobs")
        };
        e.ledger.jobs.push(waits);
        e.ledger.runs[0].jobs = [("completed".to_owned(), 3)].into();
    });
    assert_eq!(waits, ["I5"]);
}

#[test]
fn a_call_before_its_time_breaks_the_eighth() {
    let call = |at_ms, status| Call {
        at_ms,
        answered_ms: at_ms,
        bot: Some("9".into()),
        status,
        ..Call::default()
    };
    let after = |at_ms| {
        move |_: &mut Case, e: &mut Evidence| {
            let refused = Call {
                refused: Some("global".into()),
                retry_after: Some("300".into()),
                ..call(1_000, 429)
            };
            e.discord.calls.extend([refused, call(at_ms, 200)]);
        }
    };
    assert_eq!(broken_by(after(200_000)), ["I8"]);
    assert_eq!(broken_by(after(301_001)), Vec::<String>::new());
    assert_eq!(
        broken_by(after(10_000)),
        Vec::<String>::new(),
        "it was on its way"
    );
    let many = |_: &mut Case, e: &mut Evidence| e.discord.calls.extend((0..51).map(|n| call(n, 200)));
    assert_eq!(broken_by(many), ["I8"]);
}

#[test]
fn clocks_lanes_and_late_rescues_break_theirs() {
    let clocks = broken_by(|c, e| {
        c.wrong_clocks = true;
        e.discord.overlapping_writes = 1;
    });
    assert_eq!(clocks, ["I16", "I17"]);
    let waits = |ms: i64| {
        move |_: &mut Case, e: &mut Evidence| {
            let times = |started_at| {
                vec![Times {
                    started_at,
                    ..Times::default()
                }]
            };
            let planted = |n: usize, lane: &str, started_at| JobRow {
                lane: lane.into(),
                run_id: None,
                times: times(started_at),
                ..job(&format!("{lane} {n}"), "misbehave")
            };
            e.ledger.jobs.extend((0..500).map(|n| planted(n, "bulk", 10_000)));
            e.ledger.jobs.push(planted(0, "interactive", 10 + ms));
        }
    };
    assert_eq!(broken_by(waits(2_001)), ["I18"]);
    assert_eq!(broken_by(waits(1_999)), Vec::<String>::new());
    let late = |c: &mut Case, e: &mut Evidence| {
        c.deaths = vec![100];
        let job = &mut e.ledger.jobs[1];
        job.attempts
            .insert(0, (0, "crashed".into(), Some("worker_lost".into())));
        job.times = vec![Times {
            started_at: 50,
            ended_at: 20_101,
            ..Times::default()
        }];
    };
    assert_eq!(broken_by(late), ["I7"]);
}

#[test]
fn too_many_crashes_and_an_end_without_a_reason_break_the_sixth() {
    assert!(broken_by(|_, e| e.ledger.jobs[1].crashes = 4).contains(&"I6".into()));
    let silent = broken_by(|c, e| {
        e.ledger.jobs[1].state = "discarded".into();
        c.discarded.insert("add_role: no reason".into(), 1);
    });
    assert_eq!(silent, ["I6"]);
}
