//! Where groups come from.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::conditions::Facts;
use crate::desired::Membership;
use crate::error::StoreError;
use crate::ids::{DiscordId, GroupId, UserId};

/// A group of the application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// What it is for, where the application says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A character of a user, as go-falcon's sessions name it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Character {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// What it was granted at EVE's login, separated by spaces.
    pub scopes: String,
}

/// Who is this user, and which groups hold. A read that fails is an error, never "no groups".
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// The groups of each of these users, with as few reads as possible. Every asked user is in the answer.
    /// An answer is whole or an error: one part that cannot be read fails all of it.
    async fn groups_of(&self, users: &[UserId]) -> Result<BTreeMap<UserId, Membership>, StoreError>;

    /// What conditions ask for, of each of these users; a user that the directory does not know is left out. As whole as
    /// [`Self::groups_of`]. A directory that knows groups only leaves the rest `None`.
    async fn facts_of(&self, users: &[UserId]) -> Result<BTreeMap<UserId, Facts>, StoreError> {
        let groups = self.groups_of(users).await?;
        let known = groups
            .into_iter()
            .filter_map(|(user, membership)| match membership {
                Membership::Known(groups) => Some((
                    user,
                    Facts {
                        groups,
                        ..Facts::default()
                    },
                )),
                Membership::Unknown => None,
            });
        Ok(known.collect())
    }

    /// The character that stands for a user: the main one. `None` where the directory knows none.
    async fn main_character(&self, user: &UserId) -> Result<Option<Character>, StoreError> {
        let _ = user;
        Ok(None)
    }

    /// All groups, by name.
    async fn groups(&self) -> Result<Vec<Group>, StoreError>;

    /// What the directory is, for people: `go-falcon collections`, `imported`.
    fn describe(&self) -> String;
}

/// A row of an imported file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// The user.
    pub user_id: UserId,
    /// Its name, for people.
    pub name: String,
    /// Names of all its groups.
    pub groups: Vec<String>,
    /// The administrator's statement that this account is the user's.
    pub discord_id: Option<DiscordId>,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Users that were new.
    pub users_added: u64,
    /// Users whose name or groups changed.
    pub users_changed: u64,
    /// Users that were already so.
    pub users_unchanged: u64,
    /// Users of the directory that the file does not name, and that were kept.
    pub users_kept: u64,
    /// Users of the directory that the file does not name, and that lost their groups (`--replace`).
    pub users_emptied: u64,
    /// Groups that were new.
    pub groups_added: u64,
    /// Accounts that were linked.
    pub links_added: u64,
}

/// The directory of those who have no go-falcon: filled from a file.
#[async_trait]
pub trait Import: Send + Sync + 'static {
    /// Takes all rows, or none. The same rows again change nothing. With `replace`, users that no row names lose their
    /// groups (they stay known).
    ///
    /// # Errors
    /// The outer one if the store fails; the inner one, with the row's number (from 0) and a sentence, if a row
    /// contradicts what is stored (an account that is linked to another user).
    async fn import(
        &self,
        rows: &[ImportRow],
        replace: bool,
    ) -> Result<Result<ImportReport, Vec<(usize, String)>>, StoreError>;

    /// Makes a group of this name, if there is none; nobody is in it yet.
    async fn ensure_group(&self, name: &str) -> Result<Group, StoreError>;
}
