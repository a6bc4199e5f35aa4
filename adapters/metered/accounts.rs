//! Linked accounts whose operations are timed.

use std::sync::Arc;

use async_trait::async_trait;
use rolecall_core::account::{LinkedAccount, Profile};
use rolecall_core::error::StoreError;
use rolecall_core::link::{ActiveLink, Link, SealedTokens};
use rolecall_core::ports::{AccountFilter, Accounts, Links};
use rolecall_core::{DiscordId, Timestamp, UserId};

use super::timed::timed;

/// Other links, measured.
pub struct MeteredLinks(pub Arc<dyn Links>);

#[async_trait]
impl Links for MeteredLinks {
    async fn of_user(&self, user: &UserId) -> Result<Vec<Link>, StoreError> {
        timed("links_of_user", self.0.of_user(user)).await
    }

    async fn of_account(&self, account: DiscordId) -> Result<Option<Link>, StoreError> {
        timed("links_of_account", self.0.of_account(account)).await
    }

    async fn active(&self) -> Result<Vec<ActiveLink>, StoreError> {
        timed("links_active", self.0.active()).await
    }

    async fn count_active(&self) -> Result<u64, StoreError> {
        timed("links_count_active", self.0.count_active()).await
    }

    async fn put(&self, link: &Link, tokens: Option<SealedTokens>) -> Result<(), StoreError> {
        timed("links_put", self.0.put(link, tokens)).await
    }

    async fn claim(&self, link: &Link, tokens: Option<SealedTokens>) -> Result<bool, StoreError> {
        timed("links_claim", self.0.claim(link, tokens)).await
    }

    async fn tokens(&self, account: DiscordId) -> Result<Option<SealedTokens>, StoreError> {
        timed("links_tokens", self.0.tokens(account)).await
    }

    async fn mark_needs_consent(&self, account: DiscordId) -> Result<(), StoreError> {
        timed("links_mark_needs_consent", self.0.mark_needs_consent(account)).await
    }

    async fn expiring(&self, before: Timestamp, limit: usize) -> Result<Vec<Link>, StoreError> {
        timed("links_expiring", self.0.expiring(before, limit)).await
    }
}

/// Other accounts, measured.
pub struct MeteredAccounts(pub Arc<dyn Accounts>);

#[async_trait]
impl Accounts for MeteredAccounts {
    async fn list(
        &self,
        filter: &AccountFilter,
        skip: u64,
        limit: usize,
    ) -> Result<(Vec<LinkedAccount>, u64), StoreError> {
        timed("accounts_list", self.0.list(filter, skip, limit)).await
    }

    async fn set_profile(&self, account: DiscordId, profile: &Profile) -> Result<(), StoreError> {
        timed("accounts_set_profile", self.0.set_profile(account, profile)).await
    }

    async fn set_last_sync(&self, account: DiscordId, at: Timestamp) -> Result<(), StoreError> {
        timed("accounts_set_last_sync", self.0.set_last_sync(account, at)).await
    }

    async fn set_last_sync_of_all(&self, at: Timestamp) -> Result<(), StoreError> {
        timed("accounts_set_last_sync_of_all", self.0.set_last_sync_of_all(at)).await
    }

    async fn remove(&self, account: DiscordId) -> Result<bool, StoreError> {
        timed("accounts_remove", self.0.remove(account)).await
    }
}
