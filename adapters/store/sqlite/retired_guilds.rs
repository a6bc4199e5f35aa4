//! Guilds that were removed while their roles are still to be taken away (`rolecall_retired_guilds`).

use async_trait::async_trait;
use rolecall_core::error::StoreError;
use rolecall_core::guild::RetiredGuild;
use rolecall_core::ids::{GuildId, RunId};
use rolecall_core::ports::RetiredGuilds;
use rolecall_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::sql::{Result, all, change, id, id_or_none, json, one, text, to_json};

/// The columns that [`retired`] reads, in its order.
macro_rules! select {
    ($where:literal) => {
        concat!(
            "SELECT guild_id, guild_name, bot_user_id, bot_token, roles, run_id, retired_at \
             FROM rolecall_retired_guilds ",
            $where
        )
    };
}

#[async_trait]
impl RetiredGuilds for SqliteStore {
    async fn put(&self, guild: &RetiredGuild) -> std::result::Result<(), StoreError> {
        let guild = guild.clone();
        self.write(move |db, _| put(db, &guild)).await
    }

    async fn get(&self, id: GuildId) -> std::result::Result<Option<RetiredGuild>, StoreError> {
        self.read(move |db| one(db, select!("WHERE guild_id = ?1"), [id.to_string()], retired))
            .await
    }

    async fn list(&self) -> std::result::Result<Vec<RetiredGuild>, StoreError> {
        let mut guilds = self.read(|db| all(db, select!(""), [], retired)).await?;
        guilds.sort_by_key(|g| g.guild_id);
        Ok(guilds)
    }

    async fn forget(&self, id: GuildId, run: RunId) -> std::result::Result<bool, StoreError> {
        self.write(move |db, _| {
            let forgotten = change(
                db,
                "DELETE FROM rolecall_retired_guilds WHERE guild_id = ?1 AND run_id = ?2",
                [id.to_string(), run.to_string()],
            )?;
            Ok(forgotten == 1)
        })
        .await
    }
}

fn put(db: &Connection, guild: &RetiredGuild) -> Result<()> {
    change(
        db,
        "INSERT OR REPLACE INTO rolecall_retired_guilds (guild_id, guild_name, bot_user_id, bot_token, roles, run_id, \
             retired_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            guild.guild_id.to_string(),
            guild.guild_name,
            text(guild.bot_user_id),
            guild.sealed_token,
            to_json(&guild.roles)?,
            guild.run_id.to_string(),
            guild.retired_at.0,
        ],
    )?;
    Ok(())
}

fn retired(row: &Row<'_>) -> Result<RetiredGuild> {
    Ok(RetiredGuild {
        guild_id: id(row, 0)?,
        guild_name: row.get(1)?,
        bot_user_id: id_or_none(row, 2)?,
        sealed_token: row.get(3)?,
        roles: json(row, 4)?,
        run_id: id(row, 5)?,
        retired_at: Timestamp(row.get(6)?),
    })
}
