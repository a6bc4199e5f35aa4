//! What a user of the application may do.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::error::StoreError;
use crate::ids::UserId;

/// Names of permissions; go-falcon's, and two of our own.
pub mod permission {
    /// Everything.
    pub const ADMIN: &str = "discord:admin:full";
    /// Guilds, mappings, and the roles of guilds.
    pub const GUILDS: &str = "discord:guilds:manage";
    /// Syncs.
    pub const SYNC: &str = "discord:sync:manage";
    /// Jobs and runs, to look at.
    pub const JOBS_READ: &str = "jobs:read";
    /// Jobs, to change.
    pub const JOBS_MANAGE: &str = "jobs:manage";
    /// All of them.
    pub const ALL: [&str; 5] = [ADMIN, GUILDS, SYNC, JOBS_READ, JOBS_MANAGE];
}

/// What a user may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Granted {
    /// Names of permissions. [`permission::ADMIN`] stands for all.
    pub permissions: BTreeSet<String>,
    /// A banned user may do nothing.
    pub banned: bool,
}

impl Granted {
    /// Whether the user has one of these. An administrator has all, a banned user none.
    pub fn any_of(&self, names: &[&str]) -> bool {
        let has = |name: &str| self.permissions.contains(name);
        !self.banned && (has(permission::ADMIN) || names.iter().any(|name| has(name)))
    }

    /// What this and another source grant together; a ban by either counts.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.permissions.extend(other.permissions);
        self.banned |= other.banned;
        self
    }
}

/// Who may do what. A read that fails is an error, never "nothing".
#[async_trait]
pub trait Permissions: Send + Sync + 'static {
    /// What this user may do, over all of its characters. A user that nobody knows may do nothing.
    async fn of_user(&self, user: &UserId) -> Result<Granted, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(names: &[&str], banned: bool) -> Granted {
        Granted {
            permissions: names.iter().map(|n| (*n).to_owned()).collect(),
            banned,
        }
    }

    #[test]
    fn an_administrator_has_all_and_a_banned_user_none() {
        assert!(granted(&[permission::ADMIN], false).any_of(&[permission::SYNC]));
        assert!(granted(&[permission::SYNC], false).any_of(&[permission::GUILDS, permission::SYNC]));
        assert!(!granted(&[permission::SYNC], false).any_of(&[permission::GUILDS]));
        assert!(!granted(&[permission::ADMIN], true).any_of(&[permission::SYNC]));
        let both = granted(&[permission::SYNC], false).and(granted(&[], true));
        assert!(both.banned && !both.any_of(&[permission::SYNC]));
    }
}
