//! Moments, as people write them.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use crate::time::Timestamp;

/// Dates with a time of day and no zone, as our own tables show them: they are in UTC.
const WITHOUT_ZONE: [&str; 4] = [
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M",
];

/// A moment: a date, with a time of day or without (UTC, unless it names a zone), or so long before `now`, such as `2h`.
/// Nothing is older than 1970: what would be is 1970.
pub fn time(text: &str, now: Timestamp) -> Option<Timestamp> {
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let seconds: Option<i64> = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3_600),
        "d" => Some(86_400),
        "w" => Some(604_800),
        _ => None,
    };
    if let (Some(seconds), Ok(number)) = (seconds, number.parse::<u32>()) {
        let ago = i64::from(number).checked_mul(seconds)?.checked_mul(1_000)?;
        return Some(Timestamp(now.0.saturating_sub(ago).max(0)));
    }
    if let Some(at) = Timestamp::from_rfc3339(text) {
        return Some(at);
    }
    let read = |form: &str| NaiveDateTime::parse_from_str(text, form).ok();
    let at = WITHOUT_ZONE
        .iter()
        .find_map(|form| read(form))
        .or_else(|| date(text)?.and_hms_opt(0, 0, 0))?;
    Some(at.and_utc().into())
}

fn date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

/// A date, and a time of that day, that stood beside each other.
pub(super) fn is_date_with_time(first: &str, second: &str) -> bool {
    let time = |form| NaiveTime::parse_from_str(second, form).is_ok();
    date(first).is_some() && (time("%H:%M:%S") || time("%H:%M"))
}
