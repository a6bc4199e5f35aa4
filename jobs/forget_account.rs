//! Ends what is stored of an account whose link has ended: its tokens are revoked at Discord, its record is deleted,
//! and what is known of the person in the audit trail is blanked.
//!
//! The link itself is inactive already, so nothing is done for the account any more. Revoking comes first, because it
//! needs the stored token; but a Discord that does not answer holds the deletion up only until [`ForgetAccount::until`].
//! After that the record goes, and the tokens die by themselves (an access token after a week at the latest).

use std::time::Duration;

use rolecall_core::backoff::ExponentialBackoff;
use rolecall_core::cost::Calls;
use rolecall_core::error::JobError;
use rolecall_core::job::Subject;
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::CallFailure;
use rolecall_core::{DiscordId, Timestamp, UserId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::kernel::context::Context;
use crate::kernel::job::Job;
use crate::refresh_token::token_place;

/// What the audit trail calls an account.
pub fn audit_target(account: DiscordId) -> String {
    format!("account:{account}")
}

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ForgetAccount {
    /// Whose link has ended.
    pub user_id: UserId,
    /// The account.
    pub discord_id: DiscordId,
    /// From then on the record is deleted even if Discord did not take the tokens back.
    pub until: Timestamp,
}

impl Job for ForgetAccount {
    const KIND: &'static str = "forget_account";
    const CALLS: Calls = Calls::OTHER;
    /// More than fit before [`Self::until`]: the last ones delete without asking Discord.
    const MAX_ATTEMPTS: u32 = 40;

    fn backoff() -> ExponentialBackoff {
        ExponentialBackoff {
            initial_interval: Duration::from_secs(30),
            multiplier: 1.0,
            ..ExponentialBackoff::default()
        }
    }

    /// The same as a refresh: of the two, one at a time. No unique key: somebody who links and unlinks again in a minute
    /// gets a job for each, and the later one finds nothing or deletes.
    fn concurrency_key(&self) -> Option<String> {
        Some(format!("tokens:{}", self.discord_id))
    }

    fn subject(&self) -> Subject {
        Subject {
            user_id: Some(self.user_id.clone()),
            discord_id: Some(self.discord_id),
            ..Subject::default()
        }
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let services = &context.services;
        let mut outcome = Outcome::unchanged();
        if self.is_linked(context).await? {
            return Ok(Outcome::skipped("linked_again"));
        }
        if let Some(token) = self.token(context, &mut outcome).await? {
            self.revoke(context, &token, &mut outcome).await?;
            // The call took its time, and a person is quick.
            if self.is_linked(context).await? {
                return Ok(Outcome::skipped("linked_again"));
            }
        }
        let removed = services.accounts.remove(self.discord_id).await?;
        services.audit.blank(&audit_target(self.discord_id)).await?;
        let mut done = if removed {
            Outcome::applied(0, 0)
        } else {
            Outcome::unchanged()
        };
        done.notes = outcome.notes;
        Ok(done)
    }
}

impl ForgetAccount {
    /// Whether the account has an active link (again), or belongs to somebody else by now.
    async fn is_linked(&self, context: &Context) -> Result<bool, JobError> {
        let link = context.services.links.of_account(self.discord_id).await?;
        Ok(link.is_some_and(|l| l.is_active || l.user_id != self.user_id))
    }

    /// A token to revoke. One that does not open is no reason to keep the person's data.
    async fn token(
        &self,
        context: &Context,
        outcome: &mut Outcome,
    ) -> Result<Option<SecretString>, JobError> {
        let services = &context.services;
        let Some(stored) = services.links.tokens(self.discord_id).await? else {
            return Ok(None);
        };
        let (sealed, field) = if stored.refresh.is_empty() {
            (&stored.access, "access_token")
        } else {
            (&stored.refresh, "refresh_token")
        };
        match services.vault.open(sealed, &token_place(self.discord_id, field)) {
            Ok(token) if token.expose_secret().is_empty() => Ok(None),
            Ok(token) => Ok(Some(token)),
            Err(error) => {
                let note = format!("the {field} was not revoked: {error}");
                outcome.notes.push(note);
                Ok(None)
            }
        }
    }

    /// Any token of a person ends all tokens that this application has of the person.
    async fn revoke(
        &self,
        context: &Context,
        token: &SecretString,
        outcome: &mut Outcome,
    ) -> Result<(), JobError> {
        let services = &context.services;
        let Some(client) = &services.oauth else {
            let note = "the token was not revoked: DISCORD_CLIENT_ID and DISCORD_CLIENT_SECRET are not set";
            outcome.notes.push(note.to_owned());
            return Ok(());
        };
        let Err(error) = services.discord.revoke(client, token, &context.call(None)?).await else {
            return Ok(());
        };
        let may_pass = matches!(error.failure, CallFailure::Wait(_) | CallFailure::Transient);
        if may_pass && services.clock.now() < self.until {
            return Err(error.into());
        }
        tracing::warn!(
            account.id = %self.discord_id,
            "discord_oauth: the tokens of account {} were not revoked: {error}; its record is deleted all the same",
            self.discord_id
        );
        outcome.notes.push(format!("the token was not revoked: {error}"));
        Ok(())
    }
}
