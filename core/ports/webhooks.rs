//! Endpoints of events, what was told to them, and how it is sent.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::error::StoreError;
use crate::time::Timestamp;
use crate::webhook::{Alarm, EndpointId, StoredEndpoint};

/// Endpoints (`rolecall_webhooks`).
#[async_trait]
pub trait Webhooks: Send + Sync + 'static {
    /// Stores a new one. `false` if there is one with this id, which stays as it is.
    async fn insert(&self, endpoint: &StoredEndpoint) -> Result<bool, StoreError>;
    /// One endpoint.
    async fn get(&self, id: EndpointId) -> Result<Option<StoredEndpoint>, StoreError>;
    /// All, the oldest first (by `created_at`, then id).
    async fn list(&self) -> Result<Vec<StoredEndpoint>, StoreError>;
    /// Stores `new` in the place of `old`, with the next revision, if `old` is as it is stored: its revision and its sealed
    /// secrets. `false`: nothing was changed.
    async fn replace(&self, old: &StoredEndpoint, new: &StoredEndpoint) -> Result<bool, StoreError>;
    /// Removes one. `false` if there was none.
    async fn remove(&self, id: EndpointId) -> Result<bool, StoreError>;
}

/// What is wrong now (`rolecall_alarms`), so that each thing is told once.
#[async_trait]
pub trait Alarms: Send + Sync + 'static {
    /// Notes that something is wrong since `since`, unless that is noted already; the alarm as it then stands.
    async fn raise(&self, key: &str, since: Timestamp) -> Result<Alarm, StoreError>;
    /// Notes that everybody was told. Nothing, if it was cleared meanwhile.
    async fn told(&self, key: &str) -> Result<(), StoreError>;
    /// It is over. `false` if it was not noted.
    async fn clear(&self, key: &str) -> Result<bool, StoreError>;
    /// All, by key.
    async fn list(&self) -> Result<Vec<Alarm>, StoreError>;
}

/// A message to an endpoint.
#[derive(Debug, Clone)]
pub struct WebhookMessage {
    /// Where to.
    pub url: String,
    /// Its id: the same for every attempt.
    pub id: String,
    /// When it is sent.
    pub at: Timestamp,
    /// What is sent, byte for byte.
    pub body: String,
    /// Secrets that it is signed with, as [Standard Webhooks](https://www.standardwebhooks.com) writes them (`whsec_` and
    /// Base64): one signature each.
    pub secrets: Vec<SecretString>,
}

/// What an endpoint answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookAnswer {
    /// The status.
    pub status: u16,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// Its address may not be called: the sentence says why.
    #[error("{0}")]
    Forbidden(String),
    /// A secret cannot be used.
    #[error("{0}")]
    Secret(String),
    /// It did not answer: the sentence says how.
    #[error("{0}")]
    Lost(String),
}

/// Sends to endpoints.
#[async_trait]
pub trait WebhookSender: Send + Sync + 'static {
    /// Whether this address may be called, as far as its text tells.
    ///
    /// # Errors
    /// A sentence that says why not, and what to do.
    fn check(&self, url: &str) -> Result<(), String>;

    /// A new secret.
    fn new_secret(&self) -> SecretString;

    /// Signs a message, and sends it once. Redirects are answers.
    ///
    /// # Errors
    /// See [`WebhookError`].
    async fn send(&self, message: &WebhookMessage) -> Result<WebhookAnswer, WebhookError>;
}
