//! What is deleted when it is old, and what stays.

use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_core::cause::Cause;
use rolecall_core::dead_letter::{Mark, Said};
use rolecall_core::job::JobState;
use rolecall_core::link::Link;
use rolecall_core::ports::{Claim, Settlement};
use rolecall_core::retention::Policy;
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::queue::Enqueue;
use rolecall_jobs::retention::{Retention, prune};
use rolecall_jobs::seal_secrets::SealSecrets;

use crate::testing::world;

#[tokio::test]
async fn the_retention_keeps_what_is_young_and_what_is_kept_for_ever() {
    let world = world().await;
    let services = &world.app.services;
    let (ada, _) = world.linked("ada").await;
    let link = services.links.of_account(ada).await.unwrap().unwrap();
    let inactive = Link {
        is_active: false,
        updated_at: Timestamp(0),
        ..link
    };
    services.links.put(&inactive, None).await.unwrap();
    let job = Enqueue::new(&SealSecrets {}, Cause::new("test", "a test"));
    let id = job.0.id;
    world.app.queue.insert(vec![job]).await.unwrap();
    let claimed = services
        .ledger
        .claim(id, "w", Duration::from_secs(60))
        .await
        .unwrap();
    let Claim::Claimed(claimed) = claimed else {
        panic!("{claimed:?}")
    };
    let done = Settlement {
        state: JobState::Completed,
        run_at: None,
        give_back: false,
        outcome: None,
        attempt: None,
        fingerprint: None,
        wait: None,
    };
    assert!(services.ledger.settle(id, claimed.fence, done).await.unwrap());
    let (context, _lease) = world.context::<Retention>();
    let outcome = Retention {}.run(&context).await.unwrap();
    assert!(outcome.counts.is_empty(), "{outcome:?}");
    // In eight days it is a day too old.
    let policy = &services.settings.retention;
    let later = world.now() + Duration::from_secs(8 * 86_400);
    let deleted = prune(services, policy, later).await.unwrap();
    assert_eq!((deleted["jobs"], deleted["discarded_jobs"]), (1, 0));
    assert!(services.ledger.get(id).await.unwrap().is_none());
    assert!(services.links.of_account(ada).await.unwrap().is_some());
    let policy = Policy {
        inactive_links: Some(Duration::from_secs(86_400)),
        ..policy.clone()
    };
    let deleted = prune(services, &policy, later).await.unwrap();
    assert_eq!(deleted["inactive_links"], 1);
    assert!(services.links.of_account(ada).await.unwrap().is_none());
}

#[tokio::test]
async fn what_was_said_of_a_cause_goes_when_it_is_old_and_no_dead_letter_is_left() {
    let world = world().await;
    let services = &world.app.services;
    let day = |n: u64| world.now() + Duration::from_secs(n * 86_400);
    for (cause, said) in [
        ("gone", Said::Resolved),
        ("gone, ignored", Said::Ignored(None)),
        ("ignored until then", Said::Ignored(Some(day(200)))),
        ("still there", Said::Resolved),
    ] {
        let mark = Mark {
            fingerprint: cause.to_owned(),
            said,
            at: world.now(),
            by: "user:eve".to_owned(),
            reason: String::new(),
        };
        services.cause_marks.put(&mark).await.unwrap();
    }
    let job = Enqueue::new(&SealSecrets {}, Cause::new("test", "a test"));
    let id = job.0.id;
    world.app.queue.insert(vec![job]).await.unwrap();
    let claimed = services.ledger.claim(id, "w", Duration::from_secs(60)).await;
    let Claim::Claimed(claimed) = claimed.unwrap() else {
        panic!("it is due")
    };
    let failed = Settlement {
        state: JobState::Discarded,
        run_at: None,
        give_back: false,
        outcome: None,
        attempt: None,
        fingerprint: Some("still there".to_owned()),
        wait: None,
    };
    assert!(services.ledger.settle(id, claimed.fence, failed).await.unwrap());
    let left = async || -> Vec<String> {
        let marks = services.cause_marks.list().await.unwrap();
        marks.into_iter().map(|mark| mark.fingerprint).collect()
    };
    // The job itself is kept here, so that its mark shows that it counts.
    let policy = Policy {
        discarded_jobs: Some(Duration::from_secs(90 * 86_400)),
        ..Policy::default()
    };
    let keeps_all = Policy {
        discarded_jobs: None,
        ..policy.clone()
    };
    prune(services, &keeps_all, day(1_000)).await.unwrap();
    prune(services, &policy, day(89)).await.unwrap();
    assert_eq!(left().await.len(), 4);
    services
        .cause_marks
        .put(&Mark {
            at: Timestamp(0),
            ..services.cause_marks.list().await.unwrap().remove(3)
        })
        .await
        .unwrap();
    let deleted = prune(services, &policy, day(0)).await.unwrap();
    assert_eq!(deleted["cause_marks"], 0, "its dead letter is there");
    prune(services, &policy, day(91)).await.unwrap();
    assert_eq!(left().await, ["ignored until then"]);
}
