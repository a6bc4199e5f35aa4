//! Jobs whose worker died.

use mongodb::bson::{Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::job::{Attempt, JobState};
use rolecall_core::ports::Rescued;
use rolecall_core::time::Timestamp;

use super::document::{JOBS, attempt_written, lane, rank};
use super::limit_of;
use super::settle::{failure, kept};
use crate::store::mongo::MongoStore;
use crate::store::mongo::documents::{Fields, all, date, small};
use crate::store::mongo::errors::store_error;

/// Looks for ended leases, then takes back each by one conditional update, so that of many rescuers one succeeds.
pub(super) async fn rescue(
    store: &MongoStore,
    quarantine_after: u32,
    limit: usize,
) -> Result<Vec<Rescued>, StoreError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let now = store.clock().await?;
    let ended = doc! { "state": JobState::Running.as_str(), "lease.until": { "$lt": date(now) } };
    let shape =
        doc! { "kind": 1, "run_id": 1, "lane": 1, "fence": 1, "attempt": 1, "crashes": 1, "lease": 1 };
    let jobs = store.jobs();
    let query = jobs
        .find(ended)
        .projection(shape)
        .sort(doc! { "lease.until": 1 })
        .limit(limit_of(limit));
    let mut rescued = Vec::new();
    for doc in all(query).await? {
        match take_back(store, &doc, quarantine_after, now).await {
            Ok(job) => rescued.extend(job),
            // One unreadable job must not keep the others from being rescued.
            Err(StoreError::Corrupt(why)) => tracing::error!("A job cannot be rescued: {why}"),
            Err(error) => return Err(error),
        }
    }
    Ok(rescued)
}

async fn take_back(
    store: &MongoStore,
    doc: &Document,
    quarantine_after: u32,
    now: Timestamp,
) -> Result<Option<Rescued>, StoreError> {
    let f = Fields::new(JOBS, doc);
    let crashes = f.number::<u32>("crashes")?.saturating_add(1);
    let quarantined = crashes >= quarantine_after;
    let rescued = Rescued {
        id: f.parsed("_id")?,
        kind: f.text("kind")?,
        lane: lane(f)?,
        run_id: f.opt_parsed("run_id")?,
        state: if quarantined {
            JobState::Discarded
        } else {
            JobState::Available
        },
        crashes,
    };
    let crash = crashed(f, now, quarantined.then_some(crashes))?;
    let attempt = attempt_written(&crash);
    let mut set = doc! { "state": rescued.state.as_str(), "crashes": small(crashes) };
    set.extend(failure(&crash));
    let mut unset = doc! { "lease": "", "concurrency_key": "", "sent_at": "", "discord_code": "" };
    if quarantined {
        set.insert("fingerprint", format!("{}|quarantined", rescued.kind));
        set.insert("finished_at", date(now));
        unset.extend(doc! { "unique_key": "", "waiting_lane": "", "cancel_by": "" });
    } else {
        set.insert("waiting_lane", rank(lane(f)?));
    }
    // A renewal leaves the fence as it is, so the time is looked at again.
    let still_ended = doc! {
        "_id": rescued.id.to_string(),
        "state": JobState::Running.as_str(),
        "fence": f.number::<i64>("fence")?,
        "lease.until": { "$lt": date(now) },
    };
    let history = doc! { "attempts": { "$each": [attempt], "$slice": -kept() } };
    let update = doc! { "$set": set, "$unset": unset, "$push": history };
    let answer = store
        .jobs()
        .update_one(still_ended, update)
        .await
        .map_err(store_error)?;
    Ok((answer.matched_count > 0).then_some(rescued))
}

/// The attempt that ended without a word.
fn crashed(f: Fields<'_>, now: Timestamp, quarantined_after: Option<u32>) -> Result<Attempt, StoreError> {
    let lease = f.opt_document("lease")?;
    let lease = lease.ok_or_else(|| f.broken("lease", "a document"))?;
    let worker = lease.text("owner")?;
    let mut message = format!("The worker {worker} was not heard of again while it ran this job.");
    let mut remedy = None;
    if let Some(crashes) = quarantined_after {
        message += &format!(
            " That was the {crashes}. time, so the job is set aside: it may be what ends its workers."
        );
        remedy = Some("Look into the log of that worker, then run the job again.".to_owned());
    }
    Ok(Attempt {
        number: f.number("attempt")?,
        started_at: match lease.opt_at("since")? {
            Some(since) => since,
            None => lease.at("until")?,
        },
        worker,
        ended_at: now,
        result: "crashed".to_owned(),
        error_class: None,
        error_code: Some("worker_lost".to_owned()),
        message: Some(message),
        remedy,
        http_status: None,
        discord_code: None,
        route: None,
    })
}
