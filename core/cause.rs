//! Who or what asked for something, and why.

use serde::{Deserialize, Serialize};

/// Stored with every job and run, so that "why did this happen?" has an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Who: `user:<id>`, `key:<id>`, `cli:<name>`, `schedule:<name>`, `job:<id>`, `demo`.
    pub actor: String,
    /// Why, in words for people.
    pub reason: String,
}

impl std::fmt::Display for Cause {
    /// `user:1 (because)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.reason.is_empty() {
            return f.write_str(&self.actor);
        }
        write!(f, "{} ({})", self.actor, self.reason)
    }
}

impl Cause {
    /// A cause from its two parts.
    pub fn new(actor: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            actor: actor.into(),
            reason: reason.into(),
        }
    }
}
