//! Causes of dead letters: what operators say of them, and how many jobs failed for them in each hour.

use rolecall_core::dead_letter::{Mark, Said};
use rolecall_core::job::JobState;
use rolecall_core::ports::{JobFilter, SplitBy};
use rolecall_core::time::HOUR_MS;

use crate::fixture::Fixture;
use crate::given::{LONG, PAST, ended, job, settled, stored};

fn mark(fingerprint: &str, said: Said) -> Mark {
    Mark {
        fingerprint: fingerprint.to_owned(),
        said,
        at: PAST,
        by: "user:eve".to_owned(),
        reason: "moved".to_owned(),
    }
}

pub(crate) async fn what_is_said_of_a_cause_is_kept_until_something_else_is_said<F: Fixture>(fixture: F) {
    let marks = &fixture.stores().cause_marks;
    let (cause, other) = ("add_role|PUT /guilds/{guild}|403|50013", "add_role|$x.y|-|-");
    let until = mark(other, Said::Ignored(Some(PAST + LONG)));
    for said in [&mark(cause, Said::Ignored(None)), &until] {
        marks.put(said).await.unwrap();
    }
    let resolved = mark(cause, Said::Resolved);
    marks.put(&resolved).await.unwrap();
    assert_eq!(
        fixture.again().await.cause_marks.list().await.unwrap(),
        [until, resolved.clone()]
    );
    assert!(marks.remove(other).await.unwrap() && !marks.remove(other).await.unwrap());
    assert_eq!(marks.list().await.unwrap(), [resolved]);
}

pub(crate) async fn jobs_are_counted_by_the_hour_in_which_they_ended<F: Fixture>(fixture: F) {
    let ledger = &fixture.stores().ledger;
    for state in [JobState::Discarded, JobState::Discarded, JobState::Completed] {
        let id = stored(ledger.as_ref(), job()).await;
        ended(ledger.as_ref(), id, settled(state)).await;
    }
    let now = ledger.now().await.unwrap();
    let of = |states: Vec<JobState>, since| {
        let filter = JobFilter {
            states,
            ..JobFilter::default()
        };
        async move { ledger.by_hour(&filter, since).await.unwrap() }
    };
    let day = std::time::Duration::from_secs(24 * 3_600);
    // The test may stand on both sides of an hour.
    let hours = of(vec![JobState::Discarded], now - day).await;
    assert_eq!(hours.iter().map(|(_, n)| n).sum::<u64>(), 2);
    for (hour, _) in &hours {
        assert!(hour.0 % HOUR_MS == 0 && (0..=2 * HOUR_MS).contains(&now.millis_since(*hour)));
    }
    let all: u64 = of(Vec::new(), now - day).await.iter().map(|(_, n)| n).sum();
    assert_eq!(all, 3);
    assert_eq!(of(Vec::new(), now + day).await, []);
    assert_eq!(
        ledger
            .split(&JobFilter::default(), SplitBy::Kind, 9)
            .await
            .unwrap()[0]
            .jobs,
        3
    );
}
