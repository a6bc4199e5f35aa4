//! What became of the jobs of a run.

use rolecall_core::job::{JobState, NewJob};
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::run::TallyLine;

use crate::fixture::Fixture;
use crate::given::{LONG, claimed, completed, ended, job, new_run, settled, stored};

pub(crate) async fn a_tally_groups_a_runs_jobs_by_what_became_of_them<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let run = new_run();
    let make = |kind: &str, run_id| NewJob {
        kind: kind.to_owned(),
        run_id: Some(run_id),
        ..job()
    };
    let jobs = vec![
        make("role.add", run),
        make("role.add", run),
        make("role.add", run),
        make("role.remove", run),
        make("role.remove", run),
        make("role.remove", run),
        make("role.add", new_run()),
    ];
    let ids: Vec<_> = jobs.iter().map(|j| j.id).collect();
    ledger.insert(jobs).await.unwrap();
    ended(ledger.as_ref(), ids[0], completed(Outcome::applied(2, 0))).await;
    ended(ledger.as_ref(), ids[1], completed(Outcome::applied(1, 3))).await;
    ended(ledger.as_ref(), ids[2], completed(Outcome::skipped("superseded"))).await;
    ended(ledger.as_ref(), ids[3], settled(JobState::Discarded)).await;
    ended(ledger.as_ref(), ids[6], completed(Outcome::applied(9, 9))).await;

    let line = |kind: &str, state, effect, jobs, granted, revoked| TallyLine {
        kind: kind.to_owned(),
        state,
        effect,
        jobs,
        granted,
        revoked,
    };
    let superseded = Some((Effect::Skipped, Some("superseded".to_owned())));
    let mut wanted = vec![
        line(
            "role.add",
            JobState::Completed,
            Some((Effect::Applied, None)),
            2,
            3,
            3,
        ),
        line("role.add", JobState::Completed, superseded, 1, 0, 0),
        line("role.remove", JobState::Discarded, None, 1, 0, 0),
        line("role.remove", JobState::Available, None, 2, 0, 0),
    ];
    let mut found = ledger.tally(run).await.unwrap();
    let order = |l: &TallyLine| (l.kind.clone(), l.state, l.effect.clone());
    wanted.sort_by_key(order);
    found.sort_by_key(order);
    assert_eq!(found, wanted);
    assert_eq!(ledger.tally(new_run()).await.unwrap(), []);
}

pub(crate) async fn a_run_is_live_while_one_of_its_jobs_is_not_final<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let run = new_run();
    let make = |kind: &str| NewJob {
        kind: kind.to_owned(),
        run_id: Some(run),
        ..job()
    };
    assert!(!ledger.run_is_live(run, "run.close").await.unwrap());
    let work = stored(ledger.as_ref(), make("role.add")).await;
    let close = stored(ledger.as_ref(), make("run.close")).await;
    assert!(ledger.run_is_live(run, "run.close").await.unwrap());
    let fence = claimed(ledger.as_ref(), work, LONG).await.fence;
    assert!(ledger.run_is_live(run, "run.close").await.unwrap());
    assert!(
        ledger
            .settle(work, fence, settled(JobState::Retryable))
            .await
            .unwrap()
    );
    assert!(ledger.run_is_live(run, "run.close").await.unwrap());
    ended(ledger.as_ref(), work, settled(JobState::Discarded)).await;
    assert!(!ledger.run_is_live(run, "run.close").await.unwrap());
    assert!(ledger.run_is_live(run, "something.else").await.unwrap());
    ended(ledger.as_ref(), close, completed(Outcome::unchanged())).await;
    assert!(!ledger.run_is_live(run, "something.else").await.unwrap());
}
