//! What is remembered of schedules.

use rolecall_core::schedule::{ScheduleState, TICKS_KEPT, TickOutcome, TickRecord};
use rolecall_core::time::Timestamp;
use uuid::Uuid;

use crate::fixture::Fixture;
use crate::given::PAST;

fn later(seconds: i64) -> Timestamp {
    Timestamp(PAST.0 + seconds * 1_000)
}

fn tick(seconds: i64, outcome: TickOutcome) -> TickRecord {
    TickRecord {
        schedule: "retention".to_owned(),
        at: later(seconds),
        outcome,
        made: None,
        by: None,
        noted_at: later(seconds + 1),
    }
}

pub(crate) async fn a_schedule_is_on_until_it_is_switched_off_and_told_once<F: Fixture>(fixture: F) {
    let schedules = &fixture.stores().schedules;
    assert_eq!(schedules.states().await.unwrap(), []);
    schedules.begin("retention", later(0)).await.unwrap();
    schedules.begin("retention", later(99)).await.unwrap();
    let known = ScheduleState {
        name: "retention".to_owned(),
        enabled: true,
        seen_until: later(0),
        missed: 0,
        changed: None,
    };
    assert_eq!(schedules.states().await.unwrap(), std::slice::from_ref(&known));
    assert!(
        !schedules
            .switch("retention", true, "user:eve", later(1))
            .await
            .unwrap()
    );
    assert!(
        schedules
            .switch("retention", false, "user:eve", later(2))
            .await
            .unwrap()
    );
    assert!(
        !schedules
            .switch("retention", false, "user:bob", later(3))
            .await
            .unwrap()
    );
    let off = ScheduleState {
        enabled: false,
        changed: Some(("user:eve".to_owned(), later(2))),
        ..known.clone()
    };
    assert_eq!(fixture.again().await.schedules.states().await.unwrap(), [off]);
    // What it would have done meanwhile is not missed.
    assert!(
        schedules
            .switch("retention", true, "user:bob", later(50))
            .await
            .unwrap()
    );
    let on = ScheduleState {
        seen_until: later(50),
        changed: Some(("user:bob".to_owned(), later(50))),
        ..known
    };
    assert_eq!(schedules.states().await.unwrap(), [on]);
    // One that nobody looked at yet can be switched off, too.
    assert!(
        schedules
            .switch("another", false, "user:eve", later(4))
            .await
            .unwrap()
    );
    let states = schedules.states().await.unwrap();
    assert_eq!((states.len(), states[0].enabled), (2, false));
}

pub(crate) async fn what_was_looked_at_moves_for_one_of_two_who_look<F: Fixture>(fixture: F) {
    let schedules = &fixture.stores().schedules;
    assert!(!schedules.see("retention", later(0), later(60), 1).await.unwrap());
    schedules.begin("retention", later(0)).await.unwrap();
    let (a, b) = tokio::join!(
        schedules.see("retention", later(0), later(60), 2),
        schedules.see("retention", later(0), later(61), 3)
    );
    assert!(a.unwrap() != b.unwrap());
    let state = schedules.states().await.unwrap().remove(0);
    assert!([(later(60), 2), (later(61), 3)].contains(&(state.seen_until, state.missed)));
}

pub(crate) async fn a_tick_that_was_begun_stays_so_and_a_missed_one_takes_no_place<F: Fixture>(fixture: F) {
    let schedules = &fixture.stores().schedules;
    let begun = TickRecord {
        made: Some(Uuid::now_v7()),
        by: Some("user:eve".to_owned()),
        ..tick(3, TickOutcome::Begun)
    };
    let skipped = tick(2, TickOutcome::Skipped);
    for noted in [
        tick(1, TickOutcome::Missed),
        tick(1, TickOutcome::Nothing),
        skipped.clone(),
        tick(2, TickOutcome::Missed),
        tick(3, TickOutcome::Skipped),
        begun.clone(),
        tick(3, TickOutcome::Nothing),
        tick(3, TickOutcome::Missed),
    ] {
        schedules.note(&noted).await.unwrap();
    }
    let noted = schedules.ticks("retention", 9).await.unwrap();
    assert_eq!(noted, [begun.clone(), skipped, tick(1, TickOutcome::Nothing)]);
    assert_eq!(
        fixture
            .again()
            .await
            .schedules
            .ticks("retention", 1)
            .await
            .unwrap(),
        [begun]
    );
    assert_eq!(schedules.ticks("another", 9).await.unwrap(), []);
}

pub(crate) async fn only_the_newest_ticks_of_a_schedule_are_kept<F: Fixture>(fixture: F) {
    let schedules = &fixture.stores().schedules;
    let other = TickRecord {
        schedule: "another".to_owned(),
        ..tick(0, TickOutcome::Begun)
    };
    schedules.note(&other).await.unwrap();
    let count = i64::try_from(TICKS_KEPT).unwrap() + 3;
    for seconds in 0..count {
        schedules.note(&tick(seconds, TickOutcome::Begun)).await.unwrap();
    }
    let kept = schedules.ticks("retention", 999).await.unwrap();
    assert_eq!((kept.len(), kept[0].at), (TICKS_KEPT, later(count - 1)));
    assert_eq!(kept.last().unwrap().at, later(3));
    assert_eq!(schedules.ticks("another", 9).await.unwrap(), [other]);
}
