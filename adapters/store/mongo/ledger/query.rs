//! What people ask about jobs.

use mongodb::bson::{Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::ids::{JobId, RunId};
use rolecall_core::job::{Job, JobState, Lane};
use rolecall_core::ports::{JobCursor, JobFilter, Share, SplitBy};
use rolecall_core::run::TallyLine;
use rolecall_core::time::{HOUR_MS, Timestamp};

use super::document::{JOBS, effect, read, state};
use super::limit_of;
use crate::store::mongo::MongoStore;
use crate::store::mongo::documents::{Fields, all, date, put};
use crate::store::mongo::errors::store_error;

pub(super) async fn get(store: &MongoStore, id: JobId) -> Result<Option<Job>, StoreError> {
    let found = store.jobs().find_one(doc! { "_id": id.to_string() }).await;
    found.map_err(store_error)?.as_ref().map(read).transpose()
}

pub(super) async fn list(
    store: &MongoStore,
    filter: &JobFilter,
    after: Option<JobCursor>,
    limit: usize,
) -> Result<Vec<Job>, StoreError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let mut wanted = matching(filter);
    if let Some(after) = after {
        let at = date(after.inserted_at);
        let older = [
            doc! { "inserted_at": { "$lt": at } },
            doc! { "inserted_at": at, "_id": { "$lt": after.id.to_string() } },
        ];
        wanted.insert("$or", older.to_vec());
    }
    let jobs = store.jobs();
    let query = jobs
        .find(wanted)
        .sort(doc! { "inserted_at": -1, "_id": -1 })
        .limit(limit_of(limit));
    all(query).await?.iter().map(read).collect()
}

pub(super) fn matching(filter: &JobFilter) -> Document {
    let mut wanted = Document::new();
    if !filter.states.is_empty() {
        let states: Vec<&str> = filter.states.iter().map(|s| s.as_str()).collect();
        wanted.insert("state", doc! { "$in": states });
    }
    let equal = [
        ("kind", filter.kind.clone()),
        ("guild_id", filter.guild_id.map(|id| id.to_string())),
        ("user_id", filter.user_id.clone().map(|id| id.0)),
        ("discord_id", filter.discord_id.map(|id| id.to_string())),
        ("run_id", filter.run_id.map(|id| id.to_string())),
        ("role_id", filter.role_id.map(|id| id.to_string())),
        ("webhook_id", filter.webhook_id.map(|id| id.to_string())),
        ("parent_id", filter.parent_id.map(|id| id.to_string())),
        ("lane", filter.lane.map(|lane| lane.to_string())),
        ("fingerprint", filter.fingerprint.clone()),
    ];
    for (field, value) in equal {
        if let Some(value) = value {
            wanted.insert(field, value);
        }
    }
    match filter
        .error_code
        .as_deref()
        .map(|code| (code, code.parse::<u32>()))
    {
        None => {}
        Some((_, Ok(code))) => drop(wanted.insert("discord_code", i64::from(code))),
        Some((code, Err(_))) => drop(wanted.insert("error_code", code)),
    }
    if let Some(text) = &filter.text {
        wanted.insert("error_message", doc! { "$regex": escaped(text), "$options": "i" });
    }
    let mut stored = Document::new();
    put(&mut stored, "$gte", filter.since.map(date));
    put(&mut stored, "$lt", filter.until.map(date));
    if !stored.is_empty() {
        wanted.insert("inserted_at", stored);
    }
    wanted
}

/// The same where nothing but states, lanes and kinds is asked for, with all states and lanes by name: so the index that
/// begins with them tells the number, and no job is read.
pub(super) fn countable(filter: &JobFilter) -> Document {
    let mut wanted = matching(filter);
    let of_index = ["state", "lane", "kind"];
    if !wanted.is_empty() && wanted.keys().all(|key| of_index.contains(&key.as_str())) {
        let names = |names: &[&str]| doc! { "$in": names.to_vec() };
        if !wanted.contains_key("state") {
            wanted.insert("state", names(&JobState::ALL.map(JobState::as_str)));
        }
        if !wanted.contains_key("lane") {
            wanted.insert("lane", names(&Lane::ALL.map(Lane::as_str)));
        }
    }
    wanted
}

/// A pattern that means this text and nothing else.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_alphanumeric() && !c.is_whitespace() {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

async fn grouped(store: &MongoStore, wanted: Document, group: Document) -> Result<Vec<Document>, StoreError> {
    let pipeline = [doc! { "$match": wanted }, doc! { "$group": group }];
    all(store.jobs().aggregate(pipeline)).await
}

pub(super) async fn counts(
    store: &MongoStore,
    filter: &JobFilter,
) -> Result<Vec<(JobState, u64)>, StoreError> {
    let group = doc! { "_id": { "state": "$state" }, "jobs": { "$sum": 1 } };
    let lines = grouped(store, countable(filter), group).await?;
    let read = |line: &Document| {
        let f = Fields::new(JOBS, line);
        let by = f.opt_document("_id")?.unwrap_or(f);
        Ok((state(by)?, f.number("jobs")?))
    };
    lines.iter().map(read).collect()
}

/// Null comes before every text, as it does in the other store.
pub(super) async fn split(
    store: &MongoStore,
    filter: &JobFilter,
    by: SplitBy,
    limit: usize,
) -> Result<Vec<Share>, StoreError> {
    let field = match by {
        SplitBy::Guild => "$guild_id",
        SplitBy::Kind => "$kind",
        SplitBy::Fingerprint => "$fingerprint",
    };
    let ended = doc! { "$ifNull": ["$finished_at", "$inserted_at"] };
    let group = doc! {
        "_id": field,
        "jobs": { "$sum": 1 },
        "first": { "$min": ended.clone() },
        "last": { "$max": ended },
        "newest": { "$max": { "at": "$inserted_at", "id": "$_id" } },
    };
    let pipeline = [
        doc! { "$match": matching(filter) },
        doc! { "$group": group },
        doc! { "$sort": { "jobs": -1, "_id": 1 } },
        doc! { "$limit": limit_of(limit) },
    ];
    let lines = all(store.jobs().aggregate(pipeline)).await?;
    let read = |line: &Document| {
        let f = Fields::new(JOBS, line);
        let newest = f.opt_document("newest")?.unwrap_or(f);
        Ok(Share {
            value: f.opt_text("_id")?,
            jobs: f.number("jobs")?,
            first: f.at("first")?,
            last: f.at("last")?,
            newest: newest.parsed("id")?,
        })
    };
    lines.iter().map(read).collect()
}

pub(super) async fn by_hour(
    store: &MongoStore,
    filter: &JobFilter,
    since: Timestamp,
) -> Result<Vec<(Timestamp, u64)>, StoreError> {
    let ended = doc! { "$toLong": { "$ifNull": ["$finished_at", "$inserted_at"] } };
    let begin = doc! { "$subtract": ["$ended", { "$mod": ["$ended", HOUR_MS] }] };
    let pipeline = [
        doc! { "$match": matching(filter) },
        doc! { "$project": { "ended": ended } },
        doc! { "$match": { "ended": { "$gte": since.0 } } },
        doc! { "$group": { "_id": begin, "jobs": { "$sum": 1 } } },
        doc! { "$sort": { "_id": 1 } },
    ];
    let lines = all(store.jobs().aggregate(pipeline)).await?;
    let read = |line: &Document| {
        let f = Fields::new(JOBS, line);
        Ok((Timestamp(f.number("_id")?), f.number("jobs")?))
    };
    lines.iter().map(read).collect()
}

pub(super) async fn tally(store: &MongoStore, run: RunId) -> Result<Vec<TallyLine>, StoreError> {
    let group = doc! {
        "_id": { "kind": "$kind", "state": "$state", "effect": "$effect", "reason": "$reason" },
        "jobs": { "$sum": 1 },
        "granted": { "$sum": "$granted" },
        "revoked": { "$sum": "$revoked" },
    };
    let lines = grouped(store, doc! { "run_id": run.to_string() }, group).await?;
    let read = |line: &Document| {
        let f = Fields::new(JOBS, line);
        let by = f.opt_document("_id")?.unwrap_or(f);
        Ok(TallyLine {
            kind: by.text("kind")?,
            state: state(by)?,
            effect: effect(by)?,
            jobs: f.number("jobs")?,
            granted: f.number("granted")?,
            revoked: f.number("revoked")?,
        })
    };
    lines.iter().map(read).collect()
}

pub(super) async fn run_is_live(store: &MongoStore, run: RunId, except: &str) -> Result<bool, StoreError> {
    let live: Vec<&str> = JobState::ALL
        .into_iter()
        .filter(|s| !s.is_final())
        .map(JobState::as_str)
        .collect();
    let wanted = doc! { "run_id": run.to_string(), "state": { "$in": live }, "kind": { "$ne": except } };
    let found = store.jobs().find_one(wanted).projection(doc! { "_id": 1 }).await;
    Ok(found.map_err(store_error)?.is_some())
}
