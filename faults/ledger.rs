//! Reads the ledger as it lies there, by its columns and fields alone.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};
use rusqlite::{Connection, OpenFlags, Row};
use serde_json::Value;

use crate::case::LedgerAt;

/// A job, as far as a check cares.
#[derive(Debug, Clone, Default)]
pub(crate) struct JobRow {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) state: String,
    pub(crate) attempt: i64,
    pub(crate) max_attempts: i64,
    pub(crate) crashes: i64,
    /// How often it was claimed.
    pub(crate) fence: i64,
    pub(crate) run_id: Option<String>,
    pub(crate) parent_id: Option<String>,
    /// Guild, account and role.
    pub(crate) about: (Option<String>, Option<String>, Option<String>),
    pub(crate) actor: String,
    pub(crate) reason: String,
    pub(crate) effect: Option<String>,
    pub(crate) inserted_at: i64,
    pub(crate) finished_at: Option<i64>,
    /// When its first attempt that is kept began; read from Mongo only.
    pub(crate) began_at: Option<i64>,
    /// Number, result and error code of each attempt that is kept.
    pub(crate) attempts: Vec<(i64, String, Option<String>)>,
    /// When and where each of these was.
    pub(crate) times: Vec<Times>,
    pub(crate) lane: String,
    pub(crate) version: i64,
    pub(crate) fingerprint: Option<String>,
    pub(crate) payload: String,
}

/// When and where an attempt was, in Unix milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) worker: String,
    pub(crate) started_at: i64,
    pub(crate) ended_at: i64,
    /// Of Discord's answer, where one came that it failed of.
    pub(crate) http_status: Option<i64>,
}

/// A run.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunRow {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) actor: String,
    pub(crate) reason: String,
    /// State of jobs → how many, as the run tells it.
    pub(crate) jobs: BTreeMap<String, i64>,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    pub(crate) jobs: Vec<JobRow>,
    pub(crate) runs: Vec<RunRow>,
}

/// Reads it all.
pub(crate) async fn read(at: &LedgerAt) -> Result<Ledger, String> {
    match at {
        LedgerAt::Sqlite(path) => sqlite(path).map_err(|e| format!("{}: {e}", path.display())),
        LedgerAt::Mongo { uri, database } => mongo(uri, database)
            .await
            .map_err(|e| format!("the Mongo server: {e}")),
    }
}

/// Whether nobody is in the middle of a write. Of a server, that is always so.
pub(crate) fn takes_writes(at: &LedgerAt) -> bool {
    let LedgerAt::Sqlite(path) = at else { return true };
    let free = || -> Result<(), rusqlite::Error> {
        let db = Connection::open(path)?;
        db.busy_timeout(std::time::Duration::ZERO)?;
        db.execute_batch("BEGIN IMMEDIATE; ROLLBACK")
    };
    free().is_ok()
}

fn sqlite(path: &std::path::Path) -> Result<Ledger, rusqlite::Error> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.busy_timeout(std::time::Duration::from_secs(10))?;
    let mut jobs = db.prepare(
        "SELECT id, kind, state, attempt, max_attempts, crashes, fence, run_id, parent_id, guild_id, discord_id, \
             role_id, actor, reason, effect, inserted_at, finished_at, attempts, payload, lane, version, fingerprint FROM rolecall_jobs",
    )?;
    let jobs = jobs.query_map([], |row| {
        Ok(JobRow {
            id: row.get(0)?,
            kind: row.get(1)?,
            state: row.get(2)?,
            attempt: row.get(3)?,
            max_attempts: row.get(4)?,
            crashes: row.get(5)?,
            fence: row.get(6)?,
            run_id: row.get(7)?,
            parent_id: row.get(8)?,
            about: (row.get(9)?, row.get(10)?, row.get(11)?),
            actor: row.get(12)?,
            reason: row.get(13)?,
            effect: row.get(14)?,
            inserted_at: row.get(15)?,
            finished_at: row.get(16)?,
            began_at: None,
            attempts: attempts(&json(row, 17)?),
            times: times(&json(row, 17)?),
            payload: String::from_utf8_lossy(row.get_ref(18)?.as_bytes()?).into_owned(),
            lane: row.get(19)?,
            version: row.get(20)?,
            fingerprint: row.get(21)?,
        })
    })?;
    let jobs = jobs.collect::<Result<_, _>>()?;
    let mut runs = db.prepare("SELECT id, status, actor, reason, results FROM discord_sync_status")?;
    let runs = runs.query_map([], |row| {
        Ok(RunRow {
            id: row.get(0)?,
            state: row.get(1)?,
            actor: row.get(2)?,
            reason: row.get(3)?,
            jobs: numbers(&json(row, 4)?["jobs"]),
        })
    })?;
    Ok(Ledger {
        jobs,
        runs: runs.collect::<Result<_, _>>()?,
    })
}

fn json(row: &Row<'_>, column: usize) -> Result<Value, rusqlite::Error> {
    let text: Option<String> = row.get(column)?;
    Ok(text
        .and_then(|t| serde_json::from_str(&t).ok())
        .unwrap_or_default())
}

fn attempts(value: &Value) -> Vec<(i64, String, Option<String>)> {
    let all = value.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter()
        .map(|a| {
            (
                a["number"].as_i64().unwrap_or(-1),
                a["result"].as_str().unwrap_or_default().to_owned(),
                a["error_code"].as_str().map(ToOwned::to_owned),
            )
        })
        .collect()
}

/// A number, or one in Mongo's extended JSON.
fn number_of(value: &Value) -> Option<i64> {
    let text = || {
        value["$numberInt"]
            .as_str()
            .or_else(|| value["$numberLong"].as_str())
    };
    value.as_i64().or_else(|| text()?.parse().ok())
}

/// As numbers, or as Mongo's extended JSON writes dates.
fn times(value: &Value) -> Vec<Times> {
    let all = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let at = |value: &Value| {
        let long = &value["$date"]["$numberLong"];
        value
            .as_i64()
            .or_else(|| long.as_str()?.parse().ok())
            .unwrap_or(0)
    };
    all.iter()
        .map(|a| Times {
            worker: a["worker"].as_str().unwrap_or_default().to_owned(),
            started_at: at(&a["started_at"]),
            ended_at: at(&a["ended_at"]),
            http_status: number_of(&a["http_status"]),
        })
        .collect()
}

fn numbers(value: &Value) -> BTreeMap<String, i64> {
    let all = value.as_object().into_iter().flatten();
    all.filter_map(|(name, n)| Some((name.clone(), n.as_i64()?)))
        .collect()
}

async fn mongo(uri: &str, database: &str) -> Result<Ledger, mongodb::error::Error> {
    let database = mongodb::Client::with_uri_str(uri).await?.database(database);
    let find = async |name: &str| -> Result<Vec<Document>, mongodb::error::Error> {
        database.collection(name).find(doc! {}).await?.try_collect().await
    };
    Ok(Ledger {
        jobs: find("rolecall_jobs").await?.iter().map(job_of).collect(),
        runs: find("discord_sync_status").await?.iter().map(run_of).collect(),
    })
}

fn text(doc: &Document, name: &str) -> Option<String> {
    doc.get_str(name).ok().map(ToOwned::to_owned)
}

fn number(doc: &Document, name: &str) -> i64 {
    match doc.get(name) {
        Some(Bson::Int32(n)) => i64::from(*n),
        Some(Bson::Int64(n)) => *n,
        Some(Bson::DateTime(at)) => at.timestamp_millis(),
        _ => 0,
    }
}

fn job_of(doc: &Document) -> JobRow {
    let plain = Bson::from(doc.clone()).into_relaxed_extjson();
    let nested = |outer: &str, inner: &str| plain[outer][inner].as_str().map(ToOwned::to_owned);
    JobRow {
        id: text(doc, "_id").unwrap_or_default(),
        kind: text(doc, "kind").unwrap_or_default(),
        state: text(doc, "state").unwrap_or_default(),
        attempt: number(doc, "attempt"),
        max_attempts: number(doc, "max_attempts"),
        crashes: number(doc, "crashes"),
        fence: number(doc, "fence"),
        run_id: text(doc, "run_id"),
        parent_id: text(doc, "parent_id"),
        about: (
            text(doc, "guild_id"),
            text(doc, "discord_id"),
            text(doc, "role_id"),
        ),
        actor: nested("cause", "actor").unwrap_or_default(),
        reason: nested("cause", "reason").unwrap_or_default(),
        effect: nested("outcome", "effect").or_else(|| text(doc, "effect")),
        inserted_at: number(doc, "inserted_at"),
        finished_at: doc
            .contains_key("finished_at")
            .then(|| number(doc, "finished_at")),
        began_at: began(doc),
        attempts: attempts(&plain["attempts"]),
        times: times(&Bson::from(doc.clone()).into_canonical_extjson()["attempts"]),
        lane: text(doc, "lane").unwrap_or_default(),
        version: number(doc, "version"),
        fingerprint: text(doc, "fingerprint"),
        payload: plain["payload"].to_string(),
    }
}

fn began(job: &Document) -> Option<i64> {
    let first = job.get_array("attempts").ok()?.first()?.as_document()?;
    Some(number(first, "started_at")).filter(|at| *at > 0)
}

fn run_of(doc: &Document) -> RunRow {
    let plain = Bson::from(doc.clone()).into_relaxed_extjson();
    let cause = |name: &str| plain["cause"][name].as_str().unwrap_or_default().to_owned();
    RunRow {
        id: text(doc, "sync_id").unwrap_or_default(),
        state: text(doc, "state").unwrap_or_default(),
        actor: cause("actor"),
        reason: cause("reason"),
        jobs: numbers(&plain["results"]["jobs"]),
    }
}
