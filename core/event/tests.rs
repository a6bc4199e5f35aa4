//! What is true of events.

use proptest::prelude::*;

use super::*;
use crate::job::Lane;

#[test]
fn names_are_the_ones_already_sent_and_read_back() {
    let names: Vec<_> = EventType::all().map(EventType::as_str).collect();
    assert_eq!(
        names,
        [
            "group.opened",
            "group.reopened",
            "queue.late",
            "worker.lost",
            "tick.missed",
            "run.held",
            "discord.ban_risk",
            "webhook.disabled",
            "webhook.test",
        ]
    );
    for (n, kind) in EventType::all().enumerate() {
        assert_eq!(kind as usize, n);
        assert_eq!(EventType::from_name(kind.as_str()), Some(kind));
        let text = serde_json::to_value(kind).unwrap();
        assert_eq!(text, kind.as_str());
        assert_eq!(serde_json::from_value::<EventType>(text).unwrap(), kind);
    }
}

fn late(waited: u64, at: i64) -> Event {
    Event {
        occasion: Occasion::QueueLate {
            lane: Lane::Bulk,
            waited: Duration::from_secs(waited),
            limit: Duration::from_secs(60),
        },
        at: Timestamp(at),
    }
}

#[test]
fn an_event_is_the_same_whoever_notices_it_when_and_another_one_when_it_begins_anew() {
    let endpoint = Uuid::from_u128(7);
    assert_eq!(late(61, 5).id(), late(99, 5).id());
    assert_eq!(late(61, 5).delivery(endpoint), late(99, 5).delivery(endpoint));
    assert_ne!(late(61, 5).id(), late(61, 6).id());
    let lost = |seen_at, at| Event {
        occasion: Occasion::WorkerLost {
            worker: "host-1-ab".to_owned(),
            host: "host".to_owned(),
            roles: Vec::new(),
            running: 0,
            seen_at: Timestamp(seen_at),
        },
        at: Timestamp(at),
    };
    assert_eq!(lost(1, 5).id(), lost(1, 6).id(), "a loss is told once");
    assert_ne!(
        lost(1, 5).id(),
        lost(4, 5).id(),
        "it came back and was lost again"
    );
    assert_ne!(
        late(61, 5).delivery(endpoint),
        late(61, 5).delivery(Uuid::from_u128(8))
    );
}

#[test]
fn a_body_has_type_time_and_data_and_nothing_else() {
    let body = late(61, 1_800_000_000_000).body();
    assert_eq!(
        body,
        json!({
            "type": "queue.late",
            "timestamp": "2027-01-15T08:00:00.000Z",
            "data": { "queue": "bulk", "waited_seconds": 61, "limit_seconds": 60 },
        })
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_lane_that_swings_between_half_the_limit_and_the_limit_changes_nothing(
        limit in 2u64..10_000, part in 0.5f64..1.0, was_late: bool,
    ) {
        let limit = Duration::from_secs(limit);
        let waited = (limit / 2).max(limit.mul_f64(part));
        prop_assert_eq!(is_late(was_late, waited, limit), was_late);
        prop_assert!(is_late(was_late, limit * 2, limit));
        prop_assert!(!is_late(was_late, limit / 3, limit));
    }

    #[test]
    fn a_count_of_refused_calls_that_swings_between_half_the_limit_and_the_limit_changes_nothing(
        limit in 2u64..10_000, part in 0.5f64..1.0, was: bool,
    ) {
        let refused = (limit / 2).max((limit as f64 * part) as u64).min(limit - 1);
        prop_assert_eq!(is_ban_risk(was, refused, limit), was);
        prop_assert!(is_ban_risk(was, limit, limit));
        prop_assert!(!is_ban_risk(was, (limit / 2).saturating_sub(1), limit));
    }
}
