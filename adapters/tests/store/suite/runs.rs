//! Runs.

use std::time::Duration;

use rolecall_core::ids::{MappingId, RunId};
use rolecall_core::ports::RunFilter;
use rolecall_core::run::{Run, RunError, RunKind, RunResults, RunState, Scope};
use rolecall_core::time::Timestamp;

use crate::fixture::Fixture;
use crate::given::{PAST, account, guild, new_run, run, user};

fn later(seconds: u64) -> Timestamp {
    PAST + Duration::from_secs(seconds)
}

fn results() -> RunResults {
    RunResults {
        users_processed: 3,
        users_succeeded: 2,
        users_failed: 1,
        roles_added: 5,
        skipped: [("role_above_bot".to_owned(), 2)].into(),
        jobs: [("completed".to_owned(), 4)].into(),
        planned: [("planned_adds".to_owned(), 5)].into(),
        errors: vec![RunError {
            user_id: Some(user(1)),
            discord_id: Some(account(1)),
            guild_id: None,
            error: "Discord answered 403".to_owned(),
            occurred_at: later(1),
        }],
        held: vec!["Guild 1 would lose 40 of 50 roles.".to_owned()],
        notes: vec!["capped: 3 changes wait".to_owned()],
        ..RunResults::default()
    }
}

pub(crate) async fn a_run_reads_back_as_it_was_given_and_again_changes_nothing<F: Fixture>(fixture: F) {
    let runs = &fixture.stores().runs;
    let given = Run {
        kind: RunKind::Mapping,
        scope: Scope {
            guilds: vec![guild(1), guild(2)],
            users: vec![user(1)],
            mapping: Some(MappingId(format!("{:024x}", 5))),
            ..Scope::default()
        },
        dry_run: true,
        ..run(PAST, Vec::new())
    };
    runs.insert(&given).await.unwrap();
    let other = Run {
        kind: RunKind::Full,
        started_at: later(9),
        ..given.clone()
    };
    runs.insert(&other).await.unwrap();
    assert_eq!(runs.get(given.id).await.unwrap(), Some(given));
    assert_eq!(runs.get(new_run()).await.unwrap(), None);
    assert_eq!(runs.count(None).await.unwrap(), 1);
}

pub(crate) async fn a_run_closes_once<F: Fixture>(fixture: F) {
    let runs = &fixture.stores().runs;
    let given = run(PAST, Vec::new());
    runs.insert(&given).await.unwrap();
    assert!(
        runs.close(given.id, RunState::Partial, &results(), later(5))
            .await
            .unwrap()
    );
    let again = runs
        .close(given.id, RunState::Failed, &RunResults::default(), later(9))
        .await
        .unwrap();
    assert!(!again);
    let closed = Run {
        state: RunState::Partial,
        finished_at: Some(later(5)),
        results: Some(results()),
        ..given.clone()
    };
    assert_eq!(runs.get(given.id).await.unwrap(), Some(closed.clone()));
    runs.insert(&given).await.unwrap();
    assert_eq!(runs.get(given.id).await.unwrap(), Some(closed));
    assert!(
        !runs
            .close(new_run(), RunState::Failed, &results(), later(9))
            .await
            .unwrap()
    );
}

pub(crate) async fn runs_are_listed_newest_first_and_page_stably<F: Fixture>(fixture: F) {
    let runs = &fixture.stores().runs;
    let mut wanted = Vec::new();
    for seconds in [30, 10, 20, 20, 20] {
        let given = run(later(seconds), Vec::new());
        runs.insert(&given).await.unwrap();
        wanted.push(given);
    }
    wanted.sort_by_key(|r| (r.started_at, r.id));
    wanted.reverse();
    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let page = runs.list(RunFilter::default(), after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.started_at, last.id));
        walked.extend(page);
        runs.insert(&run(later(99), Vec::new())).await.unwrap();
    }
    assert_eq!(walked, wanted);
}

pub(crate) async fn runs_are_listed_by_state_in_all_guilds_and_in_one<F: Fixture>(fixture: F) {
    let runs = &fixture.stores().runs;
    let mut made = Vec::new();
    for (seconds, guilds, end) in [
        (1, vec![guild(1)], Some(RunState::Failed)),
        (2, Vec::new(), Some(RunState::Failed)),
        (3, vec![guild(1)], None),
        (4, vec![guild(1)], Some(RunState::Partial)),
        (5, vec![guild(2)], Some(RunState::Completed)),
    ] {
        let given = run(later(seconds), guilds);
        runs.insert(&given).await.unwrap();
        if let Some(end) = end {
            assert!(runs.close(given.id, end, &results(), later(9)).await.unwrap());
        }
        made.push(given);
    }
    for (one, state, wanted) in [
        (None, RunState::Failed, vec![1, 0]),
        (Some(guild(1)), RunState::Failed, vec![0]),
        (None, RunState::Running, vec![2]),
        (Some(guild(1)), RunState::Partial, vec![3]),
        (Some(guild(1)), RunState::Completed, vec![]),
        (None, RunState::Held, vec![]),
    ] {
        let filter = RunFilter {
            guild: one,
            state: Some(state),
        };
        let found = runs.list(filter, None, 9).await.unwrap();
        let found: Vec<RunId> = found.iter().map(|run| run.id).collect();
        let wanted: Vec<RunId> = wanted.into_iter().map(|n: usize| made[n].id).collect();
        assert_eq!(found, wanted, "{one:?} {state}");
    }
    let failed = RunFilter {
        guild: None,
        state: Some(RunState::Failed),
    };
    let after = Some((made[1].started_at, made[1].id));
    let found = runs.list(failed, after, 9).await.unwrap();
    assert_eq!(found.iter().map(|run| run.id).collect::<Vec<_>>(), [made[0].id]);
}

pub(crate) async fn runs_of_a_guild_are_those_that_name_it<F: Fixture>(fixture: F) {
    let runs = &fixture.stores().runs;
    let (first, both, full) = (
        run(later(1), vec![guild(1)]),
        run(later(2), vec![guild(2), guild(1)]),
        run(later(3), Vec::new()),
    );
    for given in [&first, &both, &full] {
        runs.insert(given).await.unwrap();
    }
    let ids = |found: Vec<Run>| found.into_iter().map(|r| r.id).collect::<Vec<_>>();
    assert_eq!(
        ids(runs
            .list(RunFilter::of_guild(Some(guild(1))), None, 10)
            .await
            .unwrap()),
        [both.id, first.id]
    );
    assert_eq!(
        ids(runs
            .list(RunFilter::of_guild(Some(guild(2))), None, 10)
            .await
            .unwrap()),
        [both.id]
    );
    let second_page = runs
        .list(
            RunFilter::of_guild(Some(guild(1))),
            Some((both.started_at, both.id)),
            10,
        )
        .await;
    assert_eq!(ids(second_page.unwrap()), [first.id]);
    assert_eq!(runs.count(Some(guild(1))).await.unwrap(), 2);
    assert_eq!(runs.count(Some(guild(9))).await.unwrap(), 0);
    assert_eq!(runs.count(None).await.unwrap(), 3);
}

pub(crate) async fn running_runs_are_those_that_are_not_closed<F: Fixture>(fixture: F) {
    let runs = &fixture.stores().runs;
    let (open, closed) = (run(later(1), Vec::new()), run(later(2), Vec::new()));
    runs.insert(&open).await.unwrap();
    runs.insert(&closed).await.unwrap();
    runs.close(closed.id, RunState::Completed, &results(), later(3))
        .await
        .unwrap();
    assert_eq!(runs.running().await.unwrap(), [open]);
}

pub(crate) async fn a_run_that_is_over_can_be_reopened<F: Fixture>(fixture: F) {
    let runs = &fixture.stores().runs;
    let given = run(PAST, Vec::new());
    runs.insert(&given).await.unwrap();
    assert!(!runs.reopen(given.id).await.unwrap(), "it is running");
    runs.close(given.id, RunState::Partial, &results(), later(9))
        .await
        .unwrap();
    assert!(runs.reopen(given.id).await.unwrap());
    assert_eq!(runs.get(given.id).await.unwrap(), Some(given.clone()));
    assert_eq!(runs.running().await.unwrap(), std::slice::from_ref(&given));
    let better = RunResults {
        errors: Vec::new(),
        ..results()
    };
    assert!(
        runs.close(given.id, RunState::Completed, &better, later(20))
            .await
            .unwrap()
    );
    let found = runs.get(given.id).await.unwrap().unwrap();
    assert_eq!((found.results, found.state), (Some(better), RunState::Completed));
    assert!(!runs.reopen(new_run()).await.unwrap());
}
