//! Who did what: one append-only record an act, and each holds the hash of the one before it.
//!
//! What a record is hashed over, and how others check it, is told in `docs/audit.md`: never change it here without a
//! new name for the chain.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical::digest;
use crate::cause::Cause;
use crate::time::Timestamp;

/// What stands in the place of the hash before the first record.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Names of acts that the trail itself makes. Stored: never change one.
pub mod action {
    /// The act of an earlier record (`after.record`) was answered with an error, or found nothing to do.
    pub const NOT_DONE: &str = "audit.not_done";
    /// What was told of a person under this subject was erased from all earlier records.
    pub const ERASED: &str = "audit.erased";
    /// The records up to `after.seq` were old enough to be deleted; `after.hash` is the hash of the last of them.
    pub const PRUNED: &str = "audit.pruned";
}

/// By which door an act came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// A request over HTTP.
    Api,
    /// A command.
    Cli,
    /// Nobody: a schedule, or a job.
    System,
}

impl Via {
    /// All.
    pub const ALL: [Self; 3] = [Self::Api, Self::Cli, Self::System];

    /// Its name in stores and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Cli => "cli",
            Self::System => "system",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|via| via.as_str() == name)
    }

    /// The door that this actor (as in [`Cause`]) uses.
    pub fn of_actor(actor: &str) -> Self {
        match actor.split_once(':') {
            Some(("user" | "key", _)) => Self::Api,
            Some(("cli", _)) => Self::Cli,
            _ => Self::System,
        }
    }
}

/// What somebody does, as it is told to the trail.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// A stable name such as `guild.created`, `mapping.deleted`, `account.linked`.
    pub action: String,
    /// On what: such as `guild:123`, `mapping:65f…`, `account:456`.
    pub subject: String,
    /// How it was; no secret.
    pub before: Option<Value>,
    /// How it will be; no secret.
    pub after: Option<Value>,
}

impl Act {
    /// An act, of which nothing more is told.
    pub fn new(action: impl Into<String>, subject: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            subject: subject.into(),
            before: None,
            after: None,
        }
    }

    /// How it was. What serializes to null, or not at all, is left out.
    #[must_use]
    pub fn before(mut self, value: &impl Serialize) -> Self {
        self.before = told(value);
        self
    }

    /// How it will be.
    #[must_use]
    pub fn after(mut self, value: &impl Serialize) -> Self {
        self.after = told(value);
        self
    }
}

fn told(value: &impl Serialize) -> Option<Value> {
    serde_json::to_value(value).ok().filter(|value| !value.is_null())
}

/// A record that is not in the chain yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// UUID version 7.
    pub id: uuid::Uuid,
    /// When.
    pub at: Timestamp,
    /// Who, and why.
    pub cause: Cause,
    /// By which door.
    pub via: Via,
    /// What.
    pub act: Act,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// Random text that is hashed with what is told, so that what is erased cannot be guessed from its digest.
    pub salt: String,
}

/// A record of the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    /// Its place: 1, 2, 3, … without a gap.
    pub seq: u64,
    /// UUID version 7.
    pub id: uuid::Uuid,
    /// When.
    pub at: Timestamp,
    /// Who: as in [`Cause`].
    pub actor: String,
    /// By which door.
    pub via: Via,
    /// What: see [`Act::action`].
    pub action: String,
    /// On what: see [`Act::subject`].
    pub subject: String,
    /// How it was; no secret.
    pub before: Option<Value>,
    /// How it was to become; no secret.
    pub after: Option<Value>,
    /// Why, in the words of whoever did it.
    pub reason: Option<String>,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// See [`Draft::salt`]. `None`: it was erased together with `before`, `after` and `reason`.
    pub salt: Option<String>,
    /// Digest of `before`, `after`, `reason` and `salt`. It stays when these are erased.
    pub details: String,
    /// It is older than the chain, and was taken into it later: the chain says nothing of what became of it before.
    pub adopted: bool,
    /// `hash` of the record before it.
    pub prev: String,
    /// Digest of everything else in it.
    pub hash: String,
}

impl AuditRecord {
    /// The record of this draft, at its place in the chain.
    pub fn chained(draft: Draft, seq: u64, prev: &str) -> Self {
        let mut record = Self {
            seq,
            id: draft.id,
            at: draft.at,
            actor: draft.cause.actor,
            via: draft.via,
            action: draft.act.action,
            subject: draft.act.subject,
            before: draft.act.before.filter(|value| !value.is_null()),
            after: draft.act.after.filter(|value| !value.is_null()),
            reason: Some(draft.cause.reason).filter(|reason| !reason.is_empty()),
            request_id: draft.request_id,
            salt: Some(draft.salt),
            details: String::new(),
            adopted: false,
            prev: prev.to_owned(),
            hash: String::new(),
        };
        record.seal();
        record
    }

    /// Computes both digests from the rest.
    pub fn seal(&mut self) {
        self.details = self.digest_of_details();
        self.hash = self.digest();
    }

    /// What `details` has to be, as long as nothing was erased.
    pub fn digest_of_details(&self) -> String {
        digest(&json!({
            "before": self.before, "after": self.after, "reason": self.reason, "salt": self.salt,
        }))
    }

    /// What `hash` has to be.
    pub fn digest(&self) -> String {
        digest(&self.head())
    }

    /// Whether what was told was erased.
    pub const fn is_erased(&self) -> bool {
        self.salt.is_none()
    }

    /// What the hash is over.
    fn head(&self) -> Value {
        json!({
            "seq": self.seq,
            "id": self.id,
            "at": self.at.to_rfc3339(),
            "actor": self.actor,
            "via": self.via,
            "action": self.action,
            "subject": self.subject,
            "request_id": self.request_id,
            "details": self.details,
            "adopted": self.adopted,
            "prev": self.prev,
        })
    }

    /// The record as it is shown and exported: everything, by the names that are hashed.
    pub fn document(&self) -> Value {
        let mut document = self.head();
        document["hash"] = json!(self.hash);
        document["before"] = json!(self.before);
        document["after"] = json!(self.after);
        document["reason"] = json!(self.reason);
        document["salt"] = json!(self.salt);
        document
    }
}

/// A place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// `seq` of a record; 0: before the first.
    pub seq: u64,
    /// Its `hash`.
    pub hash: String,
}

impl Default for Mark {
    fn default() -> Self {
        Self {
            seq: 0,
            hash: GENESIS.to_owned(),
        }
    }
}

impl From<&AuditRecord> for Mark {
    fn from(record: &AuditRecord) -> Self {
        Self {
            seq: record.seq,
            hash: record.hash.clone(),
        }
    }
}

/// Where the chain begins and ends, kept beside the records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ends {
    /// The last record that was deleted because of its age.
    pub pruned: Mark,
    /// The last record that was appended.
    pub head: Mark,
}

/// Which records to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only of this actor.
    pub actor: Option<String>,
    /// Only of this name.
    pub action: Option<String>,
    /// Only on this.
    pub subject: Option<String>,
    /// Not before then.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
}

impl AuditFilter {
    /// All records on this subject.
    pub fn about(subject: impl Into<String>) -> Self {
        Self {
            subject: Some(subject.into()),
            ..Self::default()
        }
    }

    /// Whether this is one of the records.
    pub fn finds(&self, record: &AuditRecord) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|text| text == found);
        is(&self.actor, &record.actor)
            && is(&self.action, &record.action)
            && is(&self.subject, &record.subject)
            && self.since.is_none_or(|since| record.at >= since)
            && self.until.is_none_or(|until| record.at < until)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn draft(n: u64, action: &str, subject: &str) -> Draft {
        Draft {
            id: uuid::Uuid::from_u128(n.into()),
            at: Timestamp(1_700_000_000_123),
            cause: Cause::new("user:ada", "because"),
            via: Via::Api,
            act: Act::new(action, subject).after(&json!({"b": 1.0, "a": "ä\n€"})),
            request_id: None,
            salt: "00".repeat(16),
        }
    }

    #[test]
    fn what_is_hashed_never_changes() {
        // Computed with sha256sum over the text of RFC 8785.
        let record = AuditRecord::chained(draft(1, "guild.created", "guild:5"), 1, GENESIS);
        assert_eq!(
            record.details,
            "fa191598460471d76d91607be4f4f072f7f304df4c20320edbeebba027fa8ab6"
        );
        assert_eq!(
            record.hash,
            "6346f5ae5d8ef233170b668c45ba9021168343e8eee420a3f53277f1580fea86"
        );
    }

    #[test]
    fn the_door_follows_from_who_comes_in() {
        for (actor, via) in [
            ("user:7", Via::Api),
            ("key:0123456789ab", Via::Api),
            ("cli:root", Via::Cli),
            ("schedule:full", Via::System),
            ("demo", Via::System),
        ] {
            assert_eq!(
                (Via::of_actor(actor), Via::from_name(via.as_str())),
                (via, Some(via))
            );
        }
    }
}
