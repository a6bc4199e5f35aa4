//! How a guild is, from what Discord tells of it: a pure function.

use crate::guild::{GuildInfo, HealthStatus};
use crate::hierarchy::{BotStanding, Obstacle, obstacle, permission, permissions};
use crate::ids::RoleId;

/// What a sync needs of a guild.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The roles that active mappings give, with their names.
    pub roles: Vec<(RoleId, String)>,
    /// Whether people are joined.
    pub joins: bool,
}

/// What was found, and what is wrong with it: a sentence each, the gravest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// How the guild is.
    pub status: HealthStatus,
    /// What is wrong.
    pub wrong: Vec<String>,
}

impl Findings {
    /// Nothing is wrong.
    pub fn healthy() -> Self {
        Self {
            status: HealthStatus::Healthy,
            wrong: Vec::new(),
        }
    }

    /// This is wrong, and a sync is not possible.
    pub fn unhealthy(what: impl Into<String>) -> Self {
        Self {
            status: HealthStatus::Unhealthy,
            wrong: vec![what.into()],
        }
    }

    /// All that is wrong in one text, or `None`.
    pub fn words(&self) -> Option<String> {
        (!self.wrong.is_empty()).then(|| self.wrong.join(" "))
    }

    fn degrade(&mut self, what: String) {
        if self.status == HealthStatus::Healthy {
            self.status = HealthStatus::Degraded;
        }
        self.wrong.push(what);
    }
}

/// Judges a guild that the bot is in. Without Manage Roles no sync is possible; a role that cannot be moved, or people
/// that cannot be joined, are a part of it.
pub fn judge(info: &GuildInfo, bot: &BotStanding, needs: &Needs) -> Findings {
    let bits = permissions(info, bot);
    let mut findings = Findings::healthy();
    if bits & permission::MANAGE_ROLES == 0 {
        let lacks = Obstacle::BotLacksManageRoles;
        findings = Findings::unhealthy(format!("The bot may not manage roles. {}", lacks.remedy()));
    }
    for (role, name) in &needs.roles {
        let Some(why) = obstacle(info, Some(bot), *role) else {
            continue;
        };
        // Said once, above.
        if why != Obstacle::BotLacksManageRoles {
            let name = if name.is_empty() {
                role.to_string()
            } else {
                format!("{name} ({role})")
            };
            findings.degrade(format!(
                "The role {name} cannot be moved: {}. {}",
                why.as_str(),
                why.remedy()
            ));
        }
    }
    if needs.joins && bits & permission::CREATE_INSTANT_INVITE == 0 {
        findings.degrade(
            "Nobody can be joined to the guild. In Discord, Server Settings > Roles: give the bot's role Create Invite."
                .to_owned(),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guild::Role;
    use crate::ids::{DiscordId, GuildId};

    fn role_id(n: u64) -> RoleId {
        RoleId::new(n).unwrap()
    }

    /// Roles 2 (at 1), 3 (the bot's, at 5, with these permissions) and 4 (at 9).
    fn guild(bits: u64) -> (GuildInfo, BotStanding) {
        let role = |id: u64, position: i64, permissions: u64| Role {
            id: role_id(id),
            name: format!("r{id}"),
            position,
            managed: id == 3,
            permissions,
            color: 0,
            hoist: false,
            mentionable: false,
        };
        let info = GuildInfo {
            id: GuildId::new(1).unwrap(),
            name: "g".into(),
            owner_id: DiscordId::new(99),
            roles: vec![role(1, 0, 0), role(2, 1, 0), role(3, 5, bits), role(4, 9, 0)],
        };
        let bot = BotStanding {
            id: DiscordId::new(50).unwrap(),
            roles: vec![role_id(3)],
        };
        (info, bot)
    }

    fn judged(bits: u64, roles: &[u64], joins: bool) -> Findings {
        let (info, bot) = guild(bits);
        let roles = roles.iter().map(|n| (role_id(*n), format!("r{n}"))).collect();
        judge(&info, &bot, &Needs { roles, joins })
    }

    const ALL: u64 = permission::MANAGE_ROLES | permission::CREATE_INSTANT_INVITE;

    #[test]
    fn a_guild_in_which_all_can_be_done_is_healthy() {
        assert_eq!(judged(ALL, &[2], true), Findings::healthy());
        assert_eq!(judged(permission::ADMINISTRATOR, &[2], true), Findings::healthy());
        assert_eq!(judged(permission::MANAGE_ROLES, &[2], false), Findings::healthy());
    }

    #[test]
    fn a_role_too_high_or_missing_and_no_invitations_degrade_it_in_words() {
        for (bits, roles, joins, word) in [
            (ALL, &[2, 4][..], true, "r4 (4)"),
            (ALL, &[2, 7], true, "role_missing"),
            (permission::MANAGE_ROLES, &[2], true, "Create Invite"),
        ] {
            let findings = judged(bits, roles, joins);
            assert_eq!(findings.status, HealthStatus::Degraded);
            assert!(findings.words().unwrap().contains(word), "{findings:?}");
        }
    }

    #[test]
    fn without_manage_roles_it_is_unhealthy_and_that_is_said_once() {
        let findings = judged(permission::CREATE_INSTANT_INVITE, &[2, 2], true);
        assert_eq!(
            (findings.status, findings.wrong.len()),
            (HealthStatus::Unhealthy, 1)
        );
        assert!(findings.words().unwrap().contains("Manage Roles"));
    }
}
