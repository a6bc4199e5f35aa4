//! Adding, changing and removing users and members by hand. Nothing here counts as a call to the API.

use crate::Simulator;
use crate::guild::{Change, Guild, Member};
use crate::world::JoinTrouble;

impl Simulator {
    pub fn add_user(&self, name: &str) -> u64 {
        self.with(|state| state.world.add_user(name))
    }

    /// Adds users called `{prefix} 1`, `{prefix} 2`, … Returns their ids in rising order.
    pub fn add_users(&self, prefix: &str, count: usize) -> Vec<u64> {
        self.with(|state| {
            (1..=count)
                .map(|n| state.world.add_user(&format!("{prefix} {n}")))
                .collect()
        })
    }

    /// Says what stands in the way of the user's joins.
    pub fn set_join_trouble(&self, user: u64, trouble: JoinTrouble) {
        self.with(|state| {
            if let Some(user) = state.world.users.get_mut(&user) {
                user.trouble = trouble;
            }
        });
    }

    /// Puts a user into a guild. Says whether it was new there.
    pub fn add_member(&self, guild: u64, user: u64, roles: &[u64]) -> bool {
        self.add_members(guild, [(user, roles.to_vec())]) == 1
    }

    /// Puts many users into a guild, each with its roles; unknown users are made. Returns how many were new
    /// there. Roles that the guild does not have are left out.
    pub fn add_members(&self, guild: u64, members: impl IntoIterator<Item = (u64, Vec<u64>)>) -> usize {
        let joined_unix_ms = self.clock().unix_ms();
        self.with(|state| {
            let world = &mut state.world;
            let Some(mut found) = world.guilds.remove(&guild) else {
                return 0;
            };
            let mut added = 0;
            for (user, roles) in members {
                world.ensure_user(user);
                let roles = known_roles(&found, roles).into_boxed_slice();
                added += usize::from(!found.members.contains_key(&user));
                found.members.entry(user).or_insert(Member {
                    roles,
                    joined_unix_ms,
                    ..Member::default()
                });
            }
            world.guilds.insert(guild, found);
            added
        })
    }

    /// Replaces a member's roles by hand: a foreign edit. Says whether anything changed.
    pub fn set_member_roles(&self, guild: u64, user: u64, roles: &[u64]) -> bool {
        let change = Change {
            actor: 0,
            by_api: false,
            now_ms: self.now_ms(),
            read_delay_ms: 0,
        };
        self.with_guild(guild, |guild| {
            let roles = known_roles(guild, roles.to_vec());
            guild.set_roles(user, roles, change)
        })
        .unwrap_or(false)
    }

    /// Roles of a member in rising order, without @everyone; nothing if it is not in the guild.
    #[must_use]
    pub fn member_roles(&self, guild: u64, user: u64) -> Option<Vec<u64>> {
        self.with_guild(guild, |guild| {
            guild.members.get(&user).map(|member| member.roles.to_vec())
        })
        .flatten()
    }

    /// Every member with its roles, in rising order of ids; bots are among them.
    #[must_use]
    pub fn all_roles(&self, guild: u64) -> Vec<(u64, Vec<u64>)> {
        let list = |guild: &mut Guild| {
            guild
                .members
                .iter()
                .map(|(user, member)| (*user, member.roles.to_vec()))
                .collect()
        };
        self.with_guild(guild, list).unwrap_or_default()
    }

    /// The member leaves. Says whether it was there.
    pub fn remove_member(&self, guild: u64, user: u64) -> bool {
        self.with_guild(guild, |guild| guild.remove_member(user))
            .unwrap_or(false)
    }

    /// Bans a user, who also leaves.
    pub fn ban(&self, guild: u64, user: u64) {
        self.with_guild(guild, |guild| {
            guild.remove_member(user);
            guild.bans.insert(user);
        });
    }

    pub fn unban(&self, guild: u64, user: u64) {
        self.with_guild(guild, |guild| guild.bans.remove(&user));
    }

    /// Times a member out for some simulated milliseconds.
    pub fn time_out(&self, guild: u64, user: u64, ms: u64) {
        let until_unix_ms = self.clock().unix_ms() + ms;
        self.with_guild(guild, |guild| guild.timeouts.insert(user, until_unix_ms));
    }
}

/// The roles that the guild has, sorted, without @everyone.
fn known_roles(guild: &Guild, mut roles: Vec<u64>) -> Vec<u64> {
    roles.retain(|role| *role != guild.id && guild.roles.contains_key(role));
    roles.sort_unstable();
    roles.dedup();
    roles
}
