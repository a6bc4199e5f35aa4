//! What operators hold back (`rolecall_pauses`).

use async_trait::async_trait;
use rolecall_core::canary::Canary;
use rolecall_core::error::StoreError;
use rolecall_core::job::Lane;
use rolecall_core::pause::{Held, Pause, PauseId};
use rolecall_core::ports::Pauses;
use rolecall_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::errors::Fault;
use super::sql::{Result, all, change, id, id_or_none, json_or_none, text, to_json};

#[async_trait]
impl Pauses for SqliteStore {
    async fn put(&self, pause: &Pause) -> std::result::Result<(), StoreError> {
        let pause = pause.clone();
        self.write(move |db, _| put(db, &pause)).await
    }

    async fn list(&self) -> std::result::Result<Vec<Pause>, StoreError> {
        self.read(|db| {
            all(
                db,
                "SELECT id, lane, kind, guild_id, fingerprint, reason, author, created_at, until, canary \
                 FROM rolecall_pauses ORDER BY created_at, id",
                [],
                pause,
            )
        })
        .await
    }

    async fn turn(&self, id: PauseId, turn: u32, canary: &Canary) -> std::result::Result<bool, StoreError> {
        let canary = canary.clone();
        self.write(move |db, _| {
            let turned = change(
                db,
                "UPDATE rolecall_pauses SET canary = ?3 WHERE id = ?1 AND canary ->> '$.turn' = ?2",
                params![id.to_string(), turn, to_json(&canary)?],
            )?;
            Ok(turned == 1)
        })
        .await
    }

    async fn remove(&self, id: PauseId) -> std::result::Result<bool, StoreError> {
        self.write(move |db, _| {
            let removed = change(db, "DELETE FROM rolecall_pauses WHERE id = ?1", [id.to_string()])?;
            Ok(removed == 1)
        })
        .await
    }
}

fn put(db: &Connection, pause: &Pause) -> Result<()> {
    change(
        db,
        "INSERT INTO rolecall_pauses (id, lane, kind, guild_id, fingerprint, reason, author, created_at, until, canary) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
         ON CONFLICT (id) DO UPDATE SET lane = excluded.lane, kind = excluded.kind, guild_id = excluded.guild_id, \
             fingerprint = excluded.fingerprint, reason = excluded.reason, until = excluded.until, \
             canary = excluded.canary",
        params![
            pause.id.to_string(),
            pause.held.lane.map(Lane::as_str),
            pause.held.kind,
            text(pause.held.guild_id),
            pause.held.fingerprint,
            pause.reason,
            pause.author,
            pause.created_at.0,
            pause.until.map(|at| at.0),
            pause.canary.as_ref().map(to_json).transpose()?,
        ],
    )?;
    Ok(())
}

fn pause(row: &Row<'_>) -> Result<Pause> {
    let lane: Option<String> = row.get(1)?;
    let lane = lane
        .map(|name| Lane::from_name(&name).ok_or_else(|| Fault::unreadable(name)))
        .transpose()?;
    Ok(Pause {
        id: id(row, 0)?,
        held: Held {
            lane,
            kind: row.get(2)?,
            guild_id: id_or_none(row, 3)?,
            fingerprint: row.get(4)?,
        },
        reason: row.get(5)?,
        author: row.get(6)?,
        created_at: Timestamp(row.get(7)?),
        until: row.get::<_, Option<i64>>(8)?.map(Timestamp),
        canary: json_or_none(row, 9)?,
    })
}
