//! How a call to Discord is made, and how it fails.

use std::time::Duration;

use crate::error::{ErrorClass, JobError};
use crate::ids::JobId;
use crate::job::Lane;

/// How to make a call.
#[derive(Debug, Clone)]
pub struct CallOptions {
    /// Whose turn it is.
    pub lane: Lane,
    /// The job that calls, for the limiter's queue and the audit log of Discord.
    pub job: Option<JobId>,
    /// Reason for Discord's audit log, at most 512 characters.
    pub reason: Option<String>,
    /// How long to wait for a permit before giving up with [`CallFailure::Wait`].
    pub patience: Duration,
    /// The call has to be answered within this time.
    pub timeout: Duration,
}

impl Default for CallOptions {
    /// Normal lane, no job, 2 s of patience, 10 s for the answer.
    fn default() -> Self {
        Self {
            lane: Lane::Normal,
            job: None,
            reason: None,
            patience: Duration::from_secs(2),
            timeout: Duration::from_secs(10),
        }
    }
}

/// What kind of failure it was.
#[derive(Debug, Clone, PartialEq)]
pub enum CallFailure {
    /// Our limiter gave a later time, or Discord did (429, or 5xx with Retry-After). Real time.
    Wait(Duration),
    /// No answer, or one that is no answer of Discord (another 5xx, half a body, not JSON).
    Transient,
    /// 401: the token is dead.
    Unauthorized,
    /// 403 with a code: missing permissions (50013), missing access (50001), 2FA (60003), bad user token (50025) …
    Forbidden,
    /// 404 / 10007: not a member of the guild.
    UnknownMember,
    /// 404 / 10013: no such account.
    UnknownUser,
    /// 404 / 10011: no such role.
    UnknownRole,
    /// 404 / 10004: no such guild, or the bot is not in it.
    UnknownGuild,
    /// Another 4xx: our mistake, or a limit of the account (30001 …).
    Refused,
}

/// Why a call did not do what it should.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    /// What kind of failure it was.
    pub failure: CallFailure,
    /// Template of the call.
    pub route: &'static str,
    /// Status of the answer, if one came.
    pub status: Option<u16>,
    /// Discord's code, if the answer had one.
    pub code: Option<u32>,
    /// In words, such as `Discord answered 403 (50013 Missing Permissions) to PUT /guilds/…`. Never holds a secret.
    pub message: String,
}

impl CallError {
    /// An answer with 500 or above: not of Discord's limits, and perhaps not of Discord.
    fn is_of_server(&self) -> bool {
        self.status.is_some_and(|status| status >= 500)
    }

    /// Whether it is certain that the call changed nothing: Discord said so, or was not reached. Of an answer that did
    /// not come, or was an error of a server, it is not.
    pub fn did_nothing(&self) -> bool {
        self.failure != CallFailure::Transient && !self.is_of_server()
    }

    /// Stable name of the failure.
    pub fn error_code(&self) -> &'static str {
        match self.failure {
            CallFailure::Wait(_) if !self.is_of_server() => "discord_rate_limited",
            CallFailure::Wait(_) | CallFailure::Transient => "discord_unavailable",
            CallFailure::Unauthorized => "discord_unauthorized",
            CallFailure::Forbidden => match self.code {
                Some(50001) => "discord_missing_access",
                Some(60003) => "discord_two_factor_required",
                Some(50025) => "discord_user_token_invalid",
                Some(40007) => "discord_user_banned",
                _ => "discord_missing_permissions",
            },
            CallFailure::UnknownMember => "discord_unknown_member",
            CallFailure::UnknownUser => "discord_unknown_user",
            CallFailure::UnknownRole => "discord_unknown_role",
            CallFailure::UnknownGuild => "discord_unknown_guild",
            CallFailure::Refused => match self.code {
                Some(30001) => "discord_user_guild_limit",
                Some(30019) => "discord_guild_full",
                Some(40007) => "discord_user_banned",
                Some(50178) => "discord_user_unverified",
                Some(340_015) => "discord_user_may_not_join",
                _ => "discord_refused",
            },
        }
    }

    /// What to do about it, where waiting alone does not help.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self.error_code() {
            "discord_unavailable" => {
                "Discord itself is out of order, see https://discordstatus.com: when it is well again, run again what \
                 has used up its tries."
            }
            "discord_unauthorized" => {
                "The bot's token is not valid any more: make a new one in Discord's developer portal and store it \
                 with `rolecall guild add`."
            }
            "discord_missing_permissions" => {
                "Give the bot's role Manage Roles, and drag it above the roles that it should give; `rolecall dead-letters \
                 check` tells which role is above which."
            }
            "discord_missing_access" => {
                "Invite the bot to the guild, and switch on its Server Members Intent in the developer portal."
            }
            "discord_two_factor_required" => {
                "The guild demands 2FA of its moderators: switch it on for the owner of the bot's application."
            }
            "discord_unknown_guild" => {
                "Check the guild's id, and that the bot is still a member of the guild."
            }
            "discord_unknown_role" => "The role was deleted in Discord: point its mapping at another role.",
            "discord_user_token_invalid" => "The user has to link the Discord account again.",
            "discord_user_banned" => {
                "The user is banned from this guild; lift the ban in Discord to let them join."
            }
            "discord_user_guild_limit" => {
                "The user is in as many guilds as Discord allows; they have to leave one."
            }
            "discord_user_unverified" => "The user has to verify their account at Discord.",
            "discord_user_may_not_join" => {
                "Discord lets this user join no new guild at present; try in some days."
            }
            "discord_guild_full" => "The guild has as many members as Discord allows.",
            _ => return None,
        })
    }
}

impl From<CallError> for JobError {
    fn from(error: CallError) -> Self {
        let class = match error.failure {
            CallFailure::Wait(wait) => ErrorClass::RateLimited { wait },
            CallFailure::Transient => ErrorClass::Transient,
            _ => ErrorClass::Permanent,
        };
        let mut out = Self::new(class, error.error_code(), error.message.clone());
        out.remedy = error.remedy().map(ToOwned::to_owned);
        out.http_status = error.status;
        out.discord_code = error.code;
        out.route = Some(error.route.to_owned());
        out
    }
}
