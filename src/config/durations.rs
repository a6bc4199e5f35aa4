//! Durations as the original's settings are written: Go's syntax (`15m`, `1h30m`, `500ms`), and `d` for days.

use std::time::Duration;

/// Reads one. A plain number counts as seconds.
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit_end = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let seconds = match &rest[..unit_end] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total += number * seconds;
        rest = &rest[unit_end..];
    }
    Duration::try_from_secs_f64(total).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_in_go_with_days_besides() {
        for (text, seconds) in [
            ("15m", 900.0),
            ("1h30m", 5_400.0),
            ("500ms", 0.5),
            ("7d", 604_800.0),
            ("30", 30.0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        for bad in ["", "m", "15x", "-5m", "1e99h", "NaN"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
