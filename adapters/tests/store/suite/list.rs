//! What people ask about jobs.

use std::collections::BTreeMap;

use rolecall_core::ids::{EndpointId, JobId};
use rolecall_core::job::{Attempt, Job, JobState, Lane, NewJob, Subject};
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{JobCursor, JobFilter, Ledger, Settlement, SplitBy};

use crate::fixture::Fixture;
use crate::given::{
    LONG, account, attempt, claimed, completed, ended, guild, job, new_run, role, settled, stored, user,
};

fn about(guilds: u64, users: u64) -> Subject {
    Subject {
        guild_id: Some(guild(guilds)),
        user_id: Some(user(users)),
        discord_id: Some(account(users)),
        role_id: None,
        webhook_id: None,
    }
}

fn only(set: impl FnOnce(&mut JobFilter)) -> JobFilter {
    let mut filter = JobFilter::default();
    set(&mut filter);
    filter
}

/// Walks all pages of four; before each but the first, a new job of this shape arrives.
async fn walked(ledger: &dyn Ledger, filter: &JobFilter, shape: &NewJob) -> Vec<Job> {
    let mut walked = Vec::new();
    let mut after = None;
    loop {
        let page = ledger.list(filter, after, 4).await.unwrap();
        let Some(last) = page.last() else { return walked };
        after = Some(JobCursor {
            inserted_at: last.inserted_at,
            id: last.id,
        });
        walked.extend(page);
        let newer = NewJob {
            id: crate::given::new_id(),
            ..shape.clone()
        };
        ledger.insert(vec![newer]).await.unwrap();
    }
}

pub(crate) async fn lists_by_state_kind_guild_user_account_and_run_page_stably_while_new_jobs_arrive<
    F: Fixture,
>(
    fixture: F,
) {
    let ledger = &fixture.stores().ledger;
    let run = new_run();
    let shape = NewJob {
        kind: "role.remove".to_owned(),
        run_id: Some(run),
        subject: about(1, 1),
        ..job()
    };
    let mut wanted = Vec::new();
    for _ in 0..2 {
        // Several in one batch: equal in time, so that the id decides.
        let batch: Vec<NewJob> = (0..3)
            .map(|_| NewJob {
                id: crate::given::new_id(),
                ..shape.clone()
            })
            .collect();
        wanted.extend(batch.iter().map(|j| j.id));
        ledger.insert(batch).await.unwrap();
        let other = NewJob {
            subject: about(2, 2),
            ..job()
        };
        let other = stored(ledger.as_ref(), other).await;
        ended(ledger.as_ref(), other, settled(JobState::Cancelled)).await;
    }
    let filters = [
        only(|f| f.states = vec![JobState::Available, JobState::Discarded]),
        only(|f| f.states = vec![JobState::Available]),
        only(|f| f.kind = Some(shape.kind.clone())),
        only(|f| f.guild_id = Some(guild(1))),
        only(|f| f.user_id = Some(user(1))),
        only(|f| f.discord_id = Some(account(1))),
        only(|f| f.run_id = Some(run)),
    ];
    for filter in filters {
        let walked = walked(ledger.as_ref(), &filter, &shape).await;
        // New ones may be at the front (those of the filter before), and never in between or twice.
        let ids: Vec<JobId> = walked.iter().map(|j| j.id).collect();
        let mut expected = walked.clone();
        expected.sort_by_key(|j| (j.inserted_at, j.id));
        expected.reverse();
        assert_eq!(walked, expected, "{filter:?}");
        let old: Vec<JobId> = ids.into_iter().filter(|id| wanted.contains(id)).collect();
        assert_eq!(old.len(), wanted.len(), "{filter:?}");
        assert!(walked.iter().all(|j| j.kind == shape.kind), "{filter:?}");
    }
    let all = JobFilter::default();
    assert_eq!(ledger.list(&all, None, 3).await.unwrap().len(), 3);
    let nobody = only(|f| f.user_id = Some(user(99)));
    assert_eq!(ledger.list(&nobody, None, 3).await.unwrap(), []);
}

pub(crate) async fn filters_combine<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let run = new_run();
    let make = |guilds, users, run_id| NewJob {
        subject: about(guilds, users),
        run_id,
        ..job()
    };
    let jobs = vec![
        make(1, 1, Some(run)),
        make(1, 1, None),
        make(1, 2, Some(run)),
        make(2, 1, Some(run)),
        make(1, 1, Some(run)),
    ];
    let ids: Vec<_> = jobs.iter().map(|j| j.id).collect();
    ledger.insert(jobs).await.unwrap();
    ended(ledger.as_ref(), ids[4], settled(JobState::Discarded)).await;
    let mut filter = JobFilter {
        states: vec![JobState::Available],
        kind: Some("role.add".to_owned()),
        guild_id: Some(guild(1)),
        user_id: Some(user(1)),
        discord_id: Some(account(1)),
        run_id: Some(run),
        ..JobFilter::default()
    };
    let listed = |found: Vec<Job>| found.into_iter().map(|j| j.id).collect::<Vec<_>>();
    assert_eq!(listed(ledger.list(&filter, None, 10).await.unwrap()), [ids[0]]);
    filter.states = vec![
        JobState::Discarded,
        JobState::Available,
        JobState::Retryable,
        JobState::Available,
    ];
    assert_eq!(
        listed(ledger.list(&filter, None, 10).await.unwrap()),
        [ids[4], ids[0]]
    );
    let counts: BTreeMap<_, _> = ledger.counts(&filter).await.unwrap().into_iter().collect();
    assert_eq!(
        counts,
        [(JobState::Available, 1), (JobState::Discarded, 1)].into()
    );
}

pub(crate) async fn counts_follow_the_filter<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let jobs: Vec<NewJob> = (0..6)
        .map(|n| NewJob {
            subject: about(n % 2, n),
            ..job()
        })
        .collect();
    let ids: Vec<_> = jobs.iter().map(|j| j.id).collect();
    ledger.insert(jobs).await.unwrap();
    ended(ledger.as_ref(), ids[0], completed(Outcome::unchanged())).await;
    ended(ledger.as_ref(), ids[1], settled(JobState::Discarded)).await;
    claimed(ledger.as_ref(), ids[2], LONG).await;

    let counts = async |filter: JobFilter| -> BTreeMap<JobState, u64> {
        let lines = ledger.counts(&filter).await.unwrap();
        lines.into_iter().filter(|(_, n)| *n > 0).collect()
    };
    assert_eq!(
        counts(JobFilter::default()).await,
        [
            (JobState::Available, 3),
            (JobState::Running, 1),
            (JobState::Completed, 1),
            (JobState::Discarded, 1),
        ]
        .into()
    );
    assert_eq!(
        counts(JobFilter {
            guild_id: Some(guild(0)),
            ..JobFilter::default()
        })
        .await,
        [
            (JobState::Available, 1),
            (JobState::Running, 1),
            (JobState::Completed, 1)
        ]
        .into()
    );
}

pub(crate) async fn failed_jobs_are_found_by_cause_code_and_words<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let failed = |code: &str, discord_code, message: &str| Settlement {
        attempt: Some(Attempt {
            error_code: Some(code.to_owned()),
            discord_code,
            message: Some(message.to_owned()),
            ..attempt(1, "discard")
        }),
        fingerprint: Some(format!("role.add|{code}")),
        ..settled(JobState::Discarded)
    };
    let mut ids = Vec::new();
    for settlement in [
        failed(
            "missing_permissions",
            Some(50_013),
            "The role (50%) is above the bot's",
        ),
        failed("unknown_role", Some(10_011), "The role is gone_for good"),
        completed(Outcome::unchanged()),
    ] {
        let id = stored(ledger.as_ref(), job()).await;
        ended(ledger.as_ref(), id, settlement).await;
        ids.push(id);
    }
    let found = |filter: JobFilter| async move {
        let jobs = ledger.list(&filter, None, 10).await.unwrap();
        let counted: u64 = ledger.counts(&filter).await.unwrap().iter().map(|c| c.1).sum();
        assert_eq!(counted, jobs.len() as u64);
        jobs.into_iter().map(|j| j.id).collect::<Vec<_>>()
    };
    let code = |code: &str| only(|f| f.error_code = Some(code.to_owned()));
    assert_eq!(found(code("50013")).await, [ids[0]]);
    assert_eq!(found(code("unknown_role")).await, [ids[1]]);
    assert_eq!(found(code("50014")).await, []);
    assert_eq!(
        found(only(|f| f.fingerprint = Some("role.add|unknown_role".to_owned()))).await,
        [ids[1]]
    );
    let says = |text: &str| only(|f| f.text = Some(text.to_owned()));
    assert_eq!(found(says("(50%) IS")).await, [ids[0]]);
    assert_eq!(found(says("gone_for")).await, [ids[1]]);
    assert_eq!(found(says("gone.for")).await, []);
    assert_eq!(found(says("the role")).await, [ids[1], ids[0]]);
}

pub(crate) async fn jobs_are_told_apart_by_guild_and_by_cause<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let dead = |cause: &str| Settlement {
        attempt: Some(attempt(1, "discard")),
        fingerprint: Some(cause.to_owned()),
        ..settled(JobState::Discarded)
    };
    let mut ids = Vec::new();
    for (guild_id, cause) in [(5, "a"), (5, "b"), (6, "b"), (6, "b")] {
        let mut new = job();
        new.subject.guild_id = Some(guild(guild_id));
        let id = stored(ledger.as_ref(), new).await;
        ended(ledger.as_ref(), id, dead(cause)).await;
        ids.push(id);
    }
    let mut waiting = job();
    waiting.subject.guild_id = None;
    let waiting = stored(ledger.as_ref(), waiting).await;
    let split = |filter: JobFilter, by, limit| async move {
        let shares = ledger.split(&filter, by, limit).await.unwrap();
        for share in &shares {
            assert!(share.first <= share.last, "{share:?}");
        }
        shares
            .into_iter()
            .map(|s| (s.value, s.jobs, s.newest))
            .collect::<Vec<_>>()
    };
    let text = |text: &str| Some(text.to_owned());
    let of_guild = |n: u64| Some(guild(n).to_string());
    let discarded = only(|f| f.states = vec![JobState::Discarded]);
    let all = ledger.list(&only(|_| {}), None, 10).await.unwrap();
    let newest = |some: &[JobId]| all.iter().map(|j| j.id).find(|id| some.contains(id)).unwrap();
    let of_b = newest(&ids[1..]);
    assert_eq!(
        split(discarded.clone(), SplitBy::Fingerprint, 10).await,
        [(text("b"), 3, of_b), (text("a"), 1, ids[0])]
    );
    assert_eq!(
        split(discarded, SplitBy::Fingerprint, 1).await,
        [(text("b"), 3, of_b)]
    );
    let (of_5, of_6) = (newest(&ids[..2]), newest(&ids[2..]));
    assert_eq!(
        split(only(|_| {}), SplitBy::Guild, 10).await,
        [(of_guild(5), 2, of_5), (of_guild(6), 2, of_6), (None, 1, waiting)]
    );
    let b_only = only(|f| f.fingerprint = text("b"));
    assert_eq!(
        split(b_only, SplitBy::Guild, 10).await,
        [(of_guild(6), 2, of_6), (of_guild(5), 1, ids[1])]
    );
}

pub(crate) async fn jobs_are_found_by_role_parent_endpoint_lane_and_time<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    let parent = stored(ledger.as_ref(), job()).await;
    let mut child = NewJob {
        parent_id: Some(parent),
        lane: Lane::Bulk,
        ..job()
    };
    let endpoint = EndpointId(uuid::Uuid::from_u128(7));
    child.subject.role_id = Some(role(7));
    child.subject.webhook_id = Some(endpoint);
    let child = stored(ledger.as_ref(), child).await;
    let found = |filter: JobFilter| async move {
        let jobs = ledger.list(&filter, None, 10).await.unwrap();
        jobs.into_iter().map(|j| j.id).collect::<Vec<_>>()
    };
    assert_eq!(found(only(|f| f.parent_id = Some(parent))).await, [child]);
    assert_eq!(found(only(|f| f.role_id = Some(role(7)))).await, [child]);
    assert_eq!(found(only(|f| f.webhook_id = Some(endpoint))).await, [child]);
    let other = EndpointId(uuid::Uuid::from_u128(8));
    assert_eq!(found(only(|f| f.webhook_id = Some(other))).await, []);
    assert_eq!(found(only(|f| f.lane = Some(Lane::Normal))).await, [parent]);
    let now = ledger.now().await.unwrap();
    assert_eq!(found(only(|f| f.since = Some(now + LONG))).await, []);
    assert_eq!(found(only(|f| f.until = Some(now + LONG))).await, [child, parent]);
}
