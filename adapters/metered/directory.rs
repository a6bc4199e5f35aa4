//! A directory whose reads are timed.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use rolecall_core::UserId;
use rolecall_core::conditions::Facts;
use rolecall_core::desired::Membership;
use rolecall_core::error::StoreError;
use rolecall_core::ports::{Character, Directory, Group};

use super::timed::timed;

/// Another directory, measured. Every operation has to be handed on, those with a default as well.
pub struct MeteredDirectory(pub Arc<dyn Directory>);

#[async_trait]
impl Directory for MeteredDirectory {
    async fn groups_of(&self, users: &[UserId]) -> Result<BTreeMap<UserId, Membership>, StoreError> {
        timed("directory_groups_of", self.0.groups_of(users)).await
    }

    async fn facts_of(&self, users: &[UserId]) -> Result<BTreeMap<UserId, Facts>, StoreError> {
        timed("directory_facts_of", self.0.facts_of(users)).await
    }

    async fn main_character(&self, user: &UserId) -> Result<Option<Character>, StoreError> {
        timed("directory_main_character", self.0.main_character(user)).await
    }

    async fn groups(&self) -> Result<Vec<Group>, StoreError> {
        timed("directory_groups", self.0.groups()).await
    }

    fn describe(&self) -> String {
        self.0.describe()
    }
}
