//! States of OAuth flows: `discord_oauth_states`.

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use rolecall_core::account::{OAuthState, Taken};
use rolecall_core::error::StoreError;
use rolecall_core::ids::UserId;
use rolecall_core::ports::OAuthStates;
use rolecall_core::time::Timestamp;

use super::MongoStore;
use super::documents::{Fields, date};
use super::errors::{is_duplicate, store_error};

/// The name of the collection.
pub(super) const STATES: &str = "discord_oauth_states";

impl MongoStore {
    fn oauth_states(&self) -> Collection<Document> {
        self.collection(STATES)
    }
}

fn by_hash(hash: &str) -> Document {
    doc! { "state": hash }
}

fn read(doc: &Document) -> Result<OAuthState, StoreError> {
    let f = Fields::new(STATES, doc);
    Ok(OAuthState {
        hash: f.text("state")?,
        browser: f.opt_text("browser")?.unwrap_or_default(),
        user_id: f.opt_text("user_id")?.map(UserId),
        verifier: f.opt_text("verifier")?.unwrap_or_default(),
        redirect_url: f.opt_text("redirect_url")?,
        scopes: f.words("scopes")?,
        created_at: f.opt_at("created_at")?.unwrap_or_default(),
        expires_at: f.at("expires_at")?,
    })
}

fn written(state: &OAuthState) -> Document {
    doc! {
        "state": &state.hash,
        "browser": &state.browser,
        "user_id": state.user_id.as_ref().map(UserId::as_str),
        "verifier": &state.verifier,
        "redirect_url": state.redirect_url.as_deref(),
        "scopes": state.scopes.clone(),
        "created_at": date(state.created_at),
        "expires_at": date(state.expires_at),
        "used": false,
    }
}

#[async_trait]
impl OAuthStates for MongoStore {
    async fn put(&self, state: &OAuthState) -> Result<(), StoreError> {
        match self.oauth_states().insert_one(written(state)).await {
            Ok(_) => Ok(()),
            // A state that is there already stays as it is: used, if it was used.
            Err(error) if is_duplicate(&error) => Ok(()),
            Err(error) => Err(store_error(error)),
        }
    }

    async fn take(&self, hash: &str, now: Timestamp) -> Result<Taken, StoreError> {
        let mut valid = by_hash(hash);
        valid.insert("used", doc! { "$ne": true });
        valid.insert("expires_at", doc! { "$gt": date(now) });
        // The verifier is of no use any more. The answer is the document as it was before.
        let used = doc! { "$set": { "used": true, "verifier": "" } };
        let states = self.oauth_states();
        let taken = states.find_one_and_update(valid, used).await;
        if let Some(doc) = taken.map_err(store_error)? {
            return Ok(Taken::Valid(Box::new(read(&doc)?)));
        }
        let Some(doc) = states.find_one(by_hash(hash)).await.map_err(store_error)? else {
            return Ok(Taken::Unknown);
        };
        let used = Fields::new(STATES, &doc).flag(&["used"])?.unwrap_or(false);
        Ok(if used { Taken::Reused } else { Taken::Expired })
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        let over = doc! { "expires_at": { "$lt": date(before) } };
        let pruned = self.oauth_states().delete_many(over).await;
        Ok(pruned.map_err(store_error)?.deleted_count)
    }
}
