//! States of OAuth flows (`discord_oauth_states`).

use async_trait::async_trait;
use rolecall_core::account::{OAuthState, Taken};
use rolecall_core::error::StoreError;
use rolecall_core::ids::UserId;
use rolecall_core::ports::OAuthStates;
use rolecall_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::sql::{Result, change, json, one, to_json};

#[async_trait]
impl OAuthStates for SqliteStore {
    async fn put(&self, state: &OAuthState) -> std::result::Result<(), StoreError> {
        let state = state.clone();
        self.write(move |db, _| put(db, &state)).await
    }

    async fn take(&self, hash: &str, now: Timestamp) -> std::result::Result<Taken, StoreError> {
        let hash = hash.to_owned();
        self.write(move |db, _| take(db, &hash, now)).await
    }

    async fn prune(&self, before: Timestamp) -> std::result::Result<u64, StoreError> {
        self.write(move |db, _| {
            let pruned = change(
                db,
                "DELETE FROM discord_oauth_states WHERE expires_at < ?1",
                [before.0],
            )?;
            Ok(u64::try_from(pruned).unwrap_or(u64::MAX))
        })
        .await
    }
}

/// A state that is there already stays as it is: used, if it was used.
fn put(db: &Connection, state: &OAuthState) -> Result<()> {
    change(
        db,
        "INSERT INTO discord_oauth_states (state, browser, user_id, verifier, redirect_url, scopes, created_at, \
             expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (state) DO NOTHING",
        params![
            state.hash,
            state.browser,
            state.user_id.as_ref().map(UserId::as_str),
            state.verifier,
            state.redirect_url,
            to_json(&state.scopes)?,
            state.created_at.0,
            state.expires_at.0,
        ],
    )?;
    Ok(())
}

fn take(db: &Connection, hash: &str, now: Timestamp) -> Result<Taken> {
    let found = one(
        db,
        "SELECT state, browser, user_id, verifier, redirect_url, scopes, created_at, expires_at, used \
         FROM discord_oauth_states WHERE state = ?1",
        [hash],
        |row| Ok((state(row)?, row.get::<_, bool>(8)?)),
    )?;
    let Some((state, used)) = found else {
        return Ok(Taken::Unknown);
    };
    if used {
        return Ok(Taken::Reused);
    }
    if state.expires_at <= now {
        return Ok(Taken::Expired);
    }
    // The verifier is of no use any more.
    change(
        db,
        "UPDATE discord_oauth_states SET used = 1, verifier = '' WHERE state = ?1",
        [hash],
    )?;
    Ok(Taken::Valid(Box::new(state)))
}

fn state(row: &Row<'_>) -> Result<OAuthState> {
    Ok(OAuthState {
        hash: row.get(0)?,
        browser: row.get(1)?,
        user_id: row.get::<_, Option<String>>(2)?.map(UserId),
        verifier: row.get(3)?,
        redirect_url: row.get(4)?,
        scopes: json(row, 5)?,
        created_at: Timestamp(row.get(6)?),
        expires_at: Timestamp(row.get(7)?),
    })
}
