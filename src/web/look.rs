//! Looks at a guild through Discord while somebody waits: is the token a bot's, is the bot in the guild, what may it do.

use std::time::Duration;

use axum::http::StatusCode;
use rolecall_core::guild::{Account, GuildInfo};
use rolecall_core::hierarchy::{BotStanding, compare, obstacle, permission, permissions};
use rolecall_core::job::Lane;
use rolecall_core::ports::{BotToken, CallError, CallFailure, CallOptions};
use rolecall_core::{GuildId, RoleId};
use rolecall_jobs::kernel::guilds::token_place;
use rolecall_jobs::kernel::services::Services;

use super::http::problem::{ApiError, Detail};

/// Somebody waits: three calls after another have to be over before the request's own time is.
pub(crate) fn options() -> CallOptions {
    CallOptions {
        lane: Lane::Interactive,
        patience: Duration::from_secs(1),
        timeout: Duration::from_secs(3),
        ..CallOptions::default()
    }
}

/// What was seen.
pub(crate) struct Seen {
    /// The bot.
    pub(crate) bot: Account,
    /// The guild.
    pub(crate) info: GuildInfo,
    /// What the bot is there; `None` if Discord does not tell.
    pub(crate) standing: Option<BotStanding>,
}

/// Looks at a guild. Three reads.
pub(crate) async fn look(services: &Services, guild: GuildId, token: &BotToken) -> Result<Seen, ApiError> {
    let discord = &services.discord;
    let bot = discord.me(token, &options()).await.map_err(refused)?;
    if !bot.bot {
        return Err(unprocessable(
            "bot_token_invalid",
            vec![Detail::at(
                "/bot_token",
                format!("this is the token of {}, which is no bot", bot.username),
            )],
        ));
    }
    let info = match discord.guild(token, guild, &options()).await {
        Ok(info) => info,
        Err(error) if is_absent(&error) => {
            let sentence = format!("the bot {} is not a member of guild {guild}", bot.username);
            let invitation = format!(
                "Check the id, and invite the bot: https://discord.com/oauth2/authorize?client_id={}&scope=bot\
                 &permissions={}&guild_id={guild}",
                bot.id,
                permission::MANAGE_ROLES | permission::CREATE_INSTANT_INVITE
            );
            let error = unprocessable("bot_not_in_guild", vec![Detail::at("/guild_id", sentence)]);
            return Err(error.with_hint(invitation));
        }
        Err(error) => return Err(refused(error)),
    };
    let standing = match discord.member(token, guild, bot.id, &options()).await {
        Ok(member) => Some(BotStanding {
            id: bot.id,
            roles: member.roles,
        }),
        Err(error) if error.failure == CallFailure::UnknownMember => None,
        Err(error) => return Err(refused(error)),
    };
    Ok(Seen { bot, info, standing })
}

fn is_absent(error: &CallError) -> bool {
    error.failure == CallFailure::UnknownGuild
        || (error.failure == CallFailure::Forbidden && error.code == Some(50001))
}

fn unprocessable(code: &'static str, errors: Vec<Detail>) -> ApiError {
    let first = errors.first().map(|e| e.message.clone()).unwrap_or_default();
    let error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, first);
    errors.into_iter().fold(error, ApiError::with_error)
}

/// What Discord's refusal of a read is to our caller: 503 where it may pass, 404 and 422 where something is wrong with
/// what is configured, else 502.
pub(crate) fn refused(error: CallError) -> ApiError {
    let hint = error.remedy();
    let out = match error.failure {
        CallFailure::Wait(wait) => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "discord_rate_limited",
            "Discord allows no further call at present",
        )
        .retry_after(wait.as_secs().max(1)),
        CallFailure::Transient => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "discord_unavailable",
            "Discord did not answer; nothing was changed, try again in a moment",
        )
        .retry_after(5),
        CallFailure::Unauthorized => unprocessable(
            "bot_token_invalid",
            vec![Detail::at("/bot_token", "Discord does not accept this bot token")],
        ),
        CallFailure::UnknownGuild => ApiError::not_found(
            "discord_unknown_guild",
            "Discord knows no such guild, or the bot is not in it",
        ),
        _ => ApiError::new(StatusCode::BAD_GATEWAY, error.error_code(), error.message.clone()),
    };
    match hint {
        Some(hint) => out.with_hint(hint),
        None => out,
    }
    .with_cause(error.message)
}

/// Opens the stored token of a guild.
pub(crate) async fn stored_token(services: &Services, guild: GuildId) -> Result<BotToken, ApiError> {
    let sealed = services
        .guilds
        .sealed_token(guild)
        .await?
        .filter(|t| !t.is_empty());
    let sealed = sealed.ok_or_else(|| {
        ApiError::new(
            StatusCode::CONFLICT,
            "bot_token_missing",
            "this guild has no bot token stored",
        )
        .with_hint("Send one with PUT /discord/guilds/{guild_id}.")
    })?;
    services
        .vault
        .open(&sealed, &token_place(guild))
        .map_err(|error| {
            ApiError::new(
                StatusCode::CONFLICT,
                "bot_token_unreadable",
                "the stored bot token of this guild cannot be opened",
            )
            .with_hint("Put the old key back into ROLECALL_ENCRYPTION_KEYS, or send the token again.")
            .with_cause(error.to_string())
        })
}

impl Seen {
    /// Refuses a guild in which nothing could be done.
    pub(crate) fn check_permissions(&self) -> Result<(), ApiError> {
        let Some(standing) = &self.standing else {
            return Ok(());
        };
        if permissions(&self.info, standing) & permission::MANAGE_ROLES != 0 {
            return Ok(());
        }
        let sentence = format!(
            "the bot {} lacks the permission Manage Roles in {}",
            self.bot.username, self.info.name
        );
        let error = unprocessable("bot_lacks_manage_roles", vec![Detail::at("/guild_id", sentence)]);
        Err(error.with_hint("In Discord, Server Settings > Roles: give the bot's role Manage Roles."))
    }

    /// What does not stand in the way of a sync, but of joining people.
    pub(crate) fn warnings(&self, client_id: Option<&str>) -> Vec<String> {
        let mut out = Vec::new();
        let Some(client) = client_id else { return out };
        if self.bot.id.to_string() != client {
            out.push(format!(
                "the bot {} ({}) does not belong to the application of DISCORD_CLIENT_ID ({client}), so it can join \
                 nobody to this guild",
                self.bot.username, self.bot.id
            ));
        }
        let invites = |s| permissions(&self.info, s) & permission::CREATE_INSTANT_INVITE != 0;
        if !self.standing.as_ref().is_none_or(invites) {
            out.push(format!(
                "the bot {} lacks the permission Create Invite, so it can join nobody to this guild",
                self.bot.username
            ));
        }
        out
    }

    /// The name of a role that our bot can give and take; else what stands in the way, with both positions.
    pub(crate) fn role(&self, role: RoleId) -> Result<String, ApiError> {
        let Some(obstacle) = obstacle(&self.info, self.standing.as_ref(), role) else {
            let found = self.info.roles.iter().find(|r| r.id == role);
            return Ok(found.map(|r| r.name.clone()).unwrap_or_default());
        };
        let sentence = format!(
            "the bot cannot give or take role {role} in {}: {} ({})",
            self.info.name,
            obstacle.as_str(),
            self.positions(role)
        );
        let error = unprocessable(obstacle.as_str(), vec![Detail::at("/discord_role_id", sentence)]);
        Err(error.with_hint(obstacle.remedy()))
    }

    /// `Pilot is at position 9, the bot's highest role Rolecall at position 5`.
    fn positions(&self, role: RoleId) -> String {
        let place = |r: &rolecall_core::guild::Role| format!("{} is at position {}", r.name, r.position);
        let target = self.info.roles.iter().find(|r| r.id == role);
        let target = target.map_or_else(|| format!("role {role} is not there"), place);
        let Some(standing) = &self.standing else {
            return target;
        };
        let own = self.info.roles.iter().filter(|r| standing.roles.contains(&r.id));
        match own.max_by(|a, b| compare(a, b)) {
            Some(top) => format!("{target}, the bot's highest role {}", place(top)),
            None => format!("{target}, the bot has no role"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rolecall_core::DiscordId;
    use rolecall_core::guild::Role;

    use super::*;

    fn seen(permissions: u64) -> Seen {
        let role = |id: u64, name: &str, position: i64, permissions: u64| Role {
            id: RoleId::new(id).unwrap(),
            name: name.to_owned(),
            position,
            managed: false,
            permissions,
            color: 0,
            hoist: false,
            mentionable: false,
        };
        let id = DiscordId::new(77).unwrap();
        Seen {
            bot: Account {
                id,
                username: "rolecall".to_owned(),
                bot: true,
            },
            info: GuildInfo {
                id: GuildId::new(1).unwrap(),
                name: "Corp".to_owned(),
                owner_id: None,
                roles: vec![
                    role(2, "Pilot", 1, 0),
                    role(3, "Bot", 5, permissions),
                    role(4, "CEO", 9, 0),
                ],
            },
            standing: Some(BotStanding {
                id,
                roles: vec![RoleId::new(3).unwrap()],
            }),
        }
    }

    #[test]
    fn a_role_is_refused_with_both_positions_and_a_remedy() {
        let seen = seen(permission::MANAGE_ROLES);
        assert_eq!(seen.role(RoleId::new(2).unwrap()).unwrap(), "Pilot");
        let problem = seen.role(RoleId::new(4).unwrap()).unwrap_err().problem();
        assert_eq!((problem.status, problem.code.as_str()), (422, "role_above_bot"));
        let sentence = &problem.errors[0].message;
        assert!(
            sentence.contains("position 9") && sentence.contains("position 5"),
            "{sentence}"
        );
        assert!(problem.hint.is_some());
        assert_eq!(
            seen.role(RoleId::new(9).unwrap()).unwrap_err().problem().code,
            "role_missing"
        );
    }

    #[test]
    fn missing_permissions_are_named() {
        assert!(seen(permission::MANAGE_ROLES).check_permissions().is_ok());
        assert_eq!(
            seen(0).check_permissions().unwrap_err().problem().code,
            "bot_lacks_manage_roles"
        );
        assert_eq!(seen(permission::MANAGE_ROLES).warnings(Some("78")).len(), 2);
        assert!(seen(permission::MANAGE_ROLES).warnings(None).is_empty());
    }
}
