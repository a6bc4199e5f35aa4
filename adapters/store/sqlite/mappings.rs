//! Role mappings (`discord_role_mappings`).

use async_trait::async_trait;
use rolecall_core::error::StoreError;
use rolecall_core::ids::{GroupId, GuildId, MappingId, RoleId};
use rolecall_core::mapping::Mapping;
use rolecall_core::ports::Mappings;
use rolecall_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::errors::Fault;
use super::sql::{Result, all, change, count, id, json, one, to_json};

/// The columns that [`mapping`] reads, in its order.
macro_rules! select {
    ($where:literal) => {
        concat!(
            "SELECT id, guild_id, group_id, group_name, discord_role_id, discord_role_name, priority, is_active, \
                 created_at, updated_at, conditions, created_by, last_sync, sync_count \
             FROM discord_role_mappings ",
            $where
        )
    };
}

#[async_trait]
impl Mappings for SqliteStore {
    async fn add(
        &self,
        mapping: Mapping,
    ) -> std::result::Result<std::result::Result<(), Mapping>, StoreError> {
        self.write(move |db, _| add(db, &mapping)).await
    }

    async fn get(&self, id: &MappingId) -> std::result::Result<Option<Mapping>, StoreError> {
        let id = id.clone();
        self.read(move |db| one(db, select!("WHERE id = ?1"), [id.as_str()], mapping))
            .await
    }

    async fn list(&self, guild: Option<GuildId>) -> std::result::Result<Vec<Mapping>, StoreError> {
        let mut mappings = self
            .read(move |db| match guild {
                Some(guild) => all(db, select!("WHERE guild_id = ?1"), [guild.to_string()], mapping),
                None => all(db, select!(""), [], mapping),
            })
            .await?;
        mappings.sort_by(|a, b| {
            (a.guild_id, std::cmp::Reverse(a.priority), &a.id).cmp(&(
                b.guild_id,
                std::cmp::Reverse(b.priority),
                &b.id,
            ))
        });
        Ok(mappings)
    }

    async fn find(
        &self,
        guild: GuildId,
        group: &GroupId,
        role: RoleId,
    ) -> std::result::Result<Option<Mapping>, StoreError> {
        let group = group.clone();
        self.read(move |db| {
            one(
                db,
                select!("WHERE guild_id = ?1 AND group_id = ?2 AND discord_role_id = ?3"),
                params![guild.to_string(), group.as_str(), role.to_string()],
                mapping,
            )
        })
        .await
    }

    async fn update(
        &self,
        mapping: &Mapping,
        unless_changed_since: Option<Timestamp>,
    ) -> std::result::Result<bool, StoreError> {
        let mapping = mapping.clone();
        self.write(move |db, _| update(db, &mapping, unless_changed_since))
            .await
    }

    async fn note_sync(&self, ids: &[MappingId], at: Timestamp) -> std::result::Result<(), StoreError> {
        let ids = ids.to_vec();
        self.write(move |db, _| {
            for id in &ids {
                change(
                    db,
                    "UPDATE discord_role_mappings SET last_sync = max(?2, coalesce(last_sync, ?2)), \
                         sync_count = sync_count + 1 WHERE id = ?1",
                    params![id.as_str(), at.0],
                )?;
            }
            Ok(())
        })
        .await
    }

    async fn remove(&self, id: &MappingId) -> std::result::Result<bool, StoreError> {
        let id = id.clone();
        self.write(move |db, _| {
            Ok(change(
                db,
                "DELETE FROM discord_role_mappings WHERE id = ?1",
                [id.as_str()],
            )? == 1)
        })
        .await
    }
}

fn add(db: &Connection, new: &Mapping) -> Result<std::result::Result<(), Mapping>> {
    let (guild, group) = (new.guild_id.to_string(), new.group_id.as_str());
    let added = change(
        db,
        "INSERT OR IGNORE INTO discord_role_mappings (id, guild_id, group_id, group_name, discord_role_id, \
             discord_role_name, priority, is_active, created_at, updated_at, conditions, created_by) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            new.id.as_str(),
            guild,
            group,
            new.group_name,
            new.role_id.to_string(),
            new.role_name,
            new.priority,
            new.is_active,
            new.created_at.0,
            new.updated_at.0,
            to_json(&new.conditions)?,
            new.created_by,
        ],
    )?;
    if added == 1 {
        return Ok(Ok(()));
    }
    let existing = one(
        db,
        select!("WHERE guild_id = ?1 AND group_id = ?2"),
        params![guild, group],
        mapping,
    )?;
    existing
        .map(Err)
        .ok_or_else(|| Fault::unreadable(format_args!("another mapping has the id {}", new.id)))
}

/// A mapping stays that of its guild and its group: one of another guild or group with this id is none.
fn update(db: &Connection, new: &Mapping, unless_changed_since: Option<Timestamp>) -> Result<bool> {
    let changed = change(
        db,
        "UPDATE discord_role_mappings SET group_name = ?4, discord_role_id = ?5, discord_role_name = ?6, \
             priority = ?7, is_active = ?8, updated_at = ?9, conditions = ?10 \
         WHERE id = ?1 AND guild_id = ?2 AND group_id = ?3 AND updated_at = coalesce(?11, updated_at)",
        params![
            new.id.as_str(),
            new.guild_id.to_string(),
            new.group_id.as_str(),
            new.group_name,
            new.role_id.to_string(),
            new.role_name,
            new.priority,
            new.is_active,
            new.updated_at.0,
            to_json(&new.conditions)?,
            unless_changed_since.map(|at| at.0),
        ],
    )?;
    Ok(changed == 1)
}

fn mapping(row: &Row<'_>) -> Result<Mapping> {
    Ok(Mapping {
        id: MappingId(row.get(0)?),
        guild_id: id(row, 1)?,
        group_id: GroupId(row.get(2)?),
        group_name: row.get(3)?,
        role_id: id(row, 4)?,
        role_name: row.get(5)?,
        priority: row.get(6)?,
        conditions: json(row, 10)?,
        is_active: row.get(7)?,
        created_by: row.get(11)?,
        created_at: Timestamp(row.get(8)?),
        updated_at: Timestamp(row.get(9)?),
        last_sync: row.get::<_, Option<i64>>(12)?.map(Timestamp),
        sync_count: count(row, 13)?,
    })
}
