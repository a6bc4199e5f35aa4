//! Links an account to a user, and starts the sync that joins it to every mapped guild and gives it its roles.
//!
//! The record is stored before the sync is asked for, because a sync leaves accounts alone that are not linked. If the
//! process dies in between, the next scheduled sync does the same.

use std::sync::Arc;

use rolecall_core::account::Profile;
use rolecall_core::audit::Act;
use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::link::{Link, SealedTokens};
use rolecall_core::ports::{TokenPair, VaultError};
use rolecall_core::run::Scope;
use rolecall_core::{DiscordId, RunId, UserId};
use rolecall_jobs::kernel::audit::{account, audited};
use rolecall_jobs::kernel::queue::Queue;
use rolecall_jobs::kernel::services::Services;
use rolecall_jobs::kernel::steering::By;
use rolecall_jobs::refresh_token::token_place;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::request::{Refusal, SyncRequest, request_sync};

/// What a finished login or a caller's token gives.
#[derive(Debug, Clone)]
pub struct NewLink {
    /// Whose account it becomes.
    pub user_id: UserId,
    /// The account.
    pub discord_id: DiscordId,
    /// What Discord tells of it.
    pub profile: Profile,
    /// Its tokens; the refresh token may be empty.
    pub tokens: TokenPair,
    /// Whether an account of another user may be taken over.
    pub allow_move: bool,
    /// The caller's `traceparent`.
    pub trace: Option<String>,
}

/// What became of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new, or was unlinked before.
    Linked,
    /// The user had it already; tokens and profile are new.
    Renewed,
    /// It belonged to another user.
    Moved,
}

impl Change {
    /// The act's name in the audit trail.
    pub const fn action(self) -> &'static str {
        match self {
            Self::Linked => "account.linked",
            Self::Renewed => "account.renewed",
            Self::Moved => "account.moved",
        }
    }
}

/// A stored link.
#[derive(Debug, Clone)]
pub struct Linked {
    /// What became of the record.
    pub change: Change,
    /// The run that joins it and gives its roles; `None` if there is no guild, or it could not be asked for.
    pub run: Option<RunId>,
}

/// Why an account is not linked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It is linked to somebody else.
    #[error("this Discord account is linked to another user; it has to be unlinked there first")]
    Taken,
    /// The tokens could not be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What linking does to what is stored. Pure.
fn decide(existing: Option<&Link>, user: &UserId, allow_move: bool) -> Result<Change, LinkError> {
    match existing {
        Some(link) if link.is_active && link.user_id == *user => Ok(Change::Renewed),
        Some(link) if link.is_active && allow_move => Ok(Change::Moved),
        Some(link) if link.is_active => Err(LinkError::Taken),
        // A link that has ended holds nobody's place.
        _ => Ok(Change::Linked),
    }
}

/// Stores the link and asks for the sync.
///
/// # Errors
/// See [`LinkError`]. Nothing is stored for [`LinkError::Taken`] and [`LinkError::Vault`].
pub async fn link(
    services: &Arc<Services>,
    queue: &Queue,
    new: NewLink,
    by: By,
) -> Result<Linked, LinkError> {
    let now = services.clock.now();
    let existing = services.links.of_account(new.discord_id).await?;
    let change = decide(existing.as_ref(), &new.user_id, new.allow_move)?;
    let linked_at = match (&existing, change) {
        (Some(link), Change::Renewed) => link.linked_at,
        _ => now,
    };
    let tokens = sealed(services, &new)?;
    let link = Link {
        user_id: new.user_id.clone(),
        discord_id: new.discord_id,
        username: new.profile.username.clone(),
        is_active: true,
        has_token: true,
        token_expiry: Some(tokens.expiry),
        needs_consent: false,
        linked_at,
        updated_at: now,
    };
    let act = act(&new, change, existing.as_ref());
    audited(services, &by, act, async {
        // What was looked at above may have changed since: of several users at once, one gets the account.
        if new.allow_move {
            services.links.put(&link, Some(tokens)).await?;
        } else if !services.links.claim(&link, Some(tokens)).await? {
            return Err(LinkError::Taken);
        }
        let noted = services.accounts.set_profile(new.discord_id, &new.profile).await;
        noted.map_err(LinkError::from)
    })
    .await?;
    let run = ask_for_sync(services, queue, &new, by.cause).await;
    tracing::info!(
        "discord_oauth: {} account {} of user {}",
        change.action(),
        new.discord_id,
        new.user_id
    );
    Ok(Linked { change, run })
}

fn sealed(services: &Services, new: &NewLink) -> Result<SealedTokens, LinkError> {
    let seal = |secret: &SecretString, field: &str| {
        if secret.expose_secret().is_empty() {
            return Ok(String::new());
        }
        services.vault.seal(secret, &token_place(new.discord_id, field))
    };
    Ok(SealedTokens {
        access: seal(&new.tokens.access, "access_token")?,
        refresh: seal(&new.tokens.refresh, "refresh_token")?,
        expiry: services.clock.now() + new.tokens.expires_in,
    })
}

/// What the audit trail is told.
fn act(new: &NewLink, change: Change, existing: Option<&Link>) -> Act {
    let before = existing
        .filter(|_| change == Change::Moved)
        .map(|l| json!({ "user_id": l.user_id }));
    Act::new(change.action(), account(new.discord_id))
        .before(&before)
        .after(&json!({
            "user_id": new.user_id, "username": new.profile.username, "scopes": new.profile.scopes,
        }))
}

/// A sync that cannot be asked for does not undo the link: the schedule catches up.
async fn ask_for_sync(services: &Arc<Services>, queue: &Queue, new: &NewLink, cause: Cause) -> Option<RunId> {
    let request = SyncRequest {
        scope: Scope {
            users: vec![new.user_id.clone()],
            ..Scope::default()
        },
        trace: new.trace.clone(),
        ..SyncRequest::default()
    };
    match request_sync(services, queue, request, cause).await {
        Ok(run) => Some(run.id),
        Err(Refusal::NoGuild) => None,
        Err(error) => {
            tracing::warn!("discord_oauth: the sync after a link could not be asked for: {error}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use rolecall_core::Timestamp;

    use super::*;

    #[test]
    fn an_account_of_somebody_else_is_taken_over_only_if_that_is_allowed() {
        let link = |is_active| Link {
            user_id: "ada".into(),
            discord_id: DiscordId::new(7).unwrap(),
            username: String::new(),
            is_active,
            has_token: true,
            token_expiry: None,
            needs_consent: false,
            linked_at: Timestamp(0),
            updated_at: Timestamp(0),
        };
        let (ada, bob) = ("ada".into(), "bob".into());
        assert_eq!(decide(None, &ada, false).unwrap(), Change::Linked);
        assert_eq!(decide(Some(&link(true)), &ada, false).unwrap(), Change::Renewed);
        assert!(matches!(
            decide(Some(&link(true)), &bob, false),
            Err(LinkError::Taken)
        ));
        assert_eq!(decide(Some(&link(true)), &bob, true).unwrap(), Change::Moved);
        assert_eq!(decide(Some(&link(false)), &bob, false).unwrap(), Change::Linked);
    }
}
