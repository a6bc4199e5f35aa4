//! Looks whether what made jobs fail is gone.

use crate::guild::{GuildInfo, Role};
use crate::hierarchy::{BotStanding, Obstacle, highest, obstacle};
use crate::ids::RoleId;
use crate::job::Attempt;

/// What has to be looked at to find out whether a cause is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Whether the bot can move the role now: it exists, is below the bot, and the bot may.
    Role,
    /// Whether the bot is in the guild, with a token that works.
    Guild,
    /// Whether Discord answers.
    Discord,
    /// Whether this release can read what is stored of the job.
    Payload,
    /// Nothing that can be looked at: somebody has to say so.
    People,
}

/// What is doubtful about jobs whose last attempt ended like this.
pub fn doubt(last: &Attempt) -> Doubt {
    match last.discord_code {
        Some(50_013 | 10_011) => return Doubt::Role,
        Some(10_004 | 50_001 | 60_003) => return Doubt::Guild,
        _ => {}
    }
    match last.error_code.as_deref().unwrap_or_default() {
        "discord_missing_permissions" | "discord_unknown_role" => Doubt::Role,
        "discord_unknown_guild"
        | "discord_missing_access"
        | "discord_two_factor_required"
        | "discord_unauthorized"
        | "bot_token_missing"
        | "bot_token_unreadable" => Doubt::Guild,
        "discord_unavailable" | "attempt_timed_out" | "store_unavailable" => Doubt::Discord,
        "undecodable" | "newer_release_needed" => Doubt::Payload,
        _ if last.http_status.is_some_and(|status| status >= 500) => Doubt::Discord,
        _ => Doubt::People,
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The cause is gone.
    Gone {
        /// How it is now, in a sentence.
        now: String,
    },
    /// It is still there.
    Still {
        /// How it is now, in a sentence.
        now: String,
        /// What to do about it.
        remedy: String,
    },
    /// It cannot be told.
    Unknown {
        /// Why not, in a sentence.
        now: String,
    },
}

impl Finding {
    /// The written name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Gone { .. } => "gone",
            Self::Still { .. } => "still_there",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// How it is, in a sentence.
    pub fn now(&self) -> &str {
        match self {
            Self::Gone { now } | Self::Still { now, .. } | Self::Unknown { now } => now,
        }
    }

    /// How it is and what to do about it, in a text.
    pub fn told(&self) -> String {
        match self.remedy() {
            Some(remedy) => format!("{} {remedy}", self.now()),
            None => self.now().to_owned(),
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> Option<&str> {
        match self {
            Self::Still { remedy, .. } => Some(remedy),
            Self::Gone { .. } | Self::Unknown { .. } => None,
        }
    }
}

fn told(role: &Role) -> String {
    format!("{} (position {})", role.name, role.position)
}

/// Whether the bot can give and take this role now; if not, which role is above which.
pub fn role(guild: &GuildInfo, bot: Option<&BotStanding>, id: RoleId) -> Finding {
    let role = guild.roles.iter().find(|r| r.id == id);
    let named = role.map_or_else(
        || format!("The role {id}"),
        |role| format!("The role {}", told(role)),
    );
    let owns = bot.is_some_and(|bot| guild.owner_id == Some(bot.id));
    let top = bot.and_then(|bot| highest(guild, bot)).filter(|_| !owns);
    let Some(why) = obstacle(guild, bot, id) else {
        return match (bot, top) {
            (None, _) => Finding::Unknown {
                now: format!("{named} exists; Discord does not tell what the bot is in the guild."),
            },
            (Some(_), Some(top)) => Finding::Gone {
                now: format!("{named} is below the bot's highest role, {}.", told(top)),
            },
            (Some(_), None) => Finding::Gone {
                now: format!("{named} can be moved by the bot, which owns the guild."),
            },
        };
    };
    let (now, remedy) = match (why, top) {
        (Obstacle::RoleAboveBot, Some(top)) => (
            format!("{named} is above the bot's highest role, {}.", told(top)),
            role.map(|role| {
                format!(
                    "In Discord, Server Settings > Roles: drag {} above {}.",
                    told(top),
                    told(role)
                )
            }),
        ),
        (Obstacle::RoleAboveBot, None) => (format!("The bot has no role, and {named} is above it."), None),
        (Obstacle::RoleMissing, _) => (format!("{named} does not exist."), None),
        (Obstacle::RoleManaged, _) => (format!("{named} belongs to a bot or an integration."), None),
        (Obstacle::RoleIsEveryone, _) => (format!("{named} is @everyone."), None),
        (Obstacle::BotLacksManageRoles, _) => ("The bot may not manage roles.".to_owned(), None),
    };
    Finding::Still {
        now,
        remedy: remedy.unwrap_or_else(|| why.remedy().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guild::RoleLooks;
    use crate::hierarchy::permission::MANAGE_ROLES;
    use crate::ids::{DiscordId, GuildId};

    fn a_role(id: u64, name: &str, position: i64) -> Role {
        Role {
            id: RoleId::new(id).unwrap(),
            name: name.to_owned(),
            position,
            managed: false,
            permissions: MANAGE_ROLES,
            looks: RoleLooks::default(),
        }
    }

    fn guild(pilot: i64) -> GuildInfo {
        GuildInfo {
            id: GuildId::new(1).unwrap(),
            name: "Trial".to_owned(),
            owner_id: None,
            roles: vec![
                a_role(1, "@everyone", 0),
                a_role(2, "Pilot", pilot),
                a_role(3, "rolecall", 5),
            ],
        }
    }

    fn bot() -> BotStanding {
        BotStanding {
            id: DiscordId::new(50).unwrap(),
            roles: vec![RoleId::new(3).unwrap()],
        }
    }

    #[test]
    fn a_role_above_the_bot_is_told_with_both_positions_and_below_it_is_gone() {
        let pilot = RoleId::new(2).unwrap();
        let found = role(&guild(7), Some(&bot()), pilot);
        assert_eq!(
            found,
            Finding::Still {
                now: "The role Pilot (position 7) is above the bot's highest role, rolecall (position 5).".to_owned(),
                remedy: "In Discord, Server Settings > Roles: drag rolecall (position 5) above Pilot (position 7)."
                    .to_owned(),
            }
        );
        let found = role(&guild(2), Some(&bot()), pilot);
        assert_eq!(found.as_str(), "gone", "{}", found.now());
        let found = role(&guild(2), Some(&bot()), RoleId::new(9).unwrap());
        assert!(found.now().contains("9 does not exist"), "{}", found.now());
        assert_eq!(role(&guild(2), None, pilot).as_str(), "unknown");
    }

    #[test]
    fn each_cause_is_looked_at_where_it_was() {
        let failed = |code: &str, status, discord_code| {
            let by = crate::cause::Cause::new("worker", "");
            doubt(&Attempt {
                error_code: Some(code.to_owned()),
                http_status: status,
                discord_code,
                ..Attempt::discarded(1, &by, crate::Timestamp(0))
            })
        };
        assert_eq!(
            failed("discord_missing_permissions", Some(403), Some(50_013)),
            Doubt::Role
        );
        assert_eq!(
            failed("discord_unknown_role", Some(404), Some(10_011)),
            Doubt::Role
        );
        assert_eq!(
            failed("discord_unknown_guild", Some(404), Some(10_004)),
            Doubt::Guild
        );
        assert_eq!(failed("discord_unauthorized", Some(401), None), Doubt::Guild);
        assert_eq!(failed("discord_unavailable", Some(502), None), Doubt::Discord);
        assert_eq!(failed("undecodable", None, None), Doubt::Payload);
        assert_eq!(failed("discarded_by_operator", None, None), Doubt::People);
    }
}
