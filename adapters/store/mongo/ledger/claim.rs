//! Taking jobs, and keeping them.

use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ReturnDocument;
use rolecall_core::error::StoreError;
use rolecall_core::ids::JobId;
use rolecall_core::job::JobState;
use rolecall_core::ports::{Claim, Renewed};

use super::document::{JOBS, read};
use super::{literal, millis};
use crate::store::mongo::MongoStore;
use crate::store::mongo::documents::{Fields, all};
use crate::store::mongo::errors::{is_duplicate, store_error};

/// One conditional update by id. A unique index on `concurrency_key` refuses it while another job of the key runs.
pub(super) async fn claim(
    store: &MongoStore,
    id: JobId,
    worker: &str,
    lease: Duration,
) -> Result<Claim, StoreError> {
    let waiting = doc! { "_id": id.to_string(), "waiting_lane": { "$exists": true } };
    let answer = store
        .jobs()
        .find_one_and_update(waiting, vec![taken(worker, lease)])
        .return_document(ReturnDocument::After)
        .await;
    match answer {
        Ok(Some(doc)) => {
            let job = read(&doc)?;
            // Only a job that was waiting matches; one that still waits was not due.
            Ok(if job.state == JobState::Running {
                Claim::Claimed(Box::new(job))
            } else {
                Claim::Gone
            })
        }
        Ok(None) => Ok(Claim::Gone),
        Err(error) if is_duplicate(&error) => Ok(Claim::Busy),
        Err(error) => Err(store_error(error)),
    }
}

/// Takes the job if it is due by the server's clock, else changes nothing.
///
/// A job that was due when it was stored is due for ever: what the process that stored it thinks of the server's clock may
/// be a little ahead, and that must not cost its first envelope.
fn taken(worker: &str, lease: Duration) -> Document {
    // As numbers, which means the same: secantusdb 0.7, on which the tests run, compares $$NOW with stored dates wrongly.
    let due = doc! { "$or": [
        { "$lte": [{ "$toLong": "$run_at" }, { "$toLong": "$$NOW" }] },
        { "$lte": ["$run_at", "$inserted_at"] },
    ] };
    let if_due = |then: Bson, otherwise: Bson| doc! { "$cond": [due.clone(), then, otherwise] };
    let plus_one =
        |field: &str, one: Bson| doc! { "$add": [field, if_due(literal(one).into(), literal(0_i32).into())] };
    let removed = || Bson::from("$$REMOVE");
    let until = doc! { "$add": ["$$NOW", literal(millis(lease))] };
    let lease = doc! { "owner": literal(worker), "since": "$$NOW", "until": until };
    let key = doc! { "$ifNull": ["$concurrency", "$$REMOVE"] };
    doc! { "$set": {
        "state": if_due("running".into(), "$state".into()),
        "attempt": plus_one("$attempt", 1_i32.into()),
        "fence": plus_one("$fence", 1_i64.into()),
        "lease": if_due(lease.into(), removed()),
        "concurrency_key": if_due(key.into(), removed()),
        "waiting_lane": if_due(removed(), "$waiting_lane".into()),
        "sent_at": if_due(removed(), "$sent_at".into()),
    } }
}

/// One write for all leases of a worker, then a read that says which of them it reached.
pub(super) async fn renew(
    store: &MongoStore,
    worker: &str,
    held: &[(JobId, i64)],
    lease: Duration,
) -> Result<Vec<Renewed>, StoreError> {
    let mut renewed = Vec::new();
    for chunk in held.chunks(100) {
        let pairs: Vec<Document> = chunk
            .iter()
            .map(|(id, fence)| doc! { "_id": id.to_string(), "fence": fence })
            .collect();
        let ours = doc! {
            "$or": pairs,
            "state": JobState::Running.as_str(),
            "lease.owner": worker,
        };
        let until = doc! { "$add": ["$$NOW", literal(millis(lease))] };
        let update = vec![doc! { "$set": { "lease.until": until } }];
        store
            .jobs()
            .update_many(ours.clone(), update)
            .await
            .map_err(store_error)?;
        // A lease that this finds was ours at the write, too: it cannot come back to us with its old fence.
        let shape = doc! { "_id": 1, "cancel_by": 1 };
        for doc in all(store.jobs().find(ours).projection(shape)).await? {
            let f = Fields::new(JOBS, &doc);
            renewed.push(Renewed {
                id: f.parsed("_id")?,
                cancel_asked: f.opt_text("cancel_by")?.is_some(),
            });
        }
    }
    Ok(renewed)
}
