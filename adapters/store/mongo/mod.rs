//! MongoDB: the ledger in a collection of its own, everything else in go-falcon's `discord_*` collections.
//!
//! Names, types and meaning of go-falcon's fields stay as they are; ours are added as optional ones. Nothing needs a
//! transaction, so a standalone server works, too; where there is a replica set, every write waits for its majority.

mod accounts;
mod alarms;
mod api_keys;
mod audit;
mod cause_marks;
mod connect;
pub(crate) mod documents;
mod durations;
pub(crate) mod errors;
mod guilds;
mod imported;
mod indexes;
mod job_minutes;
mod ledger;
mod links;
mod mappings;
mod oauth_states;
mod of_nothing;
mod pauses;
mod refreshes;
mod replies;
mod retention;
mod retired_guilds;
mod runs;
mod scheduler_tasks;
mod schedules;
mod sealed_fields;
mod server_clock;
mod settings;
mod webhooks;
mod workers;

use std::time::Instant;

use async_trait::async_trait;
use mongodb::bson::{Document, doc};
use mongodb::{Collection, Database};
use rolecall_core::error::StoreError;
use rolecall_core::ports::StoreHealth;
use rolecall_core::time::Timestamp;

use documents::Fields;
use errors::store_error;
pub use server_clock::ServerClock;

/// A MongoDB database as a store. Clones share one pool of connections.
#[derive(Clone)]
pub struct MongoStore {
    db: Database,
    clock: ServerClock,
}

impl std::fmt::Debug for MongoStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The driver's own would show the address.
        f.debug_struct("MongoStore")
            .field("database", &self.db.name())
            .finish_non_exhaustive()
    }
}

impl MongoStore {
    /// The database, for the directory's reads.
    pub(crate) fn collection(&self, name: &str) -> Collection<Document> {
        self.db.collection(name)
    }

    fn jobs(&self) -> Collection<Document> {
        self.db.collection("rolecall_jobs")
    }

    /// The server's clock, to be read without asking it.
    pub fn server_clock(&self) -> ServerClock {
        self.clock.clone()
    }

    /// What the server's clock says now.
    async fn clock(&self) -> Result<Timestamp, StoreError> {
        let asked = Instant::now();
        let hello = self.hello().await?;
        let time = Fields::new("the server's hello", &hello).at("localTime")?;
        self.clock.told(time, asked);
        Ok(time)
    }

    async fn hello(&self) -> Result<Document, StoreError> {
        self.db
            .run_command(doc! { "hello": 1 })
            .await
            .map_err(store_error)
    }

    /// Many updates of one collection in few round trips: pairs of a filter and an update. Safe to repeat only if each
    /// of them is.
    async fn update_each(
        &self,
        collection: &str,
        upsert: bool,
        pairs: Vec<(Document, Document)>,
    ) -> Result<(), StoreError> {
        for chunk in pairs.chunks(500) {
            let updates: Vec<Document> = chunk
                .iter()
                .map(|(filter, update)| doc! { "q": filter.clone(), "u": update.clone(), "upsert": upsert })
                .collect();
            let command = doc! {
                "update": collection,
                "updates": updates,
                "ordered": false,
                "writeConcern": { "w": "majority", "wtimeout": connect::WRITE_TIMEOUT_MS },
            };
            let answer = self.db.run_command(command).await.map_err(store_error)?;
            for problem in ["writeErrors", "writeConcernError"] {
                if let Some(found) = answer.get(problem) {
                    return Err(StoreError::Unavailable(format!("{collection}: {found}")));
                }
            }
        }
        Ok(())
    }
}

#[async_trait]
impl StoreHealth for MongoStore {
    async fn ping(&self) -> Result<(), StoreError> {
        // As good as a ping, and tells the time besides.
        self.clock().await.map(drop)
    }

    async fn try_writing(&self) -> Result<(), StoreError> {
        // No job has this id: a server that may not be written to refuses before it looks.
        let (jobs, nothing) = (self.jobs(), doc! { "_id": "" });
        let changed = jobs.update_one(nothing, doc! { "$set": { "state": "" } }).await;
        changed.map(drop).map_err(store_error)
    }

    async fn prepare(&self) -> Result<Vec<String>, StoreError> {
        let mut sentences = indexes::prepare(self).await?;
        sentences.extend(of_nothing::told(self).await?);
        // After the indexes: one of them keeps two from the same place.
        self.adopt_audit().await?;
        Ok(sentences)
    }

    async fn describe(&self) -> Result<Vec<(String, String)>, StoreError> {
        let build = self.db.run_command(doc! { "buildInfo": 1 }).await;
        let build = build.map_err(store_error)?;
        let version = Fields::new("the server's buildInfo", &build).text("version")?;
        let hello = self.hello().await?;
        let deployment = match (hello.get_str("setName"), hello.get_str("msg")) {
            (Ok(set), _) => format!("replica set {set}: writes wait for its majority"),
            (_, Ok("isdbgrid")) => "sharded cluster: writes wait for the majority of each shard".to_owned(),
            _ => "standalone: writes wait for this one server, and are not retried by themselves when the connection \
                  breaks; use a replica set (one member is enough) in production"
                .to_owned(),
        };
        let facts = [
            ("store", "MongoDB".to_owned()),
            ("version", version),
            ("deployment", deployment),
            ("database", self.db.name().to_owned()),
        ];
        Ok(facts.map(|(name, fact)| (name.to_owned(), fact)).into())
    }
}
