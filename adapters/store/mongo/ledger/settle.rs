//! Leaving jobs.

use mongodb::bson::{self, Bson, Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::ids::JobId;
use rolecall_core::job::{ATTEMPTS_KEPT, Attempt, JobState, Lane, WAITS_KEPT};
use rolecall_core::ports::Settlement;
use rolecall_core::progress::Progress;
use rolecall_core::time::Timestamp;

use super::document::{JOBS, OUTCOME_FIELDS, attempt_written, outcome_written, wait_written};
use super::literal;
use crate::store::mongo::MongoStore;
use crate::store::mongo::documents::{Fields, date, put};
use crate::store::mongo::errors::store_error;

/// Guarded by the fence: who lost the lease changes nothing.
pub(super) async fn settle(
    store: &MongoStore,
    id: JobId,
    fence: i64,
    settlement: &Settlement,
) -> Result<bool, StoreError> {
    if settlement.state == JobState::Running {
        return Err(StoreError::Corrupt(format!("job {id} cannot be left as running")));
    }
    let held = doc! { "_id": id.to_string(), "fence": fence, "state": JobState::Running.as_str() };
    let mut free = held.clone();
    if settlement.state.is_waiting() {
        free.insert("cancel_by", doc! { "$exists": false });
    }
    let answer = store.jobs().update_one(free, left(settlement)).await;
    if answer.map_err(store_error)?.matched_count > 0 {
        return Ok(true);
    }
    if !settlement.state.is_waiting() {
        return Ok(false);
    }
    // Nearly always the lease is lost; else somebody asked to cancel it.
    let shape = doc! { "cancel_by": 1 };
    let found = store.jobs().find_one(held.clone()).projection(shape).await;
    let Some(doc) = found.map_err(store_error)? else {
        return Ok(false);
    };
    let by = Fields::new(JOBS, &doc).opt_text("cancel_by")?;
    let ended = settlement.clone().unless_cancelled(by.as_deref());
    let answer = store.jobs().update_one(held, left(&ended)).await;
    Ok(answer.map_err(store_error)?.matched_count > 0)
}

/// What is known of a failed attempt, as fields of its job, by which people find it.
pub(super) fn failure(attempt: &Attempt) -> Document {
    let mut doc = Document::new();
    put(&mut doc, "error_code", attempt.error_code.clone());
    put(&mut doc, "discord_code", attempt.discord_code.map(i64::from));
    put(&mut doc, "error_message", attempt.message.clone());
    doc
}

/// The fields of [`failure`], and the cause that it has.
const FAILURE_FIELDS: [&str; 4] = ["error_code", "discord_code", "error_message", "fingerprint"];

fn left(settlement: &Settlement) -> Vec<Document> {
    let state = settlement.state;
    let mut set = doc! { "state": state.as_str() };
    let mut unset = vec!["lease", "concurrency_key", "sent_at", "cancel_by"];
    if state.is_final() {
        set.insert("finished_at", "$$NOW");
        unset.extend(["unique_key", "waiting_lane"]);
    } else {
        // The rank of its lane, which is known to the document only.
        let lanes: Vec<&str> = Lane::ALL.iter().map(|l| l.as_str()).collect();
        set.insert("waiting_lane", doc! { "$indexOfArray": [lanes, "$lane"] });
    }
    if let Some(at) = settlement.run_at {
        set.insert("run_at", date(at));
    }
    if settlement.give_back {
        set.insert("attempt", doc! { "$subtract": ["$attempt", literal(1_i32)] });
    }
    if settlement.give_back && state == JobState::Scheduled {
        set.insert("snoozes", doc! { "$add": ["$snoozes", literal(1_i32)] });
    }
    if let Some(attempt) = &settlement.attempt {
        let history = doc! { "$ifNull": ["$attempts", []] };
        let longer = doc! { "$concatArrays": [history, [literal(attempt_written(attempt))]] };
        set.insert("attempts", doc! { "$slice": [longer, literal(-kept())] });
    }
    if let Some(wait) = &settlement.wait {
        let waits = doc! { "$ifNull": ["$waits", []] };
        let longer = doc! { "$concatArrays": [waits, [literal(wait_written(wait))]] };
        let kept = i32::try_from(WAITS_KEPT).unwrap_or(i32::MAX);
        set.insert("waits", doc! { "$slice": [longer, literal(-kept)] });
    }
    // What an earlier attempt left goes, where this one says nothing.
    let mut said = settlement
        .outcome
        .as_ref()
        .map(outcome_written)
        .unwrap_or_default();
    put(&mut said, "fingerprint", settlement.fingerprint.clone());
    unset.extend(OUTCOME_FIELDS.iter().filter(|f| !said.contains_key(**f)));
    if !settlement.give_back {
        said.extend(settlement.attempt.as_ref().map(failure).unwrap_or_default());
        let failed = FAILURE_FIELDS.iter().filter(|f| !said.contains_key(**f));
        unset.extend(failed);
    }
    for (field, value) in said {
        set.insert(field, literal(value));
    }
    vec![doc! { "$set": set }, doc! { "$unset": unset }]
}

/// How many attempts the history keeps.
pub(super) fn kept() -> i32 {
    i32::try_from(ATTEMPTS_KEPT).unwrap_or(i32::MAX)
}

/// `false`: the job is not running under this fence.
pub(super) async fn report(
    store: &MongoStore,
    id: JobId,
    fence: i64,
    progress: &Progress,
) -> Result<bool, StoreError> {
    let held = doc! { "_id": id.to_string(), "fence": fence, "state": JobState::Running.as_str() };
    let progress = bson::to_bson(progress).map_err(StoreError::corrupt)?;
    let update = doc! { "$set": { "progress": progress } };
    let answer = store.jobs().update_one(held, update).await;
    Ok(answer.map_err(store_error)?.matched_count > 0)
}

/// Puts a waiting job off; its envelope is used up, so it is to be sent again when its time has come.
/// `false`: it does not wait.
pub(super) async fn defer(store: &MongoStore, id: JobId, until: Timestamp) -> Result<bool, StoreError> {
    let waiting = doc! { "_id": id.to_string(), "waiting_lane": { "$exists": true } };
    let is_later = doc! { "$gt": [literal(until.0), { "$toLong": "$$NOW" }] };
    let becomes_scheduled = doc! { "$and": [{ "$eq": ["$state", JobState::Available.as_str()] }, is_later] };
    let update = vec![
        doc! { "$set": {
            "run_at": Bson::from(date(until)),
            "state": { "$cond": [becomes_scheduled, JobState::Scheduled.as_str(), "$state"] },
        } },
        doc! { "$unset": "sent_at" },
    ];
    let answer = store.jobs().update_one(waiting, update).await;
    Ok(answer.map_err(store_error)?.matched_count > 0)
}
