//! Looks at a guild through Discord, with a bot's token: whose token it is, what the guild is, what the bot may do.

use std::time::Duration;

use rolecall_core::guild::{Account, GuildConfig, GuildInfo};
use rolecall_core::hierarchy::{BotStanding, Obstacle, compare, obstacle, permissions};
use rolecall_core::job::Lane;
use rolecall_core::ports::{BotToken, CallError, CallFailure, CallOptions};
use rolecall_core::{GuildId, RoleId};
use rolecall_jobs::kernel::guilds::token_place;
use rolecall_jobs::kernel::services::Services;

/// Bits of the invitation: Manage Roles, and Create Invite for joining people.
const INVITED_WITH: u64 = rolecall_core::hierarchy::permission::MANAGE_ROLES
    | rolecall_core::hierarchy::permission::CREATE_INSTANT_INVITE;

/// How this command line calls Discord: somebody waits.
pub(super) fn options() -> CallOptions {
    CallOptions {
        lane: Lane::Interactive,
        patience: Duration::from_secs(10),
        ..CallOptions::default()
    }
}

/// What was seen.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// The bot.
    pub(super) bot: Account,
    /// The guild.
    pub(super) info: GuildInfo,
    /// What the bot is there; `None` if Discord does not tell.
    pub(super) standing: Option<BotStanding>,
}

/// Why nothing was seen.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Blind {
    /// Discord did not answer in time or asked to wait, or was not asked.
    Unreachable(String),
    /// Something that waiting does not help, and what to do about it.
    Refused {
        /// What happened.
        sentence: String,
        /// What to do.
        remedy: String,
    },
}

impl Blind {
    fn refused(sentence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Refused {
            sentence: sentence.into(),
            remedy: remedy.into(),
        }
    }

    /// What happened.
    pub(super) fn sentence(&self) -> &str {
        match self {
            Self::Unreachable(sentence) | Self::Refused { sentence, .. } => sentence,
        }
    }
}

impl From<CallError> for Blind {
    fn from(error: CallError) -> Self {
        match error.failure {
            CallFailure::Wait(_) | CallFailure::Transient => {
                Self::Unreachable(format!("Discord cannot be reached: {}", error.message))
            }
            _ => {
                let remedy = error
                    .remedy()
                    .unwrap_or("See Discord's documentation for this answer.");
                Self::refused(error.message.clone(), remedy)
            }
        }
    }
}

/// Opens the stored token of a guild.
pub(super) async fn stored_token(services: &Services, guild: GuildId) -> Result<BotToken, Blind> {
    let again = format!("Store it again with `rolecall guild add --id {guild}`.");
    let sealed = services
        .guilds
        .sealed_token(guild)
        .await
        .map_err(|e| Blind::refused(e.to_string(), "`rolecall doctor` looks at the store."))?;
    let sealed = sealed.filter(|t| !t.is_empty()).ok_or_else(|| {
        Blind::refused(
            format!("guild {guild} has no bot token stored"),
            format!("Store one with `rolecall guild add --id {guild}`."),
        )
    })?;
    services.vault.open(&sealed, &token_place(guild)).map_err(|e| {
        Blind::refused(
            format!("the bot token of guild {guild} cannot be opened: {e}"),
            again,
        )
    })
}

/// Looks at a configured guild with its stored token. A disabled guild is never read.
pub(super) async fn look_at_stored(services: &Services, guild: &GuildConfig) -> Result<Seen, Blind> {
    if !guild.is_enabled {
        let sentence = format!("guild {} is disabled, so Discord was not asked", guild.guild_id);
        return Err(Blind::Unreachable(sentence));
    }
    let token = stored_token(services, guild.guild_id).await?;
    look(services, guild.guild_id, &token).await
}

/// Looks at a guild. Three reads, nothing is stored.
pub(super) async fn look(services: &Services, guild: GuildId, token: &BotToken) -> Result<Seen, Blind> {
    let discord = &services.discord;
    let options = options();
    let bot = match discord.me(token, &options).await {
        Ok(bot) if bot.bot => bot,
        Ok(person) => {
            return Err(Blind::refused(
                format!("this is the token of {}, which is no bot", person.username),
                "Take the token of the page Bot of the application in Discord's developer portal.",
            ));
        }
        Err(error) if error.failure == CallFailure::Unauthorized => {
            return Err(Blind::refused(
                "Discord does not accept this bot token",
                "Copy it again from the page Bot of the application in Discord's developer portal (Reset Token makes \
                 a new one and ends the old one).",
            ));
        }
        Err(error) => return Err(error.into()),
    };
    let not_there = |error: &CallError| {
        error.failure == CallFailure::UnknownGuild
            || (error.failure == CallFailure::Forbidden && error.code == Some(50001))
    };
    let info = match discord.guild(token, guild, &options).await {
        Ok(info) => info,
        Err(error) if not_there(&error) => {
            return Err(Blind::refused(
                format!("the bot {} is not a member of guild {guild}", bot.username),
                format!("Check the id, and invite the bot: {}", invitation(&bot, guild)),
            ));
        }
        Err(error) => return Err(error.into()),
    };
    let standing = match discord.member(token, guild, bot.id, &options).await {
        Ok(member) => Some(BotStanding {
            id: bot.id,
            roles: member.roles,
        }),
        Err(error) if error.failure == CallFailure::UnknownMember => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Seen { bot, info, standing })
}

/// Where an administrator of the guild invites the bot. A bot's application has the bot's id (all made since 2016).
fn invitation(bot: &Account, guild: GuildId) -> String {
    format!(
        "https://discord.com/oauth2/authorize?client_id={}&scope=bot&permissions={INVITED_WITH}&guild_id={guild}",
        bot.id
    )
}

impl Seen {
    /// What stands in the way of this role.
    pub(super) fn obstacle(&self, role: RoleId) -> Option<Obstacle> {
        obstacle(&self.info, self.standing.as_ref(), role)
    }

    /// The bot's permissions; `None` if Discord does not tell what it is there.
    pub(super) fn permissions(&self) -> Option<u64> {
        let standing = self.standing.as_ref()?;
        Some(permissions(&self.info, standing))
    }

    /// The role's name, if the guild has it.
    pub(super) fn role_name(&self, role: RoleId) -> Option<&str> {
        let found = self.info.roles.iter().find(|r| r.id == role);
        found.map(|r| r.name.as_str())
    }

    /// Where a role and the bot's highest role are: `Pilot is at position 9, the bot's highest role Rolecall at 5`.
    pub(super) fn positions(&self, role: RoleId) -> String {
        let place = |name: &str, position: i64| format!("{name} at position {position}");
        let target = self.info.roles.iter().find(|r| r.id == role);
        let target = target.map_or_else(
            || format!("role {role} is not there"),
            |r| place(&r.name, r.position),
        );
        let Some(standing) = &self.standing else {
            return target;
        };
        let highest = self
            .info
            .roles
            .iter()
            .filter(|r| standing.roles.contains(&r.id))
            .max_by(|a, b| compare(a, b));
        match highest {
            Some(top) => format!(
                "{target}, the bot's highest role {}",
                place(&top.name, top.position)
            ),
            None => format!("{target}, the bot has no role"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rolecall_core::DiscordId;
    use rolecall_core::guild::{Role, RoleLooks};
    use rolecall_core::hierarchy::permission::MANAGE_ROLES;

    use super::*;

    /// A guild with the roles 2 (at 1), 3 (the bot's, at 5), 4 (at 9) and 5 (managed).
    pub(in super::super) fn seen() -> Seen {
        let role = |id: u64, name: &str, position: i64| Role {
            id: RoleId::new(id).unwrap(),
            name: name.to_owned(),
            position,
            managed: id == 5,
            permissions: if id == 3 { MANAGE_ROLES } else { 0 },
            looks: RoleLooks::default(),
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
                    role(1, "@everyone", 0),
                    role(2, "Pilot", 1),
                    role(3, "Rolecall", 5),
                    role(4, "Director", 9),
                    role(5, "Booster", 2),
                ],
            },
            standing: Some(BotStanding {
                id,
                roles: vec![RoleId::new(3).unwrap()],
            }),
        }
    }

    #[test]
    fn a_role_above_the_bot_is_told_with_both_positions() {
        let role = RoleId::new(4).unwrap();
        assert_eq!(seen().obstacle(role), Some(Obstacle::RoleAboveBot));
        assert_eq!(
            seen().positions(role),
            "Director at position 9, the bot's highest role Rolecall at position 5"
        );
    }
}
