//! How much work is spread over time, so that it does not stand in the way of other work.

use std::time::Duration;

use crate::time::Timestamp;

/// The longest time over which anything is spread.
pub const LONGEST: Duration = Duration::from_secs(24 * 3_600);
/// Work is handed out for this long at once: what is not handed out yet can still be called off.
pub const SLICE: Duration = Duration::from_secs(10);

/// The part of the work that is handed out now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// How many things.
    pub things: u64,
    /// From when.
    pub begin: Timestamp,
    /// Over which time they are spread.
    pub length: Duration,
}

/// The next part of `left` things that are to be spread until `end`. All of them at once when the time is over.
pub fn slice(left: u64, now: Timestamp, end: Timestamp) -> Slice {
    let time = Duration::from_millis(u64::try_from(end.millis_since(now)).unwrap_or(0));
    if time <= SLICE {
        return Slice {
            things: left,
            begin: now,
            length: time,
        };
    }
    let share = u128::from(left)
        .saturating_mul(SLICE.as_millis())
        .div_ceil(time.as_millis());
    Slice {
        things: u64::try_from(share).unwrap_or(left).min(left),
        begin: now,
        length: SLICE,
    }
}

impl Slice {
    /// When thing number `i` (from 0) has its turn: each has an equal stretch of the time, and a place in it by `dice`,
    /// uniform in `[0, 1)`.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a place in a stretch of time needs no more than 52 bits"
    )]
    pub fn at(&self, i: u64, dice: f64) -> Timestamp {
        if self.things == 0 {
            return self.begin;
        }
        let place = (i.min(self.things - 1) as f64 + dice.clamp(0.0, 1.0)) / self.things as f64;
        self.begin + self.length.mul_f64(place)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All turns, as somebody gives them who comes back after each slice.
    fn turns(total: u64, length: i64, dice: f64) -> Vec<Timestamp> {
        let (mut now, end, mut left) = (Timestamp(1_000), Timestamp(1_000 + length), total);
        let mut all = Vec::new();
        loop {
            let part = slice(left, now, end);
            all.extend((0..part.things).map(|i| part.at(i, dice)));
            left -= part.things;
            if left == 0 {
                return all;
            }
            now = now + part.length;
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn everything_has_its_turn_in_order_and_within_the_time(
            total in 0u64..3_000, length in 0i64..3_600_000, dice in 0.0f64..1.0
        ) {
            let all = turns(total, length, dice);
            prop_assert_eq!(all.len() as u64, total);
            prop_assert!(all.is_sorted());
            prop_assert!(all.iter().all(|at| (1_000..=1_000 + length).contains(&at.0)));
        }

        #[test]
        fn no_minute_gets_much_more_than_its_share(total in 600u64..3_000, dice in 0.0f64..1.0) {
            let all = turns(total, 600_000, dice);
            for minute in 0..10 {
                let (from, to) = (1_000 + minute * 60_000, 1_000 + (minute + 1) * 60_000);
                let n = all.iter().filter(|at| (from..to).contains(&at.0)).count() as u64;
                prop_assert!(n <= total / 10 + 70, "{n} of {total} in minute {minute}");
            }
        }
    }
}
