//! How refreshes of tokens go (`discord_users`).

use async_trait::async_trait;
use rolecall_core::error::StoreError;
use rolecall_core::ids::{DiscordId, UserId};
use rolecall_core::link::SealedTokens;
use rolecall_core::ports::{Begun, REFRESH_TAKES, Refreshes};
use rolecall_core::time::Timestamp;
use rusqlite::params;

use super::SqliteStore;
use super::sql::{all, change, count, one};

#[async_trait]
impl Refreshes for SqliteStore {
    async fn begin(&self, account: DiscordId, now: Timestamp) -> Result<Begun, StoreError> {
        self.write(move |db, _| {
            let account = account.to_string();
            let noted = one(
                db,
                "SELECT refresh_since, refresh_at FROM discord_users WHERE discord_id = ?1",
                [&account],
                |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?)),
            )?;
            let (since, at) = noted.unwrap_or_default();
            if at.is_some_and(|at| Timestamp(at) > now - REFRESH_TAKES) {
                return Ok(Begun::UnderWay);
            }
            change(
                db,
                "UPDATE discord_users SET refresh_since = coalesce(refresh_since, ?2), refresh_at = ?2 \
                 WHERE discord_id = ?1",
                params![account, now.0],
            )?;
            Ok(Begun::Now {
                unknown_since: since.map(Timestamp),
            })
        })
        .await
    }

    async fn nothing_done(
        &self,
        account: DiscordId,
        unknown_since: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.write(move |db, _| {
            change(
                db,
                "UPDATE discord_users SET refresh_since = ?2, refresh_at = NULL WHERE discord_id = ?1",
                params![account.to_string(), unknown_since.map(|at| at.0)],
            )?;
            Ok(())
        })
        .await
    }

    async fn succeed(
        &self,
        account: DiscordId,
        user: &UserId,
        instead_of: &str,
        tokens: &SealedTokens,
    ) -> Result<bool, StoreError> {
        let (user, instead_of, tokens) = (user.clone(), instead_of.to_owned(), tokens.clone());
        self.write(move |db, _| {
            let stored = change(
                db,
                "UPDATE discord_users SET access_token = ?4, refresh_token = ?5, token_expiry = ?6, \
                     refresh_since = NULL, refresh_at = NULL, consent_reason = NULL, needs_consent = 0 \
                 WHERE discord_id = ?1 AND user_id = ?2 AND refresh_token = ?3 AND is_active = 1",
                params![
                    account.to_string(),
                    user.as_str(),
                    instead_of,
                    tokens.access,
                    tokens.refresh,
                    tokens.expiry.0
                ],
            )?;
            Ok(stored == 1)
        })
        .await
    }

    async fn refuse(&self, account: DiscordId, reason: &str) -> Result<(), StoreError> {
        let reason = reason.to_owned();
        self.write(move |db, now| {
            change(
                db,
                "UPDATE discord_users SET needs_consent = 1, consent_reason = ?2, refresh_since = NULL, refresh_at = NULL, \
                     updated_at = ?3 WHERE discord_id = ?1",
                params![account.to_string(), reason, now.0],
            )?;
            Ok(())
        })
        .await
    }

    async fn refused(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.read(|db| {
            all(
                db,
                "SELECT coalesce(consent_reason, ''), count(*) FROM discord_users \
                 WHERE is_active = 1 AND needs_consent = 1 GROUP BY 1 ORDER BY 1",
                [],
                |row| Ok((row.get(0)?, count(row, 1)?)),
            )
        })
        .await
    }
}
