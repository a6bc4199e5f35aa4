//! A row of small bars: how a figure went.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar a value, the highest value the highest bar; nothing is a space.
pub(super) fn sparkline(values: &[u64]) -> String {
    let highest = values.iter().copied().max().unwrap_or(0);
    let bar = |value: u64| {
        if value == 0 {
            return ' ';
        }
        // From 1 to 8, rounded up: what is there is seen.
        let height = (u128::from(value) * BARS.len() as u128).div_ceil(u128::from(highest.max(1)));
        let place = usize::try_from(height).unwrap_or(BARS.len()).clamp(1, BARS.len());
        BARS[place - 1]
    };
    values.iter().map(|value| bar(*value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_is_the_highest_bar_and_the_lowest_is_seen() {
        assert_eq!(sparkline(&[0, 1, 50, 100]), " ▁▄█");
        assert_eq!(sparkline(&[u64::MAX, 1]), "█▁");
        assert_eq!(sparkline(&[0, 0]), "  ");
        assert_eq!(sparkline(&[]), "");
    }
}
