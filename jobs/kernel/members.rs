//! What a write to one member needs to know at the moment it is sent.

use rolecall_core::conditions::Facts;
use rolecall_core::error::JobError;
use rolecall_core::job::Subject;
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{CallError, CallFailure};
use rolecall_core::{DiscordId, GuildId, RoleId, UserId, recheck};
use serde::{Deserialize, Serialize};

use super::context::Context;
use super::guilds::{NotReady, ReadyGuild};

/// Whom an operation is about. Part of every operation's payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The guild.
    pub guild_id: GuildId,
    /// The application's user.
    pub user_id: UserId,
    /// The user's Discord account.
    pub discord_id: DiscordId,
}

impl Target {
    /// One write in flight per member, over all workers: of two at once, Discord answers both with success and
    /// loses one (observed: discord/discord-api-docs issue 6289).
    pub fn member_key(&self) -> String {
        format!("member:{}:{}", self.guild_id, self.discord_id)
    }

    /// For people who search.
    pub fn subject(&self, role: Option<RoleId>) -> Subject {
        Subject {
            guild_id: Some(self.guild_id),
            user_id: Some(self.user_id.clone()),
            discord_id: Some(self.discord_id),
            role_id: role,
            webhook_id: None,
        }
    }
}

/// What an operation finds when it looks again.
pub struct Now {
    /// The guild.
    pub guild: ReadyGuild,
    /// What the directory knows of the user, read a moment ago.
    pub facts: Facts,
}

impl Now {
    /// Whether the user should have this role.
    pub fn wants(&self, role: RoleId) -> bool {
        self.guild.rules.wants(&self.facts, role)
    }

    /// Whether the user should not have this role, and we are the ones to say so.
    pub fn denies(&self, role: RoleId) -> bool {
        self.guild.rules.denies(&self.facts, role)
    }
}

/// Nothing like it was refused a moment ago.
///
/// # Errors
/// What Discord refused then in this guild, or of this role: asking again at once would be in vain.
pub fn not_refused_lately(context: &Context, target: &Target, role: Option<RoleId>) -> Result<(), JobError> {
    let now = context.services.clock.now();
    let recent = context.services.cache.recent_refusal(target.guild_id, role, now);
    let mended = context.redriven_at;
    match recent.filter(|(at, _)| mended.is_none_or(|mended| *at >= mended)) {
        None => Ok(()),
        Some((_, mut error)) => {
            error.message = format!("not sent, because a moment ago: {}", error.message);
            Err(error)
        }
    }
}

/// Looks again: the wish may have changed while the job waited. `Err(Ok(outcome))` inside means: nothing to do.
///
/// This is also the second read of the directory that a removal needs; a read that fails fails the job.
///
/// # Errors
/// What Discord refused a moment ago in this guild, or of this role: asking again at once would be in vain.
pub async fn look_again(
    context: &Context,
    target: &Target,
    role: Option<RoleId>,
) -> Result<Result<Now, Outcome>, JobError> {
    not_refused_lately(context, target, role)?;
    let guild = match context
        .services
        .ready_guild(target.guild_id, context.inserted_at)
        .await
    {
        Ok(guild) => guild,
        Err(NotReady::Skip(reason)) => return Ok(Err(Outcome::skipped(reason))),
        Err(NotReady::Failed(error)) => return Err(error),
    };
    let link = context.services.links.of_account(target.discord_id).await?;
    if !link.is_some_and(|l| l.is_active && l.user_id == target.user_id) {
        return Ok(Err(Outcome::skipped("not_linked")));
    }
    match context.services.facts(&target.user_id).await? {
        Some(facts) => Ok(Ok(Now { guild, facts })),
        None => Ok(Err(Outcome::skipped("directory_unknown"))),
    }
}

/// What a refused write means. A member who left is no failure; a role that is gone or too high is one that people
/// have to mend, and what is kept about the guild is wrong. `roles`: those that the write was about.
pub async fn refused(
    context: &Context,
    target: &Target,
    roles: &[RoleId],
    error: CallError,
) -> Result<Outcome, JobError> {
    match error.failure {
        CallFailure::UnknownMember | CallFailure::UnknownUser => Ok(Outcome::skipped("not_a_member")),
        CallFailure::UnknownRole
        | CallFailure::UnknownGuild
        | CallFailure::Forbidden
        | CallFailure::Unauthorized => {
            let services = &context.services;
            // These are about a role, whichever it is of a change of several; the rest is about the bot or the guild.
            let of_a_role = matches!(error.code, Some(50_013 | 10_011 | 50_028));
            let mut error = JobError::from(error);
            if error.discord_code == Some(50_013)
                && let Some(seen) = in_the_way(context, target.guild_id, roles).await
            {
                error.remedy = Some(seen);
            }
            services.cache.forget(target.guild_id);
            let about = match roles {
                [role] if of_a_role => Some(*role),
                _ => None,
            };
            tracing::warn!(
                guild.id = %target.guild_id, error.code = %error.code,
                "discord_bot: Discord refused the bot of guild {}: {error}", target.guild_id
            );
            if about.is_some() || !of_a_role {
                services
                    .cache
                    .note_refusal(target.guild_id, about, services.clock.now(), error.clone());
            }
            Err(error)
        }
        CallFailure::Wait(_) | CallFailure::Transient | CallFailure::Refused => Err(error.into()),
    }
}

/// Which of these roles the bot cannot move, and why: which role is above which, at which positions, and what to do.
/// `None`: nothing is in the way of them, or Discord does not tell now.
async fn in_the_way(context: &Context, guild: GuildId, roles: &[RoleId]) -> Option<String> {
    let options = context.call(None).ok()?;
    let (info, bot) = context.services.look_after_refusal(guild, &options).await?;
    let mut found = roles.iter().map(|role| recheck::role(&info, bot.as_ref(), *role));
    found
        .find(|finding| finding.remedy().is_some())
        .map(|finding| finding.told())
}
