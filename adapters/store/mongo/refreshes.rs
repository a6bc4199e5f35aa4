//! How refreshes of tokens go: two fields of `discord_users`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use mongodb::bson::doc;
use rolecall_core::error::StoreError;
use rolecall_core::ids::{DiscordId, UserId};
use rolecall_core::link::SealedTokens;
use rolecall_core::ports::{AccountFilter, Accounts as _, Refreshes};
use rolecall_core::time::Timestamp;

use super::MongoStore;
use super::documents::{Fields, date, id_values};
use super::errors::store_error;
use super::links::{LINKS, by_account, newest};

/// Since when Discord's answer is not known.
pub(super) const SINCE: &str = "refresh_since";
/// Why a new consent is needed.
pub(super) const REASON: &str = "consent_reason";

#[async_trait]
impl Refreshes for MongoStore {
    async fn begin(&self, account: DiscordId, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let noted = [doc! { "$set": { SINCE: { "$ifNull": [format!("${SINCE}"), date(now)] } } }];
        let links = self.collection(LINKS);
        let before = links
            .find_one_and_update(by_account(account), noted.to_vec())
            .sort(newest())
            .projection(doc! { SINCE: 1 })
            .await;
        match before.map_err(store_error)? {
            Some(doc) => Fields::new(LINKS, &doc).opt_at(SINCE),
            None => Ok(None),
        }
    }

    async fn nothing_done(&self, account: DiscordId) -> Result<(), StoreError> {
        let update = doc! { "$unset": { SINCE: "" } };
        let answer = self
            .collection(LINKS)
            .update_many(by_account(account), update)
            .await;
        answer.map(drop).map_err(store_error)
    }

    async fn succeed(
        &self,
        account: DiscordId,
        user: &UserId,
        instead_of: &str,
        tokens: &SealedTokens,
    ) -> Result<bool, StoreError> {
        let mut unchanged = by_account(account);
        unchanged.insert("user_id", doc! { "$in": id_values(user.as_str()) });
        unchanged.insert("refresh_token", instead_of);
        unchanged.insert("is_active", doc! { "$ne": false });
        let update = doc! {
            "$set": {
                "access_token": &tokens.access,
                "refresh_token": &tokens.refresh,
                "token_expiry": date(tokens.expiry),
                "needs_consent": false,
            },
            "$unset": { SINCE: "", REASON: "" },
        };
        let answer = self.collection(LINKS).update_one(unchanged, update).await;
        Ok(answer.map_err(store_error)?.matched_count == 1)
    }

    async fn refuse(&self, account: DiscordId, reason: &str) -> Result<(), StoreError> {
        let update = doc! { "$set": { "needs_consent": true, REASON: reason }, "$unset": { SINCE: "" } };
        let answer = self
            .collection(LINKS)
            .update_many(by_account(account), update)
            .await;
        answer.map(drop).map_err(store_error)
    }

    async fn refused(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let filter = AccountFilter {
            is_active: Some(true),
            ..AccountFilter::default()
        };
        let (accounts, _) = self.list(&filter, 0, usize::MAX).await?;
        let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
        for account in accounts.into_iter().filter(|a| a.needs_consent) {
            *reasons
                .entry(account.consent_reason.unwrap_or_default())
                .or_default() += 1;
        }
        Ok(reasons.into_iter().collect())
    }
}
