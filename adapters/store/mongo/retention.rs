//! Deletes what is older than it has to be. MongoDB deletes without a limit, so the ids of a batch are read first.

use async_trait::async_trait;
use mongodb::bson::{Bson, Document, doc};
use rolecall_core::error::StoreError;
use rolecall_core::ids::DiscordId;
use rolecall_core::job::JobState;
use rolecall_core::ports::{Retention, Runs as _};
use rolecall_core::run::RunState;
use rolecall_core::time::Timestamp;

use super::MongoStore;
use super::documents::{all, date};
use super::errors::store_error;
use super::links::{LINKS, by_account};
use super::runs::RUNS;

impl MongoStore {
    /// Deletes the first of those that match, in this order. They are asked for again when they are deleted.
    pub(super) async fn delete_batch(
        &self,
        collection: &str,
        old: Document,
        order: Document,
        limit: usize,
    ) -> Result<u64, StoreError> {
        if limit == 0 {
            return Ok(0);
        }
        let documents = self.collection(collection);
        let query = documents
            .find(old.clone())
            .sort(order)
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .projection(doc! { "_id": 1 });
        let found = all(query).await?;
        let ids: Vec<Bson> = found.iter().filter_map(|doc| doc.get("_id").cloned()).collect();
        if ids.is_empty() {
            return Ok(0);
        }
        let batch = doc! { "$and": [{ "_id": { "$in": ids } }, old] };
        let answer = documents.delete_many(batch).await;
        Ok(answer.map_err(store_error)?.deleted_count)
    }
}

#[async_trait]
impl Retention for MongoStore {
    async fn delete_jobs(
        &self,
        state: JobState,
        ended_before: Timestamp,
        limit: usize,
    ) -> Result<u64, StoreError> {
        if !state.is_final() {
            return Ok(0);
        }
        let running: Vec<String> = self
            .running()
            .await?
            .iter()
            .map(|run| run.id.to_string())
            .collect();
        let old = doc! {
            "state": state.as_str(),
            // As the index has it.
            "finished_at": { "$exists": true, "$lt": date(ended_before) },
            "run_id": { "$nin": running },
        };
        self.delete_batch("rolecall_jobs", old, doc! { "finished_at": 1 }, limit)
            .await
    }

    async fn delete_runs(&self, begun_before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        // go-falcon's have no state; those that it calls running were given up long ago.
        let old = doc! {
            "last_sync_at": { "$lt": date(begun_before) },
            "state": { "$ne": RunState::Running.as_str() },
        };
        self.delete_batch(RUNS, old, doc! { "last_sync_at": 1 }, limit)
            .await
    }

    async fn delete_inactive_links(
        &self,
        unchanged_since: Timestamp,
        limit: usize,
    ) -> Result<Vec<DiscordId>, StoreError> {
        // Of duplicates the newest counts, active or not, so that all of an account are looked at.
        let mut links = self.newest_links(doc! {}).await?;
        links.retain(|link| !link.is_active && link.updated_at < unchanged_since);
        links.truncate(limit);
        let mut deleted = Vec::new();
        for link in links {
            // Older duplicates go, too; a link that was made again in between is newer.
            let mut old = by_account(link.discord_id);
            old.insert("updated_at", doc! { "$not": { "$gte": date(unchanged_since) } });
            let answer = self.collection(LINKS).delete_many(old).await;
            if answer.map_err(store_error)?.deleted_count > 0 {
                deleted.push(link.discord_id);
            }
        }
        Ok(deleted)
    }
}
