//! How a job fails: with a class that says what may be done about it, a stable code, and words for people.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What may be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// It may pass: try again later.
    Transient,
    /// The other side named a time, or our own limiter did: wait that long (real time). Uses up no attempt.
    RateLimited {
        /// How long, from now.
        wait: Duration,
    },
    /// Waiting does not help.
    Permanent,
}

impl ErrorClass {
    /// The written name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::RateLimited { .. } => "rate_limited",
            Self::Permanent => "permanent",
        }
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct JobError {
    /// What may be done about it.
    pub class: ErrorClass,
    /// Stable name, such as `discord_missing_permissions` or `store_unavailable`.
    pub code: String,
    /// What happened, for people. Never holds a secret.
    pub message: String,
    /// What to do about it, where waiting does not help.
    pub remedy: Option<String>,
    /// Status of the HTTP answer, if there was one.
    pub http_status: Option<u16>,
    /// Discord's own code of the answer (`50013`), if there was one.
    pub discord_code: Option<u32>,
    /// Template of the call that failed, such as `PUT /guilds/{guild}/members/{user}/roles/{role}`.
    pub route: Option<String>,
}

impl JobError {
    /// An error that may pass.
    pub fn transient(code: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Transient, code, message)
    }

    /// An error that waiting does not help.
    pub fn permanent(code: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Permanent, code, message)
    }

    /// Wait this long, without using up an attempt.
    pub fn wait(code: &str, wait: Duration, message: impl Into<String>) -> Self {
        Self::new(ErrorClass::RateLimited { wait }, code, message)
    }

    /// An error from its parts.
    pub fn new(class: ErrorClass, code: &str, message: impl Into<String>) -> Self {
        Self {
            class,
            code: code.to_owned(),
            message: message.into(),
            remedy: None,
            http_status: None,
            discord_code: None,
            route: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Groups failures of one cause: kind, route, status, and Discord's code or ours.
    pub fn fingerprint(&self, kind: &str) -> String {
        let what = self
            .discord_code
            .map_or_else(|| self.code.clone(), |code| code.to_string());
        let status = self.http_status.map_or_else(|| "-".to_owned(), |s| s.to_string());
        format!("{kind}|{}|{status}|{what}", self.route.as_deref().unwrap_or("-"))
    }
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::transient("store_unavailable", error.to_string()),
            StoreError::Corrupt(_) => Self::permanent("store_corrupt", error.to_string()),
        }
    }
}

/// Why a store did not answer. An unknown result (a time-out in the middle of a write) is `Unavailable`, too:
/// every write is safe to repeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum StoreError {
    /// It did not answer, or refused to write. May pass.
    #[error("the store did not answer: {0}")]
    Unavailable(String),
    /// It holds something that cannot be read.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// It did not answer.
    pub fn unavailable(error: impl std::fmt::Display) -> Self {
        Self::Unavailable(error.to_string())
    }

    /// It holds something that cannot be read.
    pub fn corrupt(error: impl std::fmt::Display) -> Self {
        Self::Corrupt(error.to_string())
    }
}
