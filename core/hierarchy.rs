//! What a bot may do with a role.
//!
//! Sources: Discord's documentation of permissions and of the permission hierarchy. Equal positions: the lower id is
//! the higher role (so discord.js, discord.py and twilight agree).

use std::cmp::Ordering;

use crate::guild::{GuildInfo, Role};
use crate::ids::{DiscordId, RoleId};

/// Permission bits that matter here. Source: Discord's documentation, "Permissions".
pub mod permission {
    /// `CREATE_INSTANT_INVITE`: needed to join somebody.
    pub const CREATE_INSTANT_INVITE: u64 = 1;
    /// `ADMINISTRATOR`: everything, except the hierarchy.
    pub const ADMINISTRATOR: u64 = 1 << 3;
    /// `VIEW_CHANNEL`: needed to post into a channel.
    pub const VIEW_CHANNEL: u64 = 1 << 10;
    /// `SEND_MESSAGES`: needed to post into a channel.
    pub const SEND_MESSAGES: u64 = 1 << 11;
    /// `EMBED_LINKS`.
    pub const EMBED_LINKS: u64 = 1 << 14;
    /// `MANAGE_NICKNAMES`.
    pub const MANAGE_NICKNAMES: u64 = 1 << 27;
    /// `MANAGE_ROLES`.
    pub const MANAGE_ROLES: u64 = 1 << 28;
}

/// A permission that go-falcon's documentation asks for, and what it is for here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    /// Discord's name of the bit. Stable.
    pub permission: &'static str,
    /// What Discord's pages call it.
    pub name: &'static str,
    /// The bit.
    pub bit: u64,
    /// What does not work without it.
    pub what_for: &'static str,
}

/// All that are reported of a bot, the most needed first.
pub const RIGHTS: [Right; 6] = [
    right(
        "MANAGE_ROLES",
        "Manage Roles",
        permission::MANAGE_ROLES,
        "giving and taking roles",
    ),
    right(
        "CREATE_INSTANT_INVITE",
        "Create Invite",
        permission::CREATE_INSTANT_INVITE,
        "joining people",
    ),
    right(
        "VIEW_CHANNEL",
        "View Channels",
        permission::VIEW_CHANNEL,
        "the audit and notification channels",
    ),
    right(
        "SEND_MESSAGES",
        "Send Messages",
        permission::SEND_MESSAGES,
        "the audit and notification channels",
    ),
    right(
        "EMBED_LINKS",
        "Embed Links",
        permission::EMBED_LINKS,
        "nothing yet",
    ),
    right(
        "MANAGE_NICKNAMES",
        "Manage Nicknames",
        permission::MANAGE_NICKNAMES,
        "nothing yet",
    ),
];

const fn right(permission: &'static str, name: &'static str, bit: u64, what_for: &'static str) -> Right {
    Right {
        permission,
        name,
        bit,
        what_for,
    }
}

impl Right {
    /// Whether these permissions of a bot hold it. An administrator's and an owner's hold all.
    pub const fn is_in(&self, permissions: u64) -> bool {
        permissions & self.bit != 0
    }
}

/// Each right, and whether these permissions hold it, in one line for people.
pub fn rights_in_words(permissions: u64) -> String {
    let one = |right: &Right| match right.is_in(permissions) {
        true => format!("{} ok", right.name),
        false => format!("{} missing", right.name),
    };
    RIGHTS.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Why a role cannot be given or taken by our bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obstacle {
    /// The guild has no such role.
    RoleMissing,
    /// It is `@everyone`, which nobody can give or take.
    RoleIsEveryone,
    /// It belongs to a bot, a booster program or an integration.
    RoleManaged,
    /// It is not below the bot's highest role.
    RoleAboveBot,
    /// The bot may not manage roles at all.
    BotLacksManageRoles,
}

impl Obstacle {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::RoleMissing,
        Self::RoleIsEveryone,
        Self::RoleManaged,
        Self::RoleAboveBot,
        Self::BotLacksManageRoles,
    ];

    /// Stable name. Stored with outcomes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RoleMissing => "role_missing",
            Self::RoleIsEveryone => "role_is_everyone",
            Self::RoleManaged => "role_managed",
            Self::RoleAboveBot => "role_above_bot",
            Self::BotLacksManageRoles => "bot_lacks_manage_roles",
        }
    }

    /// What to do about it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::RoleMissing => {
                "The role was deleted in Discord: point the mapping at another role, or remove it."
            }
            Self::RoleIsEveryone => {
                "Everybody has @everyone: point the mapping at another role, or remove it."
            }
            Self::RoleManaged => "Discord lets nobody assign this role: point the mapping at another role.",
            Self::RoleAboveBot => "In Discord, Server Settings > Roles: drag the bot's role above this one.",
            Self::BotLacksManageRoles => {
                "In Discord, Server Settings > Roles: give the bot's role Manage Roles."
            }
        }
    }
}

/// What our bot is in a guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotStanding {
    /// The bot's own account.
    pub id: DiscordId,
    /// The roles it has, without `@everyone`.
    pub roles: Vec<RoleId>,
}

/// Which of two roles is higher: `Greater` means that `a` is.
pub fn compare(a: &Role, b: &Role) -> Ordering {
    a.position.cmp(&b.position).then_with(|| b.id.cmp(&a.id))
}

/// The bot's permissions in the whole guild.
pub fn permissions(guild: &GuildInfo, bot: &BotStanding) -> u64 {
    if guild.owner_id == Some(bot.id) {
        return u64::MAX;
    }
    let everyone = guild.id.everyone();
    let bits = guild
        .roles
        .iter()
        .filter(|r| r.id == everyone || bot.roles.contains(&r.id))
        .fold(0, |bits, r| bits | r.permissions);
    if bits & permission::ADMINISTRATOR != 0 {
        u64::MAX
    } else {
        bits
    }
}

/// What stands in the way of our bot giving or taking this role; `None` if nothing does.
/// `bot` may be unknown: then only what the role itself says is judged, and Discord has the last word.
pub fn obstacle(guild: &GuildInfo, bot: Option<&BotStanding>, role: RoleId) -> Option<Obstacle> {
    if role == guild.id.everyone() {
        return Some(Obstacle::RoleIsEveryone);
    }
    let Some(target) = guild.roles.iter().find(|r| r.id == role) else {
        return Some(Obstacle::RoleMissing);
    };
    if target.managed {
        return Some(Obstacle::RoleManaged);
    }
    let bot = bot?;
    if permissions(guild, bot) & permission::MANAGE_ROLES == 0 {
        return Some(Obstacle::BotLacksManageRoles);
    }
    if guild.owner_id == Some(bot.id) {
        return None;
    }
    match highest(guild, bot) {
        Some(top) if compare(target, top) == Ordering::Less => None,
        _ => Some(Obstacle::RoleAboveBot),
    }
}

/// The bot's highest role, if it has any.
pub fn highest<'g>(guild: &'g GuildInfo, bot: &BotStanding) -> Option<&'g Role> {
    let its = guild.roles.iter().filter(|r| bot.roles.contains(&r.id));
    its.max_by(|a, b| compare(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guild::RoleLooks;

    #[test]
    fn each_right_of_the_bot_is_told_as_there_or_missing() {
        let some = permission::MANAGE_ROLES | permission::SEND_MESSAGES;
        assert_eq!(
            rights_in_words(some),
            "Manage Roles ok, Create Invite missing, View Channels missing, Send Messages ok, Embed Links missing, \
             Manage Nicknames missing"
        );
        // What an administrator and the owner are said to have.
        assert!(!rights_in_words(u64::MAX).contains("missing"));
        let bits: std::collections::BTreeSet<u64> = RIGHTS.iter().map(|r| r.bit).collect();
        assert_eq!(bits.len(), RIGHTS.len());
    }
    use crate::ids::GuildId;

    fn role(id: u64, position: i64, managed: bool, permissions: u64) -> Role {
        Role {
            id: RoleId::new(id).unwrap(),
            name: format!("r{id}"),
            position,
            managed,
            permissions,
            looks: RoleLooks::default(),
        }
    }

    fn guild() -> GuildInfo {
        GuildInfo {
            id: GuildId::new(1).unwrap(),
            name: "g".into(),
            owner_id: DiscordId::new(99),
            roles: vec![
                role(1, 0, false, 0),
                role(2, 1, false, 0),
                role(3, 5, true, permission::MANAGE_ROLES),
                role(4, 5, false, 0),
                role(5, 6, false, 0),
                role(6, 1, true, 0),
            ],
        }
    }

    fn check(role: u64) -> Option<Obstacle> {
        let bot = BotStanding {
            id: DiscordId::new(50).unwrap(),
            roles: vec![RoleId::new(3).unwrap()],
        };
        obstacle(&guild(), Some(&bot), RoleId::new(role).unwrap())
    }

    #[test]
    fn only_roles_strictly_below_the_bot_can_be_moved() {
        assert_eq!(check(2), None);
        assert_eq!(check(5), Some(Obstacle::RoleAboveBot));
        // Same position as the bot's role, and a higher id, hence lower.
        assert_eq!(check(4), None);
    }

    #[test]
    fn everyone_managed_and_missing_roles_are_named_as_such() {
        assert_eq!(check(1), Some(Obstacle::RoleIsEveryone));
        assert_eq!(check(6), Some(Obstacle::RoleManaged));
        assert_eq!(check(7), Some(Obstacle::RoleMissing));
    }

    #[test]
    fn an_administrator_may_manage_roles_but_stays_below_its_own_role() {
        let mut guild = guild();
        guild.roles[2].permissions = permission::ADMINISTRATOR;
        let bot = BotStanding {
            id: DiscordId::new(50).unwrap(),
            roles: vec![RoleId::new(3).unwrap()],
        };
        assert_eq!(obstacle(&guild, Some(&bot), RoleId::new(2).unwrap()), None);
        assert_eq!(
            obstacle(&guild, Some(&bot), RoleId::new(5).unwrap()),
            Some(Obstacle::RoleAboveBot)
        );
    }

    #[test]
    fn a_bot_without_manage_roles_can_move_nothing() {
        let mut guild = guild();
        guild.roles[2].permissions = 0;
        let bot = BotStanding {
            id: DiscordId::new(50).unwrap(),
            roles: vec![RoleId::new(3).unwrap()],
        };
        assert_eq!(
            obstacle(&guild, Some(&bot), RoleId::new(2).unwrap()),
            Some(Obstacle::BotLacksManageRoles)
        );
    }
}
