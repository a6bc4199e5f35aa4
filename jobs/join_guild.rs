//! Joins a linked account to a guild, with its roles (`PUT /guilds/{guild}/members/{user}`).

use std::collections::BTreeSet;
use std::time::Duration;

use rolecall_core::RoleId;
use rolecall_core::cost::Calls;
use rolecall_core::error::JobError;
use rolecall_core::hierarchy::{obstacle, permission, permissions};
use rolecall_core::job::{Lane, Subject};
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{AccountFilter, CallError, CallFailure, Joined};
use serde::{Deserialize, Serialize};

use crate::kernel::context::Context;
use crate::kernel::fault::{self, Point};
use crate::kernel::job::Job;
use crate::kernel::members::{Now, Target, look_again, refused};
use crate::refresh_token::{Access, fresh_access_token};
use crate::set_member_roles::SetMemberRoles;

/// The user's token has to live this long for a join.
const TOKEN_LEFT: Duration = Duration::from_secs(60);

/// No token lives so long: it is refreshed.
const EVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// What Discord says of a user's token that it does not accept (any more).
const DEAD_TOKEN: u32 = 50_025;

/// What somebody is told who cannot be joined.
const SCOPE_MISSING: &str = "the person did not grant guilds.join; put it into DISCORD_SCOPES and let them link again, or join by an invite";

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JoinGuild {
    /// Whom.
    #[serde(flatten)]
    pub target: Target,
}

impl Job for JoinGuild {
    const KIND: &'static str = "join_guild";
    const LANE: Lane = Lane::Bulk;
    const CALLS: Calls = Calls {
        joins: 1,
        looks_at_guild: true,
        ..Calls::NONE
    };

    fn unique_key(&self) -> Option<String> {
        Some(format!("{}:{}", Self::KIND, self.target.member_key()))
    }

    fn concurrency_key(&self) -> Option<String> {
        Some(self.target.member_key())
    }

    fn subject(&self) -> Subject {
        self.target.subject(None)
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let now = match look_again(context, &self.target, None).await? {
            Ok(now) => now,
            Err(nothing) => return Ok(nothing),
        };
        if !now.guild.config.settings.sync_on_join {
            return Ok(Outcome::skipped("joins_off"));
        }
        let wanted = self.givable(context, &now).await?;
        if wanted.is_empty() {
            return Ok(Outcome::skipped("superseded"));
        }
        if self.lacks_scope(context).await? {
            self.log_not_joined(&SCOPE_MISSING);
            return Ok(Outcome::skipped("scope_missing").with_note(SCOPE_MISSING));
        }
        let joined = match self.join(context, &now, &wanted).await? {
            Ok(joined) => joined,
            Err(reason) => return Ok(Outcome::skipped(reason)),
        };
        let Target {
            guild_id, discord_id, ..
        } = self.target;
        match joined {
            Ok(Joined::Now) => {
                tracing::info!("auto-join: account {discord_id} joined guild {guild_id}");
                let mut outcome = Outcome::moved(wanted, BTreeSet::new()).of_member_with(BTreeSet::new());
                outcome.count("joined", 1);
                Ok(outcome)
            }
            // A member already, and Discord changed no role: the normal way then.
            Ok(Joined::Already) => {
                tracing::info!("auto-join: account {discord_id} was a member of guild {guild_id} already");
                let job = SetMemberRoles {
                    target: self.target.clone(),
                    add: wanted,
                    remove: BTreeSet::new(),
                    seen: None,
                };
                context.insert(vec![context.follow_up("roles", &job)]).await?;
                Ok(Outcome::unchanged().with_note("was a member already; the roles follow"))
            }
            Err(error) => self.not_joined(context, error).await,
        }
    }
}

impl JoinGuild {
    fn log_not_joined(&self, why: &dyn std::fmt::Display) {
        let Target {
            guild_id, discord_id, ..
        } = self.target;
        tracing::warn!("auto-join: account {discord_id} was not joined to guild {guild_id}: {why}");
    }

    /// Asks Discord. A token that is dead although it had not ended is refreshed, and tried once more. `Err(reason)`
    /// inside: there is no token.
    async fn join(
        &self,
        context: &Context,
        now: &Now,
        wanted: &BTreeSet<RoleId>,
    ) -> Result<Result<Result<Joined, CallError>, &'static str>, JobError> {
        let Target {
            guild_id, discord_id, ..
        } = self.target;
        let options = context.call(Some(context.audit_reason("in a mapped group")))?;
        let mut left = TOKEN_LEFT;
        let mut dead_one = None;
        loop {
            let (token, refreshed) = match fresh_access_token(context, discord_id, left).await? {
                Access::Fresh { token, refreshed } => (token, refreshed),
                // There is no other one to be had, so the dead one is not sent again at each sync.
                Access::None("no_token") if let Some(error) = dead_one => return Ok(Ok(Err(error))),
                Access::None(reason) => return Ok(Err(reason)),
            };
            fault::pass(Point::K5, Self::KIND);
            let discord = &context.services.discord;
            let joined = discord
                .join(&now.guild.token, guild_id, discord_id, &token, wanted, &options)
                .await;
            let dead = joined.as_ref().is_err_and(|e| e.code == Some(DEAD_TOKEN));
            if !dead || refreshed {
                return Ok(Ok(joined));
            }
            dead_one = joined.err();
            left = EVER;
        }
    }

    /// Whether it is known that the person did not consent to be joined. Nothing is known of older records.
    async fn lacks_scope(&self, context: &Context) -> Result<bool, JobError> {
        let filter = AccountFilter {
            discord_id: Some(self.target.discord_id),
            ..AccountFilter::default()
        };
        let (accounts, _) = context.services.accounts.list(&filter, 0, 1).await?;
        let scopes = accounts.first().map(|a| a.profile.scopes.as_slice());
        Ok(scopes.is_some_and(|s| !s.is_empty() && !s.iter().any(|scope| scope == "guilds.join")))
    }

    /// The wanted roles that our bot can give: one that it cannot fails the whole join. So does a bot that may not invite.
    async fn givable(&self, context: &Context, now: &Now) -> Result<BTreeSet<RoleId>, JobError> {
        let options = context.call(None)?;
        let info = context.services.recent_info(&now.guild, &options).await?;
        let standing = context.services.standing(&now.guild, &options).await?;
        let mut wanted = now.guild.rules.desired(&now.facts).roles();
        wanted.retain(|role| obstacle(&info, standing.as_ref(), *role).is_none());
        let bits = standing.map_or(u64::MAX, |bot| permissions(&info, &bot));
        if !wanted.is_empty() && bits & permission::CREATE_INSTANT_INVITE == 0 {
            let error = JobError::permanent(
                "bot_lacks_create_invite",
                format!("the bot may not invite to guild {}", self.target.guild_id),
            )
            .with_remedy("In Discord, Server Settings > Roles: give the bot's role Create Invite.");
            self.log_not_joined(&error);
            return Err(error);
        }
        Ok(wanted)
    }

    /// Refusals that concern this user alone are outcomes in words, not dead letters: the next sync tries again.
    async fn not_joined(&self, context: &Context, error: CallError) -> Result<Outcome, JobError> {
        if matches!(error.failure, CallFailure::Wait(_) | CallFailure::Transient) {
            return Err(error.into());
        }
        self.log_not_joined(&error);
        match (error.code, &error.failure) {
            (Some(DEAD_TOKEN), _) => {
                // It was refreshed a moment ago, or cannot be, and is dead: the user withdrew the consent.
                context
                    .services
                    .links
                    .mark_needs_consent(self.target.discord_id)
                    .await?;
                Ok(Outcome::skipped("needs_consent").with_note(in_words(&error)))
            }
            (Some(30_001 | 30_019 | 40_007 | 50_178 | 340_015 | 50_026), _) => {
                Ok(Outcome::skipped(error.error_code()).with_note(in_words(&error)))
            }
            _ => refused(context, &self.target, &[], error).await,
        }
    }
}

fn in_words(error: &CallError) -> String {
    match error.remedy() {
        Some(remedy) => format!("{error}. {remedy}"),
        None => error.to_string(),
    }
}
