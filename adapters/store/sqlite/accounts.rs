//! Linked accounts as people see them (`discord_users`).

use async_trait::async_trait;
use rolecall_core::account::{LinkedAccount, Profile};
use rolecall_core::error::StoreError;
use rolecall_core::ids::{DiscordId, UserId};
use rolecall_core::ports::{AccountFilter, Accounts};
use rolecall_core::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

use super::SqliteStore;
use super::sql::{Result, all, change, count, id, json, limit as at_most, one, to_json};

#[async_trait]
impl Accounts for SqliteStore {
    async fn list(
        &self,
        filter: &AccountFilter,
        skip: u64,
        limit: usize,
    ) -> std::result::Result<(Vec<LinkedAccount>, u64), StoreError> {
        let filter = filter.clone();
        self.read(move |db| list(db, &filter, skip, limit)).await
    }

    async fn set_profile(
        &self,
        account: DiscordId,
        profile: &Profile,
    ) -> std::result::Result<(), StoreError> {
        let profile = profile.clone();
        self.write(move |db, _| set_profile(db, account, &profile)).await
    }

    async fn set_last_sync(&self, account: DiscordId, at: Timestamp) -> std::result::Result<(), StoreError> {
        self.write(move |db, _| {
            change(
                db,
                "UPDATE discord_users SET last_sync = ?2 WHERE discord_id = ?1",
                params![account.to_string(), at.0],
            )?;
            Ok(())
        })
        .await
    }

    async fn set_last_sync_of_all(&self, at: Timestamp) -> std::result::Result<(), StoreError> {
        self.write(move |db, _| {
            change(
                db,
                "UPDATE discord_users SET last_sync = ?1 WHERE is_active",
                [at.0],
            )?;
            Ok(())
        })
        .await
    }

    async fn remove(&self, account: DiscordId) -> std::result::Result<bool, StoreError> {
        self.write(move |db, _| {
            let removed = change(
                db,
                "DELETE FROM discord_users WHERE discord_id = ?1",
                [account.to_string()],
            )?;
            Ok(removed == 1)
        })
        .await
    }
}

/// The page and the total are of one moment.
fn list(
    db: &Connection,
    filter: &AccountFilter,
    skip: u64,
    limit: usize,
) -> Result<(Vec<LinkedAccount>, u64)> {
    let mut condition = "TRUE".to_owned();
    let mut values: Vec<Value> = Vec::new();
    if let Some(active) = filter.is_active {
        condition.push_str(" AND is_active = ?");
        values.push(active.into());
    }
    if let Some(account) = filter.discord_id {
        condition.push_str(" AND discord_id = ?");
        values.push(account.to_string().into());
    }
    if let Some(user) = &filter.user_id {
        condition.push_str(" AND user_id = ?");
        values.push(user.as_str().to_owned().into());
    }
    if let Some(guild) = filter.guild_id {
        condition.push_str(
            " AND EXISTS (SELECT 1 FROM json_each(guilds) WHERE json_extract(json_each.value, '$.id') = ?)",
        );
        values.push(guild.to_string().into());
    }
    let total = one(
        db,
        &format!("SELECT count(*) FROM discord_users WHERE {condition}"),
        params_from_iter(values.iter()),
        |row| count(row, 0),
    )?;
    let page = all(
        db,
        &format!(
            "SELECT record_id, user_id, discord_id, username, global_name, avatar, scopes, guilds, is_active, \
                 needs_consent, linked_at, updated_at, \
                 CASE WHEN access_token <> '' THEN token_expiry END, last_sync, consent_reason \
             FROM discord_users WHERE {condition} \
             ORDER BY linked_at DESC, length(discord_id) DESC, discord_id DESC LIMIT {} OFFSET {}",
            at_most(limit),
            i64::try_from(skip).unwrap_or(i64::MAX)
        ),
        params_from_iter(values.iter()),
        account,
    )?;
    Ok((page, total.unwrap_or(0)))
}

fn set_profile(db: &Connection, account: DiscordId, profile: &Profile) -> Result<()> {
    change(
        db,
        "UPDATE discord_users SET username = ?2, global_name = ?3, avatar = ?4, scopes = ?5, guilds = ?6 \
         WHERE discord_id = ?1",
        params![
            account.to_string(),
            profile.username,
            profile.global_name,
            profile.avatar,
            to_json(&profile.scopes)?,
            to_json(&profile.guilds)?,
        ],
    )?;
    Ok(())
}

fn account(row: &Row<'_>) -> Result<LinkedAccount> {
    Ok(LinkedAccount {
        id: row.get(0)?,
        user_id: UserId(row.get(1)?),
        discord_id: id(row, 2)?,
        profile: Profile {
            username: row.get(3)?,
            global_name: row.get(4)?,
            avatar: row.get(5)?,
            scopes: json(row, 6)?,
            guilds: json(row, 7)?,
        },
        is_active: row.get(8)?,
        needs_consent: row.get(9)?,
        linked_at: Timestamp(row.get(10)?),
        updated_at: Timestamp(row.get(11)?),
        token_expiry: row.get::<_, Option<i64>>(12)?.map(Timestamp),
        last_sync: row.get::<_, Option<i64>>(13)?.map(Timestamp),
        consent_reason: row.get(14)?,
    })
}
