//! A guild: roles, members, who may do what, and the traces from which lost updates are seen.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::errors::{ApiError, MISSING_PERMISSIONS, TWO_FACTOR};
use crate::permissions as bits;

#[derive(Clone, Debug, Default)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) position: i64,
    pub(crate) permissions: u64,
    pub(crate) managed: bool,
    /// As `0xRRGGBB`; 0: none.
    pub(crate) color: u32,
    pub(crate) hoist: bool,
    pub(crate) mentionable: bool,
    /// The bot whose own role this is.
    pub(crate) bot_id: Option<u64>,
}

/// Kept small, because a guild may hold more than a hundred thousand of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    /// In rising order, without @everyone.
    pub(crate) roles: Box<[u64]>,
    pub(crate) nick: Option<Box<str>>,
    pub(crate) joined_unix_ms: u64,
    pub(crate) flags: u32,
    pub(crate) pending: bool,
}

/// A role that somebody gave to a member, and who has seen it since.
#[derive(Clone, Debug)]
struct Gift {
    role: u64,
    /// Callers that know of it: the giver, and everyone who read the member later.
    known_to: Vec<u64>,
}

/// What reads still show after a write.
#[derive(Clone, Debug)]
struct Stale {
    roles: Box<[u64]>,
    until_ms: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Guild {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) owner_id: u64,
    pub(crate) mfa_level: u8,
    pub(crate) roles: BTreeMap<u64, Role>,
    pub(crate) members: BTreeMap<u64, Member>,
    pub(crate) bans: BTreeSet<u64>,
    /// Unix milliseconds until which a member is timed out.
    pub(crate) timeouts: BTreeMap<u64, u64>,
    pub(crate) channel_id: u64,
    /// Every role that a call to the API gave or took.
    pub(crate) touched: BTreeSet<u64>,
    gifts: BTreeMap<u64, Vec<Gift>>,
    stale: BTreeMap<u64, Stale>,
}

/// Who changes a member's roles, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// Id of the bot; 0 is somebody by hand.
    pub(crate) actor: u64,
    pub(crate) by_api: bool,
    pub(crate) now_ms: u64,
    /// How long reads go on showing the old roles.
    pub(crate) read_delay_ms: u64,
}

/// A role's place: higher position first, and on equal positions the lower id (twilight, discord.js and
/// discord.py agree). @everyone is below all.
pub(crate) type Rank = (i64, Reverse<u64>);

impl Guild {
    pub(crate) fn rank(&self, role_id: u64) -> Rank {
        if role_id == self.id {
            return (i64::MIN, Reverse(role_id));
        }
        (
            self.roles.get(&role_id).map_or(i64::MIN, |role| role.position),
            Reverse(role_id),
        )
    }

    /// Rank of the member's highest role.
    pub(crate) fn top_rank(&self, user_id: u64) -> Rank {
        let everyone = self.rank(self.id);
        self.members.get(&user_id).map_or(everyone, |member| {
            member
                .roles
                .iter()
                .map(|role| self.rank(*role))
                .fold(everyone, Rank::max)
        })
    }

    /// Permissions in the whole guild, before the two-factor rule.
    pub(crate) fn permissions(&self, user_id: u64, unix_ms: u64) -> u64 {
        if user_id == self.owner_id {
            return bits::ALL;
        }
        let of = |id: &u64| self.roles.get(id).map_or(0, |role| role.permissions);
        let roles = self.members.get(&user_id).map_or(&[][..], |member| &member.roles);
        let base = roles.iter().map(of).fold(of(&self.id), |all, one| all | one);
        if base & bits::ADMINISTRATOR != 0 {
            return bits::ALL;
        }
        // A timed-out bot is broken although its roles look right.
        if self.timeouts.get(&user_id).is_some_and(|until| *until > unix_ms) {
            return base & bits::TIMED_OUT;
        }
        base
    }

    /// Whether the member may do what `wanted` names. `has_2fa` is about the owner of the application.
    pub(crate) fn require(
        &self,
        user_id: u64,
        wanted: u64,
        has_2fa: bool,
        unix_ms: u64,
    ) -> Result<(), ApiError> {
        let all = self.permissions(user_id, unix_ms);
        if all & wanted != wanted {
            return Err(MISSING_PERMISSIONS);
        }
        if self.mfa_level == 1 && !has_2fa && user_id != self.owner_id {
            let without = if all & bits::ADMINISTRATOR == 0 {
                all
            } else {
                self.plain_permissions(user_id)
            };
            if without & !bits::ELEVATED & wanted != wanted {
                return Err(TWO_FACTOR);
            }
        }
        Ok(())
    }

    /// The union of the member's roles, as if ADMINISTRATOR were an ordinary bit.
    fn plain_permissions(&self, user_id: u64) -> u64 {
        let of = |id: &u64| self.roles.get(id).map_or(0, |role| role.permissions);
        let roles = self.members.get(&user_id).map_or(&[][..], |member| &member.roles);
        roles.iter().map(of).fold(of(&self.id), |all, one| all | one)
    }

    /// Whether `actor` may give or take this role: not managed, and strictly below the actor's highest.
    /// ADMINISTRATOR does not lift this; being the owner does.
    pub(crate) fn may_grant(&self, actor: u64, role_id: u64) -> bool {
        let Some(role) = self.roles.get(&role_id) else {
            return false;
        };
        if role.managed || role_id == self.id {
            return false;
        }
        actor == self.owner_id || self.rank(role_id) < self.top_rank(actor)
    }

    /// Whether `actor` stands above `target`, which matters for nicknames and kicks, not for roles.
    pub(crate) fn outranks(&self, actor: u64, target: u64) -> bool {
        target != self.owner_id && (actor == self.owner_id || self.top_rank(target) < self.top_rank(actor))
    }

    /// The roles that reads show: those of before the last write while Discord has not caught up.
    pub(crate) fn visible_roles<'a>(&'a self, user_id: u64, member: &'a Member, now_ms: u64) -> &'a [u64] {
        if self.stale.is_empty() {
            return &member.roles;
        }
        match self.stale.get(&user_id) {
            Some(stale) if now_ms < stale.until_ms => &stale.roles,
            _ => &member.roles,
        }
    }

    /// Replaces a member's roles. Says whether anything changed; an absent member changes nothing.
    pub(crate) fn set_roles(&mut self, user_id: u64, mut roles: Vec<u64>, change: Change) -> bool {
        roles.sort_unstable();
        roles.dedup();
        let Some(member) = self.members.get_mut(&user_id) else {
            return false;
        };
        if *member.roles == *roles {
            return false;
        }
        let old = std::mem::replace(&mut member.roles, roles.clone().into_boxed_slice());
        let given: Vec<u64> = roles.iter().copied().filter(|role| !old.contains(role)).collect();
        let taken: Vec<u64> = old.iter().copied().filter(|role| !roles.contains(role)).collect();
        if change.by_api {
            self.touched.extend(given.iter().chain(&taken));
        }
        let gifts = self.gifts.entry(user_id).or_default();
        gifts.retain(|gift| !taken.contains(&gift.role));
        gifts.extend(given.iter().map(|role| Gift {
            role: *role,
            known_to: vec![change.actor],
        }));
        if gifts.is_empty() {
            self.gifts.remove(&user_id);
        }
        self.remember_for_reads(user_id, old, change);
        true
    }

    fn remember_for_reads(&mut self, user_id: u64, old: Box<[u64]>, change: Change) {
        if change.read_delay_ms == 0 || !change.by_api {
            return;
        }
        let until_ms = change.now_ms + change.read_delay_ms;
        let expired = self
            .stale
            .get(&user_id)
            .is_none_or(|stale| stale.until_ms <= change.now_ms);
        if expired {
            self.stale.insert(user_id, Stale { roles: old, until_ms });
        }
    }

    /// Notes that a caller read these members, so that their present roles are no secret to it.
    pub(crate) fn mark_read(&mut self, caller: u64, first: u64, last: u64) {
        if first > last {
            return;
        }
        for gift in self.gifts.range_mut(first..=last).flat_map(|(_, gifts)| gifts) {
            if !gift.known_to.contains(&caller) {
                gift.known_to.push(caller);
            }
        }
    }

    /// How many of `taken` somebody else gave to the member after the caller's last read of it.
    pub(crate) fn unseen_gifts(&self, caller: u64, user_id: u64, taken: &[u64]) -> u64 {
        let gifts = self.gifts.get(&user_id).map_or(&[][..], Vec::as_slice);
        gifts
            .iter()
            .filter(|gift| taken.contains(&gift.role) && !gift.known_to.contains(&caller))
            .count() as u64
    }

    /// Takes a member out, with everything that is remembered about it.
    pub(crate) fn remove_member(&mut self, user_id: u64) -> bool {
        self.gifts.remove(&user_id);
        self.stale.remove(&user_id);
        self.timeouts.remove(&user_id);
        self.members.remove(&user_id).is_some()
    }

    /// Takes a role out of the guild and off every member.
    pub(crate) fn delete_role(&mut self, role_id: u64) -> bool {
        if role_id == self.id || self.roles.remove(&role_id).is_none() {
            return false;
        }
        for member in self
            .members
            .values_mut()
            .filter(|member| member.roles.contains(&role_id))
        {
            member.roles = member
                .roles
                .iter()
                .copied()
                .filter(|role| *role != role_id)
                .collect();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HAND: Change = Change {
        actor: 0,
        by_api: false,
        now_ms: 0,
        read_delay_ms: 0,
    };

    fn role(position: i64, permissions: u64, managed: bool) -> Role {
        Role {
            name: "r".into(),
            position,
            permissions,
            managed,
            ..Role::default()
        }
    }

    /// Guild 1, bot 50 with role 20 at position 5.
    fn guild(bot_permissions: u64) -> Guild {
        let mut guild = Guild {
            id: 1,
            owner_id: 99,
            ..Guild::default()
        };
        guild.roles.insert(1, role(0, bits::EVERYONE_DEFAULT, false));
        guild.roles.insert(20, role(5, bot_permissions, true));
        guild.members.insert(
            50,
            Member {
                roles: [20].into(),
                ..Member::default()
            },
        );
        guild.members.insert(60, Member::default());
        guild
    }

    #[test]
    fn on_equal_positions_the_lower_id_is_higher() {
        let mut guild = guild(bits::MANAGE_ROLES);
        guild.roles.insert(19, role(5, 0, false));
        guild.roles.insert(21, role(5, 0, false));
        assert!(!guild.may_grant(50, 19));
        assert!(guild.may_grant(50, 21));
    }

    #[test]
    fn administrator_does_not_lift_the_hierarchy() {
        let mut guild = guild(bits::ADMINISTRATOR);
        guild.roles.insert(30, role(6, 0, false));
        assert!(guild.require(50, bits::MANAGE_ROLES, true, 0).is_ok());
        assert!(!guild.may_grant(50, 30));
    }

    #[test]
    fn an_elevated_permission_needs_two_factor_in_a_strict_guild() {
        let mut guild = guild(bits::MANAGE_ROLES);
        guild.mfa_level = 1;
        assert_eq!(guild.require(50, bits::MANAGE_ROLES, false, 0), Err(TWO_FACTOR));
        assert!(guild.require(50, bits::MANAGE_ROLES, true, 0).is_ok());
        assert!(guild.require(50, bits::CREATE_INSTANT_INVITE, false, 0).is_ok());
    }

    #[test]
    fn a_timed_out_bot_can_do_nothing() {
        let mut guild = guild(bits::MANAGE_ROLES);
        guild.timeouts.insert(50, 1_000);
        assert_eq!(
            guild.require(50, bits::MANAGE_ROLES, true, 999),
            Err(MISSING_PERMISSIONS)
        );
        assert!(guild.require(50, bits::MANAGE_ROLES, true, 1_000).is_ok());
    }

    #[test]
    fn a_gift_is_unseen_until_the_caller_reads_the_member() {
        let mut guild = guild(0);
        assert!(guild.set_roles(60, vec![7], HAND));
        assert_eq!(guild.unseen_gifts(50, 60, &[7]), 1);
        guild.mark_read(50, 60, 60);
        assert_eq!(guild.unseen_gifts(50, 60, &[7]), 0);
    }

    #[test]
    fn reads_lag_behind_a_write_when_told_to() {
        let mut guild = guild(0);
        guild.set_roles(
            60,
            vec![7],
            Change {
                by_api: true,
                read_delay_ms: 500,
                ..HAND
            },
        );
        let member = &guild.members[&60];
        assert!(guild.visible_roles(60, member, 499).is_empty());
        assert_eq!(guild.visible_roles(60, member, 500), [7]);
    }
}
