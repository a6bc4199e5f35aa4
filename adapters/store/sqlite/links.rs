//! Linked accounts (`discord_users`).

use async_trait::async_trait;
use rolecall_core::error::StoreError;
use rolecall_core::ids::{DiscordId, UserId};
use rolecall_core::link::{ActiveLink, Link, SealedTokens};
use rolecall_core::ports::Links;
use rolecall_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::sql::{Result, all, change, count, id, limit as at_most, new_record_id, one};

/// The columns that [`link`] reads, in its order.
macro_rules! select {
    ($where:literal) => {
        concat!(
            "SELECT user_id, discord_id, username, is_active, coalesce(access_token, '') <> '', token_expiry, \
                 needs_consent, linked_at, updated_at \
             FROM discord_users ",
            $where
        )
    };
}

#[async_trait]
impl Links for SqliteStore {
    async fn of_user(&self, user: &UserId) -> std::result::Result<Vec<Link>, StoreError> {
        let user = user.clone();
        let mut links = self
            .read(move |db| all(db, select!("WHERE user_id = ?1"), [user.as_str()], link))
            .await?;
        links.sort_by_key(|link| link.discord_id);
        Ok(links)
    }

    async fn of_account(&self, account: DiscordId) -> std::result::Result<Option<Link>, StoreError> {
        self.read(move |db| one(db, select!("WHERE discord_id = ?1"), [account.to_string()], link))
            .await
    }

    async fn active(&self) -> std::result::Result<Vec<ActiveLink>, StoreError> {
        let mut active = self.read(active).await?;
        active.sort_unstable_by_key(|link| link.discord_id);
        Ok(active)
    }

    async fn count_active(&self) -> std::result::Result<u64, StoreError> {
        self.read(|db| {
            let n = one(
                db,
                "SELECT count(*) FROM discord_users WHERE is_active = 1",
                [],
                |row| count(row, 0),
            )?;
            Ok(n.unwrap_or(0))
        })
        .await
    }

    async fn put(&self, link: &Link, tokens: Option<SealedTokens>) -> std::result::Result<(), StoreError> {
        let link = link.clone();
        self.write(move |db, _| put(db, &link, tokens.as_ref())).await
    }

    async fn claim(
        &self,
        link: &Link,
        tokens: Option<SealedTokens>,
    ) -> std::result::Result<bool, StoreError> {
        let link = link.clone();
        // All writes go through one connection, one after another.
        self.write(move |db, _| {
            let held = of_account(db, link.discord_id)?;
            if held.is_some_and(|held| held.is_active && held.user_id != link.user_id) {
                return Ok(false);
            }
            put(db, &link, tokens.as_ref())?;
            Ok(true)
        })
        .await
    }

    async fn tokens(&self, account: DiscordId) -> std::result::Result<Option<SealedTokens>, StoreError> {
        self.read(move |db| tokens(db, account)).await
    }

    async fn mark_needs_consent(&self, account: DiscordId) -> std::result::Result<(), StoreError> {
        self.write(move |db, now| {
            change(
                db,
                "UPDATE discord_users SET needs_consent = 1, updated_at = ?2 WHERE discord_id = ?1",
                params![account.to_string(), now.0],
            )?;
            Ok(())
        })
        .await
    }

    async fn expiring(&self, before: Timestamp, limit: usize) -> std::result::Result<Vec<Link>, StoreError> {
        self.read(move |db| {
            all(
                db,
                select!(
                    "WHERE token_expiry < ?1 AND refresh_token <> '' AND is_active = 1 AND needs_consent = 0 \
                     ORDER BY token_expiry, discord_id LIMIT ?2"
                ),
                [before.0, at_most(limit)],
                link,
            )
        })
        .await
    }
}

fn active(db: &Connection) -> Result<Vec<ActiveLink>> {
    all(
        db,
        "SELECT discord_id, user_id, coalesce(access_token, '') <> '' AND needs_consent = 0 \
         FROM discord_users WHERE is_active = 1",
        [],
        |row| {
            Ok(ActiveLink {
                discord_id: id(row, 0)?,
                user_id: UserId(row.get(1)?),
                can_join: row.get(2)?,
            })
        },
    )
}

/// Stores the link. Whether it has tokens, and when they end, is what the stored tokens say.
pub(super) fn put(db: &Connection, link: &Link, tokens: Option<&SealedTokens>) -> Result<()> {
    change(
        db,
        "INSERT INTO discord_users (discord_id, user_id, username, access_token, refresh_token, token_expiry, \
             needs_consent, is_active, linked_at, updated_at, record_id) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
         ON CONFLICT (discord_id) DO UPDATE SET user_id = ?2, username = ?3, \
             access_token = coalesce(?4, access_token), refresh_token = coalesce(?5, refresh_token), \
             token_expiry = coalesce(?6, token_expiry), needs_consent = ?7, is_active = ?8, linked_at = ?9, \
             updated_at = ?10, refresh_since = CASE WHEN ?4 IS NULL THEN refresh_since END, \
             refresh_at = CASE WHEN ?4 IS NULL THEN refresh_at END, \
             consent_reason = CASE WHEN ?7 THEN consent_reason END",
        params![
            link.discord_id.to_string(),
            link.user_id.as_str(),
            link.username,
            tokens.map(|t| &t.access),
            tokens.map(|t| &t.refresh),
            tokens.map(|t| t.expiry.0),
            link.needs_consent,
            link.is_active,
            link.linked_at.0,
            link.updated_at.0,
            new_record_id(),
        ],
    )?;
    Ok(())
}

/// The link of an account.
pub(super) fn of_account(db: &Connection, account: DiscordId) -> Result<Option<Link>> {
    one(db, select!("WHERE discord_id = ?1"), [account.to_string()], link)
}

fn tokens(db: &Connection, account: DiscordId) -> Result<Option<SealedTokens>> {
    one(
        db,
        "SELECT access_token, refresh_token, token_expiry FROM discord_users \
         WHERE discord_id = ?1 AND access_token IS NOT NULL",
        [account.to_string()],
        |row| {
            Ok(SealedTokens {
                access: row.get(0)?,
                refresh: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
                expiry: Timestamp(row.get(2)?),
            })
        },
    )
}

fn link(row: &Row<'_>) -> Result<Link> {
    Ok(Link {
        user_id: UserId(row.get(0)?),
        discord_id: id(row, 1)?,
        username: row.get(2)?,
        is_active: row.get(3)?,
        has_token: row.get(4)?,
        token_expiry: row.get::<_, Option<i64>>(5)?.map(Timestamp),
        needs_consent: row.get(6)?,
        linked_at: Timestamp(row.get(7)?),
        updated_at: Timestamp(row.get(8)?),
    })
}
