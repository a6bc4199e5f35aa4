//! Answers to requests with a key.

use rolecall_core::replies::{Admission, Asked, GIVEN_UP_AFTER, Reply};
use std::time::Duration;
use uuid::Uuid;

use crate::fixture::Fixture;
use crate::given::PAST;

fn asked(key: &str, fingerprint: &str, after: Duration) -> Asked {
    Asked {
        key: key.to_owned(),
        fingerprint: fingerprint.to_owned(),
        holder: Uuid::new_v4(),
        at: PAST + after,
        until: PAST + after + Duration::from_secs(1_000),
    }
}

/// What the first of its kind is told.
fn new(asked: &Asked) -> Admission {
    Admission::Go { work: asked.holder }
}

fn reply() -> Reply {
    Reply {
        status: 201,
        headers: vec![("location".to_owned(), "/v1/jobs/1".to_owned())],
        body: r#"{"name": "Ä"}"#.to_owned(),
    }
}

pub(crate) async fn an_answer_is_kept_for_the_same_request_and_no_other<F: Fixture>(fixture: F) {
    let (one, other) = (fixture.stores().replies.clone(), fixture.again().await.replies);
    let second = Duration::from_secs;
    let first = asked("k", "a", second(0));
    assert_eq!(one.begin(&first).await.unwrap(), new(&first));
    assert_eq!(
        other.begin(&asked("k", "a", second(1))).await.unwrap(),
        Admission::UnderWay
    );
    assert_eq!(
        other.begin(&asked("k", "b", second(1))).await.unwrap(),
        Admission::OtherRequest
    );
    let another = asked("l", "b", second(1));
    assert_eq!(other.begin(&another).await.unwrap(), new(&another));
    one.end(&first, Some(&reply())).await.unwrap();
    assert_eq!(
        other.begin(&asked("k", "a", second(999))).await.unwrap(),
        Admission::Replay(reply())
    );
    assert_eq!(
        other.begin(&asked("k", "b", second(999))).await.unwrap(),
        Admission::OtherRequest
    );
    // As old as it may become.
    let later = asked("k", "b", second(1_000));
    assert_eq!(other.begin(&later).await.unwrap(), new(&later));
}

pub(crate) async fn a_request_without_an_answer_frees_its_key_or_is_given_up<F: Fixture>(fixture: F) {
    let replies = &fixture.stores().replies;
    let first = asked("k", "a", Duration::ZERO);
    assert_eq!(replies.begin(&first).await.unwrap(), new(&first));
    replies.end(&first, None).await.unwrap();
    // Each further try makes what the first one would have made.
    let second = asked("k", "a", Duration::from_secs(1));
    assert_eq!(replies.begin(&second).await.unwrap(), new(&first));
    let third = asked("k", "a", Duration::from_secs(1) + GIVEN_UP_AFTER);
    assert_eq!(replies.begin(&third).await.unwrap(), new(&first));
    // Whoever was given up comes back too late.
    replies.end(&second, Some(&reply())).await.unwrap();
    replies.end(&second, None).await.unwrap();
    let fourth = asked("k", "a", Duration::from_secs(2) + GIVEN_UP_AFTER);
    assert_eq!(replies.begin(&fourth).await.unwrap(), Admission::UnderWay);
    // A free key is there for another request, too.
    replies.end(&third, None).await.unwrap();
    let other = asked("k", "b", Duration::from_secs(3) + GIVEN_UP_AFTER);
    assert_eq!(replies.begin(&other).await.unwrap(), new(&other));
}

pub(crate) async fn of_sixteen_with_one_key_at_once_one_does_the_work<F: Fixture>(fixture: F) {
    let (one, other) = (fixture.stores().replies.clone(), fixture.again().await.replies);
    let asking = (0..16).map(|n| {
        let replies = if n % 2 == 0 { one.clone() } else { other.clone() };
        async move { replies.begin(&asked("k", "a", Duration::ZERO)).await.unwrap() }
    });
    let all = futures::future::join_all(asking).await;
    assert_eq!(
        all.iter().filter(|a| matches!(a, Admission::Go { .. })).count(),
        1
    );
    assert_eq!(all.iter().filter(|a| **a == Admission::UnderWay).count(), 15);
}

pub(crate) async fn answers_are_deleted_when_they_are_old<F: Fixture>(fixture: F) {
    let replies = &fixture.stores().replies;
    for (n, key) in ["a", "b", "c"].into_iter().enumerate() {
        let asked = asked(key, "f", Duration::from_secs(n as u64));
        assert_eq!(replies.begin(&asked).await.unwrap(), new(&asked));
    }
    let now = PAST + Duration::from_secs(1_001);
    assert_eq!(replies.prune(now, 1).await.unwrap(), 1);
    assert_eq!(replies.prune(now, 9).await.unwrap(), 1);
    assert_eq!(replies.prune(now, 9).await.unwrap(), 0);
}
