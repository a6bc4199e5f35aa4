//! Readers of arguments.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use rolecall_core::job::JobState;
use rolecall_core::{MappingId, UserId};

/// A user's id.
pub(super) fn user_id(text: &str) -> Result<UserId, String> {
    not_empty(text).map(UserId)
}

/// A mapping's id: 24 hex digits.
pub(super) fn mapping_id(text: &str) -> Result<MappingId, String> {
    let text = text.trim();
    if text.len() == 24 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(MappingId(text.to_ascii_lowercase()))
    } else {
        Err("a mapping's id has 24 hex digits; `rolecall mapping list` shows them".to_owned())
    }
}

/// A text that says something.
pub(super) fn not_empty(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        Err("it is empty".to_owned())
    } else if text.chars().any(char::is_control) {
        Err("it holds control characters".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// A kind of jobs, by its written name.
pub(super) fn job_kind() -> PossibleValuesParser {
    PossibleValuesParser::new(rolecall_workflows::registry().names())
}

/// A state of jobs, by its written name.
pub(super) fn job_state() -> impl TypedValueParser<Value = JobState> {
    PossibleValuesParser::new(JobState::ALL.map(JobState::as_str))
        .try_map(|name| JobState::from_name(&name).ok_or("no such state"))
}

/// How much faster a clock runs.
pub(super) fn speed(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(speed) if (0.01..=10_000.0).contains(&speed) => Ok(speed),
        _ => Err("it has to be a number from 0.01 to 10000".to_owned()),
    }
}
