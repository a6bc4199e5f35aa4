//! How refreshes of tokens go: three fields of `discord_users`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use mongodb::bson::doc;
use rolecall_core::error::StoreError;
use rolecall_core::ids::{DiscordId, UserId};
use rolecall_core::link::SealedTokens;
use rolecall_core::ports::{AccountFilter, Accounts as _, Begun, REFRESH_TAKES, Refreshes};
use rolecall_core::time::Timestamp;

use super::MongoStore;
use super::documents::{Fields, date, id_values};
use super::errors::store_error;
use super::links::{LINKS, by_account};

/// When the first refresh began whose end is not known.
pub(super) const SINCE: &str = "refresh_since";
/// When the last of these began.
pub(super) const AT: &str = "refresh_at";
/// Why a new consent is needed.
pub(super) const REASON: &str = "consent_reason";

#[async_trait]
impl Refreshes for MongoStore {
    async fn begin(&self, account: DiscordId, now: Timestamp) -> Result<Begun, StoreError> {
        let nothing_known = Begun::Now { unknown_since: None };
        // Of an account that is there twice, the document that counts.
        let Some(id) = self.link(account).await?.and_then(|doc| doc.get("_id").cloned()) else {
            return Ok(nothing_known);
        };
        let nobody_asks = doc! { "_id": &id, AT: { "$not": { "$gt": date(now - REFRESH_TAKES) } } };
        let noted = [doc! { "$set": {
            SINCE: { "$ifNull": [format!("${SINCE}"), date(now)] },
            AT: date(now),
        } }];
        let links = self.collection(LINKS);
        let before = links
            .find_one_and_update(nobody_asks, noted.to_vec())
            .projection(doc! { SINCE: 1 })
            .await;
        if let Some(doc) = before.map_err(store_error)? {
            let unknown_since = Fields::new(LINKS, &doc).opt_at(SINCE)?;
            return Ok(Begun::Now { unknown_since });
        }
        let is_there = links
            .find_one(doc! { "_id": id })
            .projection(doc! { "_id": 1 })
            .await;
        Ok(match is_there.map_err(store_error)? {
            Some(_) => Begun::UnderWay,
            None => nothing_known,
        })
    }

    async fn nothing_done(
        &self,
        account: DiscordId,
        unknown_since: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let update = match unknown_since {
            Some(since) => doc! { "$set": { SINCE: date(since) }, "$unset": { AT: "" } },
            None => doc! { "$unset": { SINCE: "", AT: "" } },
        };
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
            "$unset": { SINCE: "", AT: "", REASON: "" },
        };
        let answer = self.collection(LINKS).update_one(unchanged, update).await;
        Ok(answer.map_err(store_error)?.matched_count == 1)
    }

    async fn refuse(&self, account: DiscordId, reason: &str) -> Result<(), StoreError> {
        let update =
            doc! { "$set": { "needs_consent": true, REASON: reason }, "$unset": { SINCE: "", AT: "" } };
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
