//! Puts jobs straight into a ledger, as nothing of rolecall would.

use mongodb::bson::{Bson, DateTime, doc};
use rusqlite::{Connection, params};
use serde_json::Value;

use crate::case::LedgerAt;
use crate::processes::now_ms;

/// A job as it is to be stored.
#[derive(Debug, Clone)]
pub(crate) struct Planted {
    pub(crate) kind: &'static str,
    pub(crate) version: i32,
    pub(crate) payload: Value,
    pub(crate) lane: &'static str,
    /// Unix milliseconds.
    pub(crate) run_at: i64,
    pub(crate) max_attempts: i32,
}

impl Planted {
    /// One that does this, in the bulk lane (`jobs/misbehave.rs` of a build with the feature `faults`).
    pub(crate) fn that(how: Value) -> Self {
        Self {
            kind: "misbehave",
            version: 1,
            payload: serde_json::json!({ "how": how }),
            lane: "bulk",
            run_at: now_ms(),
            max_attempts: 2,
        }
    }

    pub(crate) fn times(self, n: usize) -> Vec<Self> {
        vec![self; n]
    }
}

/// Stores them; gives their ids.
pub(crate) async fn plant(ledger: &LedgerAt, jobs: &[Planted]) -> Result<Vec<String>, String> {
    let ids: Vec<String> = jobs.iter().map(|_| uuid::Uuid::now_v7().to_string()).collect();
    match ledger {
        LedgerAt::Sqlite(path) => sqlite(path, jobs, &ids).map_err(|e| format!("{}: {e}", path.display()))?,
        LedgerAt::Mongo { uri, database } => mongo(uri, database, jobs, &ids)
            .await
            .map_err(|e| format!("the Mongo server: {e}"))?,
    }
    Ok(ids)
}

fn sqlite(path: &std::path::Path, jobs: &[Planted], ids: &[String]) -> Result<(), rusqlite::Error> {
    let mut db = Connection::open(path)?;
    db.busy_timeout(std::time::Duration::from_secs(10))?;
    let all = db.transaction()?;
    for (job, id) in jobs.iter().zip(ids) {
        let state = if job.run_at > now_ms() {
            "scheduled"
        } else {
            "available"
        };
        all.execute(
            "INSERT INTO rolecall_jobs (id, kind, version, payload, lane, state, run_at, max_attempts, actor, reason, \
                 inserted_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'faults', 'planted', ?9)",
            params![
                id,
                job.kind,
                job.version,
                job.payload.to_string(),
                job.lane,
                state,
                job.run_at,
                job.max_attempts,
                now_ms()
            ],
        )?;
    }
    all.commit()
}

async fn mongo(
    uri: &str,
    database: &str,
    jobs: &[Planted],
    ids: &[String],
) -> Result<(), mongodb::error::Error> {
    let client = mongodb::Client::with_uri_str(uri).await?;
    let all = client
        .database(database)
        .collection::<mongodb::bson::Document>("rolecall_jobs");
    let rank = |lane: &str| match lane {
        "interactive" => 0,
        "normal" => 1,
        _ => 2,
    };
    let documents: Vec<_> = jobs
        .iter()
        .zip(ids)
        .map(|(job, id)| {
            let state = if job.run_at > now_ms() {
                "scheduled"
            } else {
                "available"
            };
            doc! {
                "_id": id, "kind": job.kind, "version": job.version,
                "payload": Bson::try_from(job.payload.clone()).unwrap_or(Bson::Null),
                "lane": job.lane, "waiting_lane": rank(job.lane), "state": state,
                "run_at": DateTime::from_millis(job.run_at), "attempt": 0, "max_attempts": job.max_attempts,
                "crashes": 0, "snoozes": 0, "fence": 0_i64,
                "cause": { "actor": "faults", "reason": "planted" }, "inserted_at": DateTime::now(),
            }
        })
        .collect();
    for some in documents.chunks(1_000) {
        all.insert_many(some).await?;
    }
    Ok(())
}

/// How many jobs have not ended, without reading them.
pub(crate) async fn live(ledger: &LedgerAt) -> Result<u64, String> {
    match ledger {
        LedgerAt::Sqlite(path) => {
            let count = || -> Result<u64, rusqlite::Error> {
                let db = Connection::open(path)?;
                db.busy_timeout(std::time::Duration::from_secs(10))?;
                let sql = "SELECT count(*) FROM rolecall_jobs WHERE finished_at IS NULL";
                db.query_row(sql, [], |row| row.get::<_, i64>(0))
                    .map(i64::unsigned_abs)
            };
            count().map_err(|e| format!("{}: {e}", path.display()))
        }
        LedgerAt::Mongo { uri, database } => {
            let client = mongodb::Client::with_uri_str(uri)
                .await
                .map_err(|e| e.to_string())?;
            let jobs = client
                .database(database)
                .collection::<mongodb::bson::Document>("rolecall_jobs");
            let live = doc! { "finished_at": { "$exists": false } };
            jobs.count_documents(live).await.map_err(|e| e.to_string())
        }
    }
}
