//! What a job keeps of what happened to it: its attempts, and the times that it was told to wait.

use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::time::Timestamp;

/// One claim of a job, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counts from 1. Equal numbers stand for a try that was given back (a snooze).
    pub number: u32,
    /// The worker's name.
    pub worker: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// `applied`, `unchanged`, `skipped`, `retry`, `snooze`, `discard`, `cancel`, `released` or `crashed`.
    pub result: String,
    /// The error's class, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<String>,
    /// The error's stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The error in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Status of the HTTP answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// Discord's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discord_code: Option<u32>,
    /// Template of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
}

impl Attempt {
    /// What stands in the history of a job that an operator discarded while it waited. `number`: its attempts so far.
    pub fn discarded(number: u32, by: &Cause, at: Timestamp) -> Self {
        Self {
            number,
            worker: by.actor.clone(),
            started_at: at,
            ended_at: at,
            result: "discard".to_owned(),
            error_class: None,
            error_code: Some("discarded_by_operator".to_owned()),
            message: Some(format!("Discarded by {by}.")),
            remedy: None,
            http_status: None,
            discord_code: None,
            route: None,
        }
    }
}

/// How many attempts a job keeps in its history: the newest. A document has a size limit (MongoDB: 16 MB).
pub const ATTEMPTS_KEPT: usize = 20;

/// One time that a job was told to come again later, which used up no try: a limit, or something else that has to pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitNote {
    /// When it was told.
    pub at: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Stable name of why, as the code of an error.
    pub code: String,
    /// Why, in words.
    pub message: String,
    /// Template of the call that has to wait, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
}

/// How many waits a job keeps: the newest.
pub const WAITS_KEPT: usize = 20;
