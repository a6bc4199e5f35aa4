//! Runs: `discord_sync_status`, with go-falcon's flat fields, its document's nested ones, and ours.

mod document;

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::ids::{GuildId, RunId};
use rolecall_core::ports::{RunFilter, Runs};
use rolecall_core::run::{Run, RunResults, RunState};
use rolecall_core::time::Timestamp;

use super::MongoStore;
use super::documents::{all, count, date};
use super::errors::{is_duplicate, store_error};
use document::{legacy_id, read, results_written, written};

pub(super) const RUNS: &str = "discord_sync_status";

impl MongoStore {
    fn runs(&self) -> Collection<Document> {
        self.collection(RUNS)
    }
}

/// Ours by `sync_id`, go-falcon's by the `ObjectId` that their id was made of.
fn by_id(id: RunId) -> Document {
    match legacy_id(id) {
        Some(oid) => doc! { "_id": oid },
        None => doc! { "sync_id": id.to_string() },
    }
}

fn of_guild(guild: Option<GuildId>) -> Document {
    guild.map_or_else(Document::new, |id| {
        let id = id.to_string();
        doc! { "$or": [{ "guild_id": id.clone() }, { "scope.guilds": id }] }
    })
}

/// Those that have an id by which a run can be asked for. Documents that somebody imported under another `_id` are left
/// out: they are history of others, and nothing depends on them.
fn has_id() -> Document {
    doc! { "$or": [{ "sync_id": { "$exists": true } }, { "_id": { "$type": "objectId" } }] }
}

/// Ours have a state; go-falcon's have only its word for it.
fn is_running() -> Document {
    doc! { "$or": [
        { "state": RunState::Running.as_str() },
        { "state": { "$exists": false }, "status": RunState::Running.legacy() },
    ] }
}

/// Ours by their state; of go-falcon's, which know fewer, by the word that is theirs.
fn is(state: RunState) -> Document {
    if state == RunState::Running {
        return is_running();
    }
    doc! { "$or": [
        { "state": state.as_str() },
        { "state": { "$exists": false }, "status": state.as_str() },
    ] }
}

/// Newest first. `last_sync_at` is in the documents of both, and the same as our `started_at`.
fn newest_first() -> Document {
    doc! { "last_sync_at": -1, "sync_id": -1, "_id": -1 }
}

/// What comes after this one in [`newest_first`]. go-falcon's documents have no `sync_id` and so come after ours of the
/// same moment.
fn older(at: Timestamp, id: RunId) -> Document {
    let at = date(at);
    let theirs = doc! { "last_sync_at": at, "sync_id": { "$exists": false } };
    match legacy_id(id) {
        Some(oid) => {
            let mut theirs = theirs;
            theirs.insert("_id", doc! { "$lt": oid });
            doc! { "$or": [{ "last_sync_at": { "$lt": at } }, theirs] }
        }
        None => doc! { "$or": [
            { "last_sync_at": { "$lt": at } },
            { "last_sync_at": at, "sync_id": { "$lt": id.to_string() } },
            theirs,
        ] },
    }
}

#[async_trait]
impl Runs for MongoStore {
    async fn insert(&self, run: &Run) -> Result<(), StoreError> {
        let update = doc! { "$setOnInsert": written(run)? };
        let answer = self.runs().update_one(by_id(run.id), update).upsert(true).await;
        match answer {
            Ok(_) => Ok(()),
            // The same run was stored at the same time.
            Err(error) if is_duplicate(&error) => Ok(()),
            Err(error) => Err(store_error(error)),
        }
    }

    async fn get(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        let found = self.runs().find_one(by_id(id)).await.map_err(store_error)?;
        found.as_ref().map(read).transpose()
    }

    async fn close(
        &self,
        id: RunId,
        state: RunState,
        results: &RunResults,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(run) = Runs::get(self, id).await? else {
            return Ok(false);
        };
        let duration = at.millis_since(run.started_at).max(0);
        let mut set = doc! {
            "state": state.as_str(),
            "status": state.legacy(),
            "completed_at": date(at),
            "duration": duration,
            "users_processed": count(results.users_processed),
            "users_succeeded": count(results.users_succeeded),
            "users_failed": count(results.users_failed),
            "roles_added": count(results.roles_added),
            "roles_removed": count(results.roles_removed),
            "results": results_written(results),
        };
        if !results.errors.is_empty() {
            let errors: Vec<&str> = results.errors.iter().map(|e| e.error.as_str()).collect();
            set.insert("errors", errors);
        }
        let running = doc! { "$and": [by_id(id), is_running()] };
        let answer = self.runs().update_one(running, doc! { "$set": set }).await;
        Ok(answer.map_err(store_error)?.matched_count > 0)
    }

    async fn reopen(&self, id: RunId) -> Result<bool, StoreError> {
        let over = doc! { "$and": [by_id(id), { "$nor": [is_running()] }] };
        let update = doc! {
            "$set": { "state": RunState::Running.as_str(), "status": RunState::Running.legacy() },
            "$unset": {
                "completed_at": "", "duration": "", "results": "", "errors": "", "users_processed": "",
                "users_succeeded": "", "users_failed": "", "roles_added": "", "roles_removed": "",
            },
        };
        let answer = self.runs().update_one(over, update).await;
        Ok(answer.map_err(store_error)?.matched_count > 0)
    }

    async fn list(
        &self,
        filter: RunFilter,
        after: Option<(Timestamp, RunId)>,
        limit: usize,
    ) -> Result<Vec<Run>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let older = after.map_or_else(Document::new, |(at, id)| older(at, id));
        let runs = self.runs();
        let query = runs
            .find(
                doc! { "$and": [has_id(), of_guild(filter.guild), filter.state.map_or_else(Document::new, is), older] },
            )
            .sort(newest_first())
            .limit(i64::try_from(limit).unwrap_or(i64::MAX));
        all(query).await?.iter().map(read).collect()
    }

    async fn running(&self) -> Result<Vec<Run>, StoreError> {
        let running = doc! { "$and": [has_id(), is_running()] };
        let found = all(self.runs().find(running).sort(newest_first())).await?;
        found.iter().map(read).collect()
    }

    async fn count(&self, guild: Option<GuildId>) -> Result<u64, StoreError> {
        self.runs()
            .count_documents(doc! { "$and": [has_id(), of_guild(guild)] })
            .await
            .map_err(store_error)
    }
}
