//! Configured guilds (`discord_guild_configs`).

use async_trait::async_trait;
use rolecall_core::error::StoreError;
use rolecall_core::guild::{GuildConfig, GuildHealth};
use rolecall_core::ids::GuildId;
use rolecall_core::ports::{Guilds, NewGuild};
use rolecall_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::sql::{
    Result, all, change, id, id_or_none, json, json_or_none, new_record_id, one, text, to_json,
};

/// The columns that [`guild`] reads, in its order.
macro_rules! select {
    ($where:literal) => {
        concat!(
            "SELECT guild_id, guild_name, is_enabled, bot_user_id, created_at, updated_at, settings, health, \
                 created_by \
             FROM discord_guild_configs ",
            $where
        )
    };
}

#[async_trait]
impl Guilds for SqliteStore {
    async fn put(&self, guild: NewGuild) -> std::result::Result<bool, StoreError> {
        self.write(move |db, _| put(db, &guild)).await
    }

    async fn get(&self, id: GuildId) -> std::result::Result<Option<GuildConfig>, StoreError> {
        self.read(move |db| one(db, select!("WHERE guild_id = ?1"), [id.to_string()], guild))
            .await
    }

    async fn sealed_token(&self, id: GuildId) -> std::result::Result<Option<String>, StoreError> {
        self.read(move |db| {
            let token = one(
                db,
                "SELECT bot_token FROM discord_guild_configs WHERE guild_id = ?1",
                [id.to_string()],
                |row| Ok(row.get(0)?),
            )?;
            Ok(token.flatten())
        })
        .await
    }

    async fn list(&self) -> std::result::Result<Vec<GuildConfig>, StoreError> {
        let mut guilds = self.read(|db| all(db, select!(""), [], guild)).await?;
        // Here and not in SQL, because ids are text there and do not sort as numbers.
        guilds.sort_by(|a, b| (&a.guild_name, a.guild_id).cmp(&(&b.guild_name, b.guild_id)));
        Ok(guilds)
    }

    async fn remove(&self, id: GuildId) -> std::result::Result<bool, StoreError> {
        self.write(move |db, _| {
            let id = id.to_string();
            change(db, "DELETE FROM discord_role_mappings WHERE guild_id = ?1", [&id])?;
            Ok(change(db, "DELETE FROM discord_guild_configs WHERE guild_id = ?1", [&id])? == 1)
        })
        .await
    }

    async fn record_id(&self, id: GuildId) -> std::result::Result<Option<String>, StoreError> {
        self.read(move |db| {
            one(
                db,
                "SELECT record_id FROM discord_guild_configs WHERE guild_id = ?1",
                [id.to_string()],
                |row| Ok(row.get(0)?),
            )
        })
        .await
    }

    async fn set_health(&self, id: GuildId, health: &GuildHealth) -> std::result::Result<(), StoreError> {
        let health = health.clone();
        self.write(move |db, _| {
            change(
                db,
                "UPDATE discord_guild_configs SET health = ?2 WHERE guild_id = ?1",
                [id.to_string(), to_json(&health)?],
            )?;
            Ok(())
        })
        .await
    }
}

/// Of a guild that is there, the health is left to [`Guilds::set_health`]: whoever changes the settings has read it
/// some time ago.
fn put(db: &Connection, guild: &NewGuild) -> Result<bool> {
    let config = &guild.config;
    let id = config.guild_id.to_string();
    let known = one(
        db,
        "SELECT 1 FROM discord_guild_configs WHERE guild_id = ?1",
        [&id],
        |_| Ok(()),
    )?;
    change(
        db,
        "INSERT INTO discord_guild_configs (guild_id, guild_name, bot_token, is_enabled, bot_user_id, created_at, \
             updated_at, settings, health, created_by, record_id) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
         ON CONFLICT (guild_id) DO UPDATE SET guild_name = ?2, bot_token = coalesce(?3, bot_token), \
             is_enabled = ?4, bot_user_id = ?5, updated_at = ?7, settings = ?8",
        params![
            id,
            config.guild_name,
            guild.sealed_token,
            config.is_enabled,
            text(config.bot_user_id),
            config.created_at.0,
            config.updated_at.0,
            to_json(&config.settings)?,
            config.health.as_ref().map(to_json).transpose()?,
            config.created_by,
            new_record_id(),
        ],
    )?;
    Ok(known.is_none())
}

fn guild(row: &Row<'_>) -> Result<GuildConfig> {
    Ok(GuildConfig {
        guild_id: id(row, 0)?,
        guild_name: row.get(1)?,
        is_enabled: row.get(2)?,
        bot_user_id: id_or_none(row, 3)?,
        settings: json(row, 6)?,
        health: json_or_none(row, 7)?,
        created_by: row.get(8)?,
        created_at: Timestamp(row.get(4)?),
        updated_at: Timestamp(row.get(5)?),
    })
}
