//! Lengths of time as Go writes them: `15m`, `1h30m`, `1.5h`.

use std::time::Duration;

/// Units with their nanoseconds, longest first. Source: Go's `time.ParseDuration`.
const UNITS: [(&str, u64); 8] = [
    ("h", 3_600_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ns", 1),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
];

/// The text for Go; `0s` for nothing.
pub(super) fn written(span: Duration) -> String {
    let (seconds, nanos) = (span.as_secs(), span.subsec_nanos());
    let parts = [
        (seconds / 3_600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(nanos / 1_000_000), "ms"),
        (u64::from(nanos % 1_000_000), "ns"),
    ];
    let text: String = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n}{unit}"))
        .collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// The length of time that a text names. `None` if it names none, or one that is negative or of more than 584 years.
pub(super) fn parsed(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanos: u64 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at(end);
        let (name, scale) = UNITS.into_iter().find(|(name, _)| unit.starts_with(name))?;
        nanos = nanos.checked_add(scaled(number, scale)?)?;
        rest = unit.strip_prefix(name)?;
    }
    Some(Duration::from_nanos(nanos))
}

/// A decimal number times `scale`, what is less than one cut off.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Nine digits are as exact as a nanosecond of a second; the rest is cut off.
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let billionths: u64 = digits.parse().ok()?;
    let part = u128::from(billionths) * u128::from(scale) / 1_000_000_000;
    whole.checked_mul(scale)?.checked_add(u64::try_from(part).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_writes_is_read() {
        for (text, millis) in [
            ("15m", 900_000),
            ("15m0s", 900_000),
            ("1h30m", 5_400_000),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("250ms", 250),
            ("2000us", 2),
            ("2000µs", 2),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(parsed(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "15",
            "m",
            "-5m",
            "15 m",
            "1x",
            ".s",
            "1.2.3s",
            "99999999999999h",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for (nanos, text) in [
            (0, "0s"),
            (900_000_000_000, "15m"),
            (5_400_000_000_000, "1h30m"),
            (1_500_000_000, "1s500ms"),
            (3_600_000_000_001, "1h1ns"),
        ] {
            let span = Duration::from_nanos(nanos);
            assert_eq!(written(span), text);
            assert_eq!(parsed(text), Some(span));
        }
    }
}
