//! What processes tell of themselves: `rolecall_workers`.

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use mongodb::options::ReturnDocument;
use rolecall_core::error::StoreError;
use rolecall_core::ports::{Heard, Workers};
use rolecall_core::time::Timestamp;
use rolecall_core::worker::{Beat, Drain, Process, Role, Worker};

use super::MongoStore;
use super::documents::{Fields, all, date};
use super::errors::store_error;

pub(super) const WORKERS: &str = "rolecall_workers";

impl MongoStore {
    fn workers(&self) -> Collection<Document> {
        self.collection(WORKERS)
    }
}

fn drain(f: Fields<'_>) -> Result<Option<Drain>, StoreError> {
    let read = |drain: Fields<'_>| {
        Ok(Drain {
            by: drain.text("by")?,
            reason: drain.opt_text("reason")?.unwrap_or_default(),
            at: drain.at("at")?,
            exit: drain.flag(&["exit"])?.unwrap_or_default(),
        })
    };
    f.opt_document("drain")?.map(read).transpose()
}

fn worker(doc: &Document) -> Result<Worker, StoreError> {
    let f = Fields::new(WORKERS, doc);
    let roles = f.texts("roles")?;
    Ok(Worker {
        process: Process {
            id: f.text("_id")?,
            release: f.text("release")?,
            host: f.text("host")?,
            pid: f.number("pid")?,
            // A newer release may have roles that this one does not know.
            roles: roles.iter().filter_map(|name| Role::from_name(name)).collect(),
            slots: f.number("slots")?,
            started_at: f.at("started_at")?,
        },
        beat: Beat {
            running: f.number("running")?,
            drains: f.flag(&["drains"])?.unwrap_or_default(),
            skew_ms: f.opt_whole("skew_ms")?,
            stopped: f.flag(&["stopped"])?.unwrap_or_default(),
        },
        seen_at: f.at("seen_at")?,
        drain: drain(f)?,
    })
}

#[async_trait]
impl Workers for MongoStore {
    async fn beat(&self, process: &Process, beat: &Beat) -> Result<Heard, StoreError> {
        let roles: Vec<&str> = process.roles.iter().map(|role| role.as_str()).collect();
        let update = doc! {
            "$set": {
                "release": &process.release,
                "host": &process.host,
                "pid": i64::from(process.pid),
                "roles": roles,
                "slots": i64::from(process.slots),
                "started_at": date(process.started_at),
                "running": i64::from(beat.running),
                "drains": beat.drains,
                "skew_ms": beat.skew_ms,
                "stopped": beat.stopped,
            },
            "$currentDate": { "seen_at": true },
        };
        let workers = self.workers();
        let stored = workers
            .find_one_and_update(doc! { "_id": &process.id }, update)
            .upsert(true)
            .return_document(ReturnDocument::After)
            .await
            .map_err(store_error)?
            .unwrap_or_default();
        let f = Fields::new(WORKERS, &stored);
        Ok(Heard {
            now: f.at("seen_at")?,
            drain: drain(f)?,
        })
    }

    async fn list(&self, since: Timestamp) -> Result<Vec<Worker>, StoreError> {
        let workers = self.workers();
        let query = workers
            .find(doc! { "seen_at": { "$gte": date(since) } })
            .sort(doc! { "_id": 1 });
        all(query).await?.iter().map(worker).collect()
    }

    async fn order_drain(&self, id: &str, drain: Option<&Drain>) -> Result<bool, StoreError> {
        let update = match drain {
            Some(drain) => doc! { "$set": { "drain": {
                "by": &drain.by,
                "reason": &drain.reason,
                "at": date(drain.at),
                "exit": drain.exit,
            } } },
            None => doc! { "$unset": { "drain": "" } },
        };
        let answer = self.workers().update_one(doc! { "_id": id }, update).await;
        Ok(answer.map_err(store_error)?.matched_count > 0)
    }
}
