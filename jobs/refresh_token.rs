//! Refreshes the tokens of one linked account, if they end soon.
//!
//! Discord rotates: each refresh kills the old refresh token, so a refresh whose answer is lost cannot be repeated.
//! Before Discord is asked, that is noted at the account, and whoever finds such a note waits: joins to several guilds
//! need the token at the same time, and one refresh is made for all, over all workers.

use std::time::Duration;

use rolecall_core::backoff::ExponentialBackoff;
use rolecall_core::cost::Calls;
use rolecall_core::error::JobError;
use rolecall_core::job::{Lane, Subject};
use rolecall_core::link::{Link, SealedTokens};
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{Begun, RefreshError, TokenPair, consent};
use rolecall_core::{DiscordId, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::kernel::context::Context;
use crate::kernel::fault::{self, Point};
use crate::kernel::job::Job;
use crate::kernel::services::Services;

/// Whoever finds a refresh under way looks again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// How often one token may be sealed anew while one refresh is stored.
const SEALED_ANEW: usize = 5;

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
    const CALLS: Calls = Calls::OTHER;

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
///
/// That Discord is asked is noted before it is asked. If this process dies, or the answer is lost, the note stays, so that
/// the next attempt knows why Discord may refuse the old token now.
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
    if stored.expiry > services.clock.now() + threshold {
        return Ok(Access::Fresh {
            token: open(services, account, &stored.access, "access_token")?,
            refreshed: false,
        });
    }
    if stored.refresh.is_empty() {
        return Ok(Access::None("no_token"));
    }
    let Some(client) = &services.oauth else {
        return Ok(Access::None("oauth_not_configured"));
    };
    let refresh = open(services, account, &stored.refresh, "refresh_token")?;
    if refresh.expose_secret().is_empty() {
        return Ok(Access::None("no_token"));
    }
    let options = context.call(None)?;
    let earlier = match services.refreshes.begin(account, services.clock.now()).await? {
        Begun::Now { unknown_since } => unknown_since,
        Begun::UnderWay => {
            return Err(JobError::wait(
                "token_refresh_under_way",
                LOOK_AGAIN,
                format!("the tokens of account {account} are being refreshed"),
            ));
        }
    };
    let pair = match services.discord.refresh(client, &refresh, &options).await {
        Ok(pair) => pair,
        Err(RefreshError::Refused) => return refused(services, account, earlier).await,
        Err(RefreshError::Call(error)) => {
            // What became of an earlier one is no better known by this.
            if error.did_nothing() {
                services.refreshes.nothing_done(account, earlier).await?;
            }
            return Err(error.into());
        }
    };
    fault::pass(Point::K14, "refresh_token");
    if !keep(services, &link, &stored.refresh, &refresh, &pair).await? {
        return Ok(Access::None("not_linked"));
    }
    Ok(Access::Fresh {
        token: pair.access,
        refreshed: true,
    })
}

fn open(
    services: &Services,
    account: DiscordId,
    sealed: &str,
    field: &str,
) -> Result<SecretString, JobError> {
    services
        .vault
        .open(sealed, &token_place(account, field))
        .map_err(|e| {
            JobError::permanent(
                "user_token_unreadable",
                format!("the {field} of account {account}: {e}"),
            )
            .with_remedy(
                "`rolecall secrets verify` lists what does not open. Put the key back into ROLECALL_ENCRYPTION_KEYS, or \
                 let the user link the account again.",
            )
        })
}

/// Discord does not accept the token, and never will again.
async fn refused(
    services: &Services,
    account: DiscordId,
    earlier: Option<Timestamp>,
) -> Result<Access, JobError> {
    match earlier {
        None => {
            tracing::warn!(
                account.id = %account,
                "discord_oauth: Discord does not accept the refresh token of account {account} any more; its user has to \
                 link it again before it can be joined to a guild. Its roles stay"
            );
            services.refreshes.refuse(account, consent::REFUSED).await?;
        }
        Some(since) => {
            tracing::warn!(
                account.id = %account,
                "discord_oauth: Discord does not accept the refresh token of account {account} any more: the answer to \
                 the refresh of {} was lost, and with it the new token. Its user has to link it again before it can be \
                 joined to a guild. Its roles stay",
                since.to_rfc3339()
            );
            services.refreshes.refuse(account, consent::LOST).await?;
        }
    }
    Ok(Access::None("needs_consent"))
}

/// Stores a new pair in the place of the one it was made of. `false`: the link ended while Discord was asked, and stays
/// ended.
async fn keep(
    services: &Services,
    asked_for: &Link,
    sealed: &str,
    plain: &SecretString,
    pair: &TokenPair,
) -> Result<bool, JobError> {
    let account = asked_for.discord_id;
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
    let mut instead_of = sealed.to_owned();
    for _ in 0..SEALED_ANEW {
        let stored = services
            .refreshes
            .succeed(account, &asked_for.user_id, &instead_of, &tokens);
        if stored.await? {
            return Ok(true);
        }
        // It may be the same token, sealed with another key meanwhile. Another token is a newer login's, and stays.
        let Some(now) = services.links.tokens(account).await? else {
            return Ok(false);
        };
        let same = open(services, account, &now.refresh, "refresh_token")
            .is_ok_and(|now| now.expose_secret() == plain.expose_secret());
        if !same || now.refresh == instead_of {
            return Ok(false);
        }
        instead_of = now.refresh;
    }
    Ok(false)
}
