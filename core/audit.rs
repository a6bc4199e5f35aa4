//! Who did what: one append-only record an act.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::time::Timestamp;

/// An act of a person or a program that changed something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// UUID version 7.
    pub id: uuid::Uuid,
    /// When.
    pub at: Timestamp,
    /// Who: as in [`crate::cause::Cause`].
    pub actor: String,
    /// What: a stable name such as `guild.created`, `mapping.deleted`, `account.linked`.
    pub action: String,
    /// On what: such as `guild:123`, `mapping:65f…`, `account:456`.
    pub target: String,
    /// How it was; no secret.
    pub before: Option<Value>,
    /// How it is; no secret.
    pub after: Option<Value>,
    /// The request that caused it.
    pub request_id: Option<String>,
}
