//! Refreshes the tokens of one linked account, if they end soon.
//!
//! Discord rotates: each refresh kills the old refresh token, so a refresh whose answer is lost cannot be repeated.
//! Only one job an account runs at a time, over all workers.

use std::time::Duration;

use rolecall_core::DiscordId;
use rolecall_core::backoff::ExponentialBackoff;
use rolecall_core::error::JobError;
use rolecall_core::job::{Lane, Subject};
use rolecall_core::link::{Link, SealedTokens};
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{RefreshError, TokenPair};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::kernel::context::Context;
use crate::kernel::job::Job;
use crate::kernel::services::Services;

/// Place of an account's token, for the vault.
pub fn token_place(account: DiscordId, field: &str) -> String {
    format!("discord_users:{account}:{field}")
}

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RefreshToken {
    /// The linked account.
    pub discord_id: DiscordId,
}

impl Job for RefreshToken {
    const KIND: &'static str = "refresh_token";
    const LANE: Lane = Lane::Bulk;
    /// As the original's schedule promised: three retries, five minutes apart.
    const MAX_ATTEMPTS: u32 = 4;

    fn backoff() -> ExponentialBackoff {
        let five_minutes = Duration::from_secs(300);
        ExponentialBackoff {
            initial_interval: five_minutes,
            multiplier: 1.0,
            ..ExponentialBackoff::default()
        }
    }

    fn unique_key(&self) -> Option<String> {
        Some(format!("{}:{}", Self::KIND, self.discord_id))
    }

    fn concurrency_key(&self) -> Option<String> {
        Some(format!("tokens:{}", self.discord_id))
    }

    fn subject(&self) -> Subject {
        Subject {
            discord_id: Some(self.discord_id),
            ..Subject::default()
        }
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        match fresh_access_token(
            context,
            self.discord_id,
            context.services.settings.token_refresh_threshold,
        )
        .await?
        {
            Access::Fresh { refreshed: true, .. } => Ok(Outcome::applied(0, 0)),
            Access::Fresh { refreshed: false, .. } => Ok(Outcome::unchanged()),
            Access::None(reason) => Ok(Outcome::skipped(reason)),
        }
    }
}

/// What can be had.
pub enum Access {
    /// A token that lives for at least the asked time.
    Fresh {
        /// The token.
        token: SecretString,
        /// Whether it was refreshed for this.
        refreshed: bool,
    },
    /// None, for this reason: `no_token`, `needs_consent`, `oauth_not_configured`.
    None(&'static str),
}

/// An access token of this account that lives for at least `threshold`, refreshed if need be.
pub async fn fresh_access_token(
    context: &Context,
    account: DiscordId,
    threshold: Duration,
) -> Result<Access, JobError> {
    let services = &context.services;
    let Some(link) = services.links.of_account(account).await?.filter(|l| l.is_active) else {
        return Ok(Access::None("not_linked"));
    };
    if link.needs_consent {
        return Ok(Access::None("needs_consent"));
    }
    let Some(stored) = services.links.tokens(account).await? else {
        return Ok(Access::None("no_token"));
    };
    let open = |sealed: &str, field: &str| {
        services
            .vault
            .open(sealed, &token_place(account, field))
            .map_err(|e| {
                JobError::permanent(
                    "user_token_unreadable",
                    format!("the {field} of account {account}: {e}"),
                )
            })
    };
    if stored.expiry > services.clock.now() + threshold {
        return Ok(Access::Fresh {
            token: open(&stored.access, "access_token")?,
            refreshed: false,
        });
    }
    if stored.refresh.is_empty() {
        return Ok(Access::None("no_token"));
    }
    let Some(client) = &services.oauth else {
        return Ok(Access::None("oauth_not_configured"));
    };
    let refresh = open(&stored.refresh, "refresh_token")?;
    if refresh.expose_secret().is_empty() {
        return Ok(Access::None("no_token"));
    }
    let pair = match services
        .discord
        .refresh(client, &refresh, &context.call(None)?)
        .await
    {
        Ok(pair) => pair,
        Err(RefreshError::Refused) => {
            services.links.mark_needs_consent(account).await?;
            return Ok(Access::None("needs_consent"));
        }
        Err(RefreshError::Call(error)) => return Err(error.into()),
    };
    if !keep(services, &link, &pair).await? {
        return Ok(Access::None("not_linked"));
    }
    Ok(Access::Fresh {
        token: pair.access,
        refreshed: true,
    })
}

/// Stores a new pair. `false`: the link ended while Discord was asked, and stays ended.
async fn keep(services: &Services, asked_for: &Link, pair: &TokenPair) -> Result<bool, JobError> {
    let account = asked_for.discord_id;
    let link = services.links.of_account(account).await?;
    let Some(link) = link.filter(|l| l.is_active && l.user_id == asked_for.user_id) else {
        return Ok(false);
    };
    let seal = |secret: &SecretString, field: &str| {
        services
            .vault
            .seal(secret, &token_place(account, field))
            .map_err(|e| JobError::permanent("vault", format!("could not seal a token: {e}")))
    };
    let tokens = SealedTokens {
        access: seal(&pair.access, "access_token")?,
        refresh: seal(&pair.refresh, "refresh_token")?,
        expiry: services.clock.now() + pair.expires_in,
    };
    services.links.put(&link, Some(tokens)).await?;
    Ok(true)
}
