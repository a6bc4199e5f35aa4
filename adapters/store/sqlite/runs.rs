//! Runs (`discord_sync_status`).

use async_trait::async_trait;
use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::ids::{GuildId, RunId};
use rolecall_core::ports::{RunFilter, Runs};
use rolecall_core::run::{Run, RunKind, RunResults, RunState};
use rolecall_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::sql::{Result, all, change, count, id, json, json_or_none, limit as at_most, name, one, to_json};

/// The columns that [`run`] reads, in its order.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT r.id, r.sync_type, r.scope, r.dry_run, r.status, r.actor, r.reason, r.started_at, \
                 r.finished_at, r.results ",
            $rest
        )
    };
}

#[async_trait]
impl Runs for SqliteStore {
    async fn insert(&self, run: &Run) -> std::result::Result<(), StoreError> {
        let run = run.clone();
        self.write(move |db, _| insert(db, &run)).await
    }

    async fn get(&self, id: RunId) -> std::result::Result<Option<Run>, StoreError> {
        self.read(move |db| {
            one(
                db,
                select!("FROM discord_sync_status r WHERE r.id = ?1"),
                [id.to_string()],
                run,
            )
        })
        .await
    }

    async fn close(
        &self,
        id: RunId,
        state: RunState,
        results: &RunResults,
        at: Timestamp,
    ) -> std::result::Result<bool, StoreError> {
        let results = results.clone();
        self.write(move |db, _| {
            let closed = change(
                db,
                "UPDATE discord_sync_status SET status = ?2, results = ?3, finished_at = ?4 \
                 WHERE id = ?1 AND status = 'running'",
                params![id.to_string(), state.as_str(), to_json(&results)?, at.0],
            )?;
            Ok(closed == 1)
        })
        .await
    }

    async fn reopen(&self, id: RunId) -> std::result::Result<bool, StoreError> {
        self.write(move |db, _| {
            let reopened = change(
                db,
                "UPDATE discord_sync_status SET status = 'running', results = NULL, finished_at = NULL \
                 WHERE id = ?1 AND status <> 'running'",
                [id.to_string()],
            )?;
            Ok(reopened == 1)
        })
        .await
    }

    async fn list(
        &self,
        filter: RunFilter,
        after: Option<(Timestamp, RunId)>,
        limit: usize,
    ) -> std::result::Result<Vec<Run>, StoreError> {
        self.read(move |db| list(db, filter, after, limit)).await
    }

    async fn running(&self) -> std::result::Result<Vec<Run>, StoreError> {
        self.read(|db| {
            all(
                db,
                select!(
                    "FROM discord_sync_status r WHERE r.status = 'running' \
                     ORDER BY r.started_at DESC, r.id DESC"
                ),
                [],
                run,
            )
        })
        .await
    }

    async fn count(&self, guild: Option<GuildId>) -> std::result::Result<u64, StoreError> {
        self.read(move |db| {
            let n = match guild {
                Some(guild) => one(
                    db,
                    "SELECT count(*) FROM rolecall_run_guilds WHERE guild_id = ?1",
                    [guild.to_string()],
                    |row| count(row, 0),
                ),
                None => one(db, "SELECT count(*) FROM discord_sync_status", [], |row| {
                    count(row, 0)
                }),
            }?;
            Ok(n.unwrap_or(0))
        })
        .await
    }
}

fn insert(db: &Connection, run: &Run) -> Result<()> {
    let id = run.id.to_string();
    let new = change(
        db,
        "INSERT OR IGNORE INTO discord_sync_status (id, sync_type, scope, dry_run, status, actor, reason, \
             started_at, finished_at, results) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            id,
            run.kind.as_str(),
            to_json(&run.scope)?,
            run.dry_run,
            run.state.as_str(),
            run.cause.actor,
            run.cause.reason,
            run.started_at.0,
            run.finished_at.map(|at| at.0),
            run.results.as_ref().map(to_json).transpose()?,
        ],
    )?;
    if new == 0 {
        return Ok(());
    }
    for guild in &run.scope.guilds {
        change(
            db,
            "INSERT OR IGNORE INTO rolecall_run_guilds (guild_id, started_at, run_id) VALUES (?1, ?2, ?3)",
            params![guild.to_string(), run.started_at.0, id],
        )?;
    }
    Ok(())
}

pub(super) fn list(
    db: &Connection,
    filter: RunFilter,
    after: Option<(Timestamp, RunId)>,
    limit: usize,
) -> Result<Vec<Run>> {
    // The first page is what comes after the end of time; "~" is behind every id.
    let (at, id) = after.map_or((i64::MAX, "~".to_owned()), |(at, id)| (at.0, id.to_string()));
    let state = filter.state.map(RunState::as_str);
    match (filter.guild, state) {
        (Some(guild), _) => all(
            db,
            select!(
                "FROM rolecall_run_guilds g CROSS JOIN discord_sync_status r ON r.id = g.run_id \
                 WHERE g.guild_id = ?4 AND (g.started_at, g.run_id) < (?1, ?2) AND (?5 IS NULL OR r.status = ?5) \
                 ORDER BY g.started_at DESC, g.run_id DESC LIMIT ?3"
            ),
            params![at, id, at_most(limit), guild.to_string(), state],
            run,
        ),
        (None, Some(state)) => all(
            db,
            select!(
                "FROM discord_sync_status r WHERE r.status = ?4 AND (r.started_at, r.id) < (?1, ?2) \
                 ORDER BY r.started_at DESC, r.id DESC LIMIT ?3"
            ),
            params![at, id, at_most(limit), state],
            run,
        ),
        (None, None) => all(
            db,
            select!(
                "FROM discord_sync_status r WHERE (r.started_at, r.id) < (?1, ?2) \
                 ORDER BY r.started_at DESC, r.id DESC LIMIT ?3"
            ),
            params![at, id, at_most(limit)],
            run,
        ),
    }
}

fn run(row: &Row<'_>) -> Result<Run> {
    Ok(Run {
        id: id(row, 0)?,
        kind: name(row, 1, RunKind::from_name)?,
        scope: json(row, 2)?,
        dry_run: row.get(3)?,
        state: name(row, 4, RunState::from_name)?,
        cause: Cause {
            actor: row.get(5)?,
            reason: row.get(6)?,
        },
        started_at: Timestamp(row.get(7)?),
        finished_at: row.get::<_, Option<i64>>(8)?.map(Timestamp),
        results: json_or_none(row, 9)?,
    })
}
