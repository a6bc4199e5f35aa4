//! Deletes what is older than it has to be.

use async_trait::async_trait;
use rolecall_core::error::StoreError;
use rolecall_core::ids::DiscordId;
use rolecall_core::job::JobState;
use rolecall_core::ports::Retention;
use rolecall_core::time::Timestamp;
use rusqlite::params;

use super::SqliteStore;
use super::sql::{all, change, id, limit as at_most};

fn deleted(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

#[async_trait]
impl Retention for SqliteStore {
    async fn delete_jobs(
        &self,
        state: JobState,
        ended_before: Timestamp,
        limit: usize,
    ) -> Result<u64, StoreError> {
        if !state.is_final() {
            return Ok(0);
        }
        self.write(move |db, _| {
            let rows = change(
                db,
                "DELETE FROM rolecall_jobs WHERE id IN ( \
                     SELECT j.id FROM rolecall_jobs j INDEXED BY rolecall_jobs_by_end \
                     WHERE j.state = ?1 AND j.finished_at IS NOT NULL AND j.finished_at < ?2 AND NOT EXISTS ( \
                         SELECT 1 FROM discord_sync_status r WHERE r.id = j.run_id AND r.status = 'running') \
                     ORDER BY j.finished_at LIMIT ?3)",
                params![state.as_str(), ended_before.0, at_most(limit)],
            )?;
            Ok(deleted(rows))
        })
        .await
    }

    async fn delete_runs(&self, begun_before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        self.write(move |db, _| {
            let rows = change(
                db,
                "DELETE FROM discord_sync_status WHERE id IN ( \
                     SELECT id FROM discord_sync_status WHERE started_at < ?1 AND status <> 'running' \
                     ORDER BY started_at, id LIMIT ?2)",
                params![begun_before.0, at_most(limit)],
            )?;
            Ok(deleted(rows))
        })
        .await
    }

    async fn delete_inactive_links(
        &self,
        unchanged_since: Timestamp,
        limit: usize,
    ) -> Result<Vec<DiscordId>, StoreError> {
        self.write(move |db, _| {
            all(
                db,
                "DELETE FROM discord_users WHERE discord_id IN ( \
                     SELECT discord_id FROM discord_users WHERE is_active = 0 AND updated_at < ?1 \
                     ORDER BY updated_at LIMIT ?2) RETURNING discord_id",
                params![unchanged_since.0, at_most(limit)],
                |row| id(row, 0),
            )
        })
        .await
    }
}
