//! How many jobs ended, by minute.

use std::time::Duration;

use rolecall_core::job::{JobState, Lane};
use rolecall_core::throughput::{Counts, MINUTE_MS, Minute, minute_of};
use rolecall_core::time::Timestamp;

use crate::fixture::Fixture;

fn counts(completed: u64, wait: i64) -> Counts {
    let mut counts = Counts::default();
    counts.ended(JobState::Discarded);
    counts.waited(wait);
    for _ in 0..completed {
        counts.ended(JobState::Completed);
    }
    counts
}

fn minute(now: Timestamp, ago: i64, lane: Lane, counts: Counts) -> Minute {
    Minute {
        at: Timestamp(minute_of(now).0 - ago * MINUTE_MS),
        lane,
        counts,
    }
}

pub(crate) async fn counts_of_one_minute_and_lane_add_up<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    let now = stores.ledger.now().await.unwrap();
    let bulk = |completed, wait| minute(now, 3, Lane::Bulk, counts(completed, wait));
    let normal = minute(now, 3, Lane::Normal, counts(7, 1));
    stores.job_minutes.add(&[]).await.unwrap();
    stores
        .job_minutes
        .add(&[bulk(2, 5), normal.clone()])
        .await
        .unwrap();
    let other = fixture.again().await;
    other.job_minutes.add(&[bulk(3, 40_000)]).await.unwrap();
    let mut found = other.job_minutes.since(Timestamp(0)).await.unwrap();
    found.sort_by_key(|m| m.lane);
    let mut both = bulk(2, 5);
    both.counts.add(&counts(3, 40_000));
    assert_eq!(found, [normal, both]);
    assert_eq!((found[1].counts.completed, found[1].counts.discarded), (5, 2));
}

pub(crate) async fn minutes_are_read_from_a_moment_on_in_the_order_of_time<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    let now = stores.ledger.now().await.unwrap();
    let all = [5, 1, 90].map(|ago| minute(now, ago, Lane::Interactive, counts(1, 1)));
    stores.job_minutes.add(&all).await.unwrap();
    let [five, one, ninety] = all;
    let hour = now - Duration::from_secs(3_600);
    assert_eq!(
        stores.job_minutes.since(hour).await.unwrap(),
        [five.clone(), one.clone()]
    );
    assert_eq!(
        stores.job_minutes.since(five.at).await.unwrap(),
        [five.clone(), one.clone()]
    );
    assert_eq!(
        stores.job_minutes.since(Timestamp(0)).await.unwrap(),
        [ninety, five, one]
    );
}
