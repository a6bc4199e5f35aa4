//! Keys of machines, stored.

use async_trait::async_trait;

use crate::api_key::{ApiKey, ApiKeyId};
use crate::error::StoreError;
use crate::time::Timestamp;

/// Keys of machines (`rolecall_api_keys`). None is ever deleted, so that what one did still has a name.
#[async_trait]
pub trait ApiKeys: Send + Sync + 'static {
    /// Stores a new one. `false` if there is one with this id, which stays as it is.
    async fn insert(&self, key: &ApiKey) -> Result<bool, StoreError>;
    /// One key, valid or not.
    async fn get(&self, id: &ApiKeyId) -> Result<Option<ApiKey>, StoreError>;
    /// All keys, newest first (by `created_at`, then id, both descending).
    async fn list(&self) -> Result<Vec<ApiKey>, StoreError>;
    /// Takes a key back, from now on and for ever. `false`: there is none, or it was taken back before (that time stays).
    async fn revoke(&self, id: &ApiKeyId, at: Timestamp) -> Result<bool, StoreError>;
    /// Notes a use, unless one is noted that is less than [`crate::api_key::USE_NOTED_EVERY`] older, or newer: of
    /// many who note the same minute, one writes.
    async fn note_use(&self, id: &ApiKeyId, at: Timestamp) -> Result<bool, StoreError>;
}
