//! What does not fit into one command, and what must not be taken for one.

use rolecall_core::job::{Inserted, JobState, NewJob};
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::Settlement;

use super::Mongo;
use crate::fixture::Fixture;
use crate::given::{LONG, attempt, claimed, completed, ended, job, read, settled};

#[tokio::test]
async fn more_jobs_than_one_command_holds_are_answered_in_their_order() {
    let mongo = Mongo::fresh().await.unwrap();
    let ledger = &mongo.stores().ledger;
    let unique = |n: usize| NewJob {
        unique_key: Some(format!("$key.{n}")),
        ..job()
    };
    let first: Vec<NewJob> = (0..150).map(unique).collect();
    let created: Vec<Inserted> = first.iter().map(|j| Inserted::Created(j.id)).collect();
    assert_eq!(ledger.insert(first.clone()).await.unwrap(), created);
    let second: Vec<NewJob> = (100..150)
        .map(unique)
        .chain(first[..80].iter().cloned())
        .collect();
    let wanted: Vec<Inserted> = (first[100..].iter().map(|j| Inserted::Duplicate(j.id)))
        .chain(first[..80].iter().map(|j| Inserted::Repeated(j.id)))
        .collect();
    assert_eq!(ledger.insert(second).await.unwrap(), wanted);
}

#[tokio::test]
async fn leases_of_more_jobs_than_one_command_holds_are_renewed() {
    let mongo = Mongo::fresh().await.unwrap();
    let ledger = &mongo.stores().ledger;
    let jobs: Vec<NewJob> = (0..110).map(|_| job()).collect();
    ledger.insert(jobs.clone()).await.unwrap();
    let mut held = Vec::new();
    for job in jobs {
        held.push((job.id, claimed(ledger.as_ref(), job.id, LONG).await.fence));
    }
    let renewed = ledger.renew("worker-a", &held, LONG).await.unwrap();
    assert_eq!(renewed.len(), 110);
}

#[tokio::test]
async fn texts_that_look_like_expressions_stay_texts() {
    let mongo = Mongo::fresh().await.unwrap();
    let ledger = &mongo.stores().ledger;
    let new = NewJob {
        payload: serde_json::json!({"$set": {"a.b": "$state"}}),
        concurrency: Some("$fence".to_owned()),
        ..job()
    };
    ledger.insert(vec![new.clone()]).await.unwrap();
    ledger.claim(new.id, "$kind", LONG).await.unwrap();
    let found = read(ledger.as_ref(), new.id).await;
    assert_eq!(found.lease.unwrap().owner, "$kind");
    let mut failed = attempt(1, "retry");
    failed.message = Some("$$ROOT".to_owned());
    let retry = Settlement {
        attempt: Some(failed.clone()),
        fingerprint: Some("$lane".to_owned()),
        ..settled(JobState::Retryable)
    };
    assert!(ledger.settle(new.id, 1, retry).await.unwrap());
    let found = read(ledger.as_ref(), new.id).await;
    assert_eq!((found.payload, found.attempts), (new.payload, vec![failed]));
    assert_eq!(found.fingerprint.as_deref(), Some("$lane"));
    // A later settlement that says nothing of it removes it.
    let mut outcome = Outcome::skipped("$reason").with_note("$notes");
    outcome.count("skipped.role_above_bot", 2);
    ended(ledger.as_ref(), new.id, completed(outcome.clone())).await;
    let found = read(ledger.as_ref(), new.id).await;
    assert_eq!((found.outcome, found.fingerprint), (Some(outcome), None));
}
