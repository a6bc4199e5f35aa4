//! Times as Discord writes them.

use std::fmt::Write as _;

const MS_PER_DAY: u64 = 86_400_000;

/// Appends `unix_ms` as ISO 8601 with microseconds and offset, the form of Discord's REST answers:
/// `2024-10-18T14:42:53.064000+00:00`.
pub(crate) fn write_timestamp(out: &mut String, unix_ms: u64) {
    let (year, month, day) = civil_from_days(unix_ms / MS_PER_DAY);
    let ms = unix_ms % MS_PER_DAY;
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}000+00:00",
        ms % 1_000
    );
}

pub(crate) fn timestamp(unix_ms: u64) -> String {
    let mut text = String::with_capacity(32);
    write_timestamp(&mut text, unix_ms);
    text
}

/// Year, month and day of a day number since 1970-01-01 (the era arithmetic of the Gregorian calendar, with
/// years that begin in March so that the leap day comes last).
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_carry_microseconds_and_an_offset() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000000+00:00");
        assert_eq!(timestamp(1_709_164_800_064), "2024-02-29T00:00:00.064000+00:00");
        assert_eq!(timestamp(1_767_225_599_999), "2025-12-31T23:59:59.999000+00:00");
    }
}
