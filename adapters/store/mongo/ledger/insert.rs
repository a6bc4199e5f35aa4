//! Storing jobs.

use std::collections::{BTreeMap, BTreeSet};

use mongodb::bson::{Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::ids::JobId;
use rolecall_core::job::{Inserted, NewJob};
use rolecall_core::ports::Clock;

use super::document::{JOBS, written};
use crate::store::mongo::MongoStore;
use crate::store::mongo::documents::{Fields, all};
use crate::store::mongo::errors::duplicates;

/// Documents in one command.
const CHUNK: usize = 100;
/// How often the live job of a unique key may end between our insert and our look for it.
const ROUNDS: usize = 8;

/// Stores jobs, in few round trips. After an error some of them may be stored: the same ids again change nothing.
pub(super) async fn insert(store: &MongoStore, jobs: &[NewJob]) -> Result<Vec<Inserted>, StoreError> {
    let mut answers = Vec::with_capacity(jobs.len());
    for chunk in jobs.chunks(CHUNK) {
        answers.extend(insert_chunk(store, chunk).await?);
    }
    Ok(answers)
}

async fn insert_chunk(store: &MongoStore, jobs: &[NewJob]) -> Result<Vec<Inserted>, StoreError> {
    let mut answers = vec![None; jobs.len()];
    for _ in 0..ROUNDS {
        let open: Vec<usize> = (0..jobs.len()).filter(|i| answers[*i].is_none()).collect();
        if open.is_empty() {
            break;
        }
        // Whoever gives a job's `run_at` reads the same clock, so that "now" means now.
        let now = store.clock.now();
        let documents = open.iter().map(|i| written(&jobs[*i], now));
        let documents = documents.collect::<Result<Vec<_>, _>>()?;
        let refused = match store.jobs().insert_many(documents).ordered(false).await {
            Ok(_) => Vec::new(),
            Err(error) => duplicates(error)?,
        };
        let refused: BTreeSet<usize> = refused.into_iter().filter_map(|i| open.get(i).copied()).collect();
        for i in open.iter().filter(|i| !refused.contains(*i)) {
            answers[*i] = Some(Inserted::Created(jobs[*i].id));
        }
        explain(store, jobs, &refused, &mut answers).await?;
    }
    let whole: Option<Vec<Inserted>> = answers.into_iter().collect();
    whole.ok_or_else(|| {
        StoreError::Unavailable(
            "the live job of a unique key ended each time it was looked for; the insert can be repeated"
                .to_owned(),
        )
    })
}

/// Answers those that a unique index refused. Without an answer remains a job whose live twin ended meanwhile.
async fn explain(
    store: &MongoStore,
    jobs: &[NewJob],
    refused: &BTreeSet<usize>,
    answers: &mut [Option<Inserted>],
) -> Result<(), StoreError> {
    if refused.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = refused.iter().map(|i| jobs[*i].id.to_string()).collect();
    let stored: BTreeSet<JobId> = found(store, doc! { "_id": { "$in": ids } })
        .await?
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    // The id comes first: a repeated insert of a live job violates both indexes.
    let strangers = || refused.iter().filter(|i| !stored.contains(&jobs[**i].id));
    let keys: Vec<String> = strangers().filter_map(|i| jobs[*i].unique_key.clone()).collect();
    let mut live = BTreeMap::new();
    if !keys.is_empty() {
        for (id, key) in found(store, doc! { "unique_key": { "$in": keys } }).await? {
            live.insert(key, id);
        }
    }
    for i in refused {
        let job = &jobs[*i];
        answers[*i] = if stored.contains(&job.id) {
            Some(Inserted::Repeated(job.id))
        } else {
            let twin = job.unique_key.as_ref().and_then(|k| live.get(&Some(k.clone())));
            twin.map(|id| Inserted::Duplicate(*id))
        };
    }
    Ok(())
}

/// Ids and unique keys of the jobs that match.
async fn found(store: &MongoStore, filter: Document) -> Result<Vec<(JobId, Option<String>)>, StoreError> {
    let documents = all(store.jobs().find(filter).projection(doc! { "unique_key": 1 })).await?;
    let read = |doc: &Document| {
        let f = Fields::new(JOBS, doc);
        Ok((f.parsed("_id")?, f.opt_text("unique_key")?))
    };
    documents.iter().map(read).collect()
}
