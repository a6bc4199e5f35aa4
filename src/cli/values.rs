//! Readers of arguments.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use rolecall_core::dead_letter::Standing;
use rolecall_core::ids::NotASnowflake;
use rolecall_core::job::{JobState, Lane};
use rolecall_core::order::BulkAction;
use rolecall_core::run::RunState;
use rolecall_core::{ChannelId, MappingId, UserId};

use serde_json::Value;

use crate::config::parse_duration;

/// A user's id.
pub(super) fn user_id(text: &str) -> Result<UserId, String> {
    UserId::parse(text).map_err(|e| e.to_string())
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

/// The state of a run.
pub(super) fn run_state(text: &str) -> Result<RunState, String> {
    let names = RunState::ALL.map(RunState::as_str).join(", ");
    RunState::from_name(&text.trim().to_ascii_lowercase()).ok_or_else(|| format!("expected one of {names}"))
}

/// How a cause of dead letters stands.
pub(super) fn standing(text: &str) -> Result<&'static str, String> {
    let names = Standing::NAMES.join(", ");
    Standing::name_of(text).ok_or_else(|| format!("expected one of {names}"))
}

/// A length of time between these two.
fn length_within(text: &str, shortest: Duration, longest: Duration) -> Result<Duration, String> {
    let length = duration(text)?;
    if (shortest..=longest).contains(&length) {
        return Ok(length);
    }
    let (least, most) = (shortest.as_secs(), longest.as_secs() / 3_600);
    Err(format!("expected a length of time from {least}s to {most}h"))
}

/// Over how long something is spread.
pub(super) fn spread(text: &str) -> Result<Duration, String> {
    length_within(text, Duration::ZERO, rolecall_core::spread::LONGEST)
}

/// How often a pause's canary is let through.
pub(super) fn canary(text: &str) -> Result<Duration, String> {
    use rolecall_core::canary::{LONGEST, SHORTEST};
    length_within(text, SHORTEST, LONGEST)
}

/// A queue, by its written name.
pub(super) fn lane(text: &str) -> Result<Lane, String> {
    Lane::from_name(text).ok_or_else(|| "expected interactive, normal or bulk".to_owned())
}

/// `field=value` of a payload; a value that is no JSON is a text.
pub(super) fn field(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("expected field=value, such as role_id=234567890123456789")?;
    // Ids are texts: a number would lose digits on its way.
    let number = value.bytes().all(|b| b.is_ascii_digit()) && value.len() > 15;
    let read = serde_json::from_str(value).ok().filter(|_| !number);
    Ok((
        name.trim().to_owned(),
        read.unwrap_or_else(|| Value::String(value.to_owned())),
    ))
}

/// A kind of jobs, by its written name.
pub(super) fn job_kind() -> PossibleValuesParser {
    PossibleValuesParser::new(rolecall_workflows::registry().names())
}

/// A value that can be unset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrNone<T> {
    /// Unset it.
    None,
    /// Set it to this.
    To(T),
}

impl<T> OrNone<T> {
    /// The value, if there is one.
    pub(super) fn option(self) -> Option<T> {
        match self {
            Self::None => None,
            Self::To(value) => Some(value),
        }
    }

    fn read(text: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Result<Self, String> {
        if text.trim().eq_ignore_ascii_case("none") {
            Ok(Self::None)
        } else {
            read(text).map(Self::To)
        }
    }
}

/// A length of time, such as `90s`, `10m` or `2h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let asked = parse_duration(text.trim());
    asked.ok_or_else(|| "it has to be a length of time such as 90s, 10m or 2h".to_owned())
}

/// A channel's id, or `none`.
pub(super) fn channel(text: &str) -> Result<OrNone<ChannelId>, String> {
    OrNone::read(text, |text| {
        text.parse().map_err(|e: NotASnowflake| e.to_string())
    })
}

/// A number, or `none`.
pub(super) fn number(text: &str) -> Result<OrNone<u32>, String> {
    OrNone::read(text, |text| {
        let number = text.trim().parse();
        number.map_err(|_| "it has to be a whole number such as 100, or none".to_owned())
    })
}

/// A length of time of at least a minute, or `none`.
pub(super) fn interval(text: &str) -> Result<OrNone<Duration>, String> {
    OrNone::read(text, |text| match parse_duration(text) {
        Some(interval) if interval >= Duration::from_secs(60) => Ok(interval),
        _ => Err("it has to be a length of time such as 30m or 2h, of at least a minute, or none".to_owned()),
    })
}

/// Time between two looks, of at least half a second.
pub(super) fn refresh(text: &str) -> Result<Duration, String> {
    match parse_duration(text.trim()) {
        Some(time) if time >= Duration::from_millis(500) => Ok(time),
        _ => Err("it has to be a length of time such as 2s, of at least 500ms".to_owned()),
    }
}

/// A queue, by its written name.
pub(super) fn queue() -> impl TypedValueParser<Value = Lane> {
    PossibleValuesParser::new(Lane::ALL.map(Lane::as_str))
        .try_map(|name| Lane::from_name(&name).ok_or("no such queue"))
}

/// A state of jobs, by its written name.
pub(super) fn job_state() -> impl TypedValueParser<Value = JobState> {
    PossibleValuesParser::new(JobState::ALL.map(JobState::as_str))
        .try_map(|name| JobState::from_name(&name).ok_or("no such state"))
}

/// An order about many jobs, by its written name.
pub(super) fn bulk_action() -> impl TypedValueParser<Value = BulkAction> {
    PossibleValuesParser::new(BulkAction::ALL.map(BulkAction::as_str))
        .try_map(|name| BulkAction::from_name(&name).ok_or("no such action"))
}

/// How much faster a clock runs.
pub(super) fn speed(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(speed) if (0.01..=10_000.0).contains(&speed) => Ok(speed),
        _ => Err("it has to be a number from 0.01 to 10000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_none_unsets_them() {
        assert_eq!(number("100"), Ok(OrNone::To(100)));
        assert_eq!(number(" None "), Ok(OrNone::None));
        assert_eq!(interval("2h"), Ok(OrNone::To(Duration::from_secs(7_200))));
        assert_eq!(channel("5").unwrap().option(), ChannelId::new(5));
        for refused in [
            number("-1").is_err(),
            interval("5s").is_err(),
            channel("x").is_err(),
        ] {
            assert!(refused);
        }
    }
}
