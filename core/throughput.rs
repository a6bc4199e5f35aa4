//! How fast jobs are done: counted by minute and lane as they end, and what is told of some of these minutes.

use std::time::Duration;

use crate::job::{JobState, Lane};
use crate::time::Timestamp;

/// A minute, in milliseconds.
pub const MINUTE_MS: i64 = 60_000;
/// Minutes are kept for this long: a day, and an hour in which whoever looks late still finds a whole one.
pub const KEPT: Duration = Duration::from_secs(25 * 3_600);

/// Upper bounds of the classes of waiting times, in milliseconds; above the last there is one more class.
const BOUNDS: [u64; 15] = [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000,
];
/// Classes of waiting times.
const CLASSES: usize = BOUNDS.len() + 1;

/// How attempts ended, and how long their jobs had been due before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ended well.
    pub completed: u64,
    /// Ended by order.
    pub cancelled: u64,
    /// Failed for good.
    pub discarded: u64,
    /// Failed, and are tried again.
    pub retried: u64,
    waits: [u64; CLASSES],
}

/// Names of the first four counts, and of the classes of waiting times. Stored: never change one.
const NAMES: [&str; 4 + CLASSES] = [
    "completed",
    "cancelled",
    "discarded",
    "retried",
    "wait_10",
    "wait_20",
    "wait_50",
    "wait_100",
    "wait_200",
    "wait_500",
    "wait_1000",
    "wait_2000",
    "wait_5000",
    "wait_10000",
    "wait_30000",
    "wait_60000",
    "wait_300000",
    "wait_900000",
    "wait_3600000",
    "wait_more",
];

impl Counts {
    /// Counts an attempt that left its job in this state. States in which nothing has ended (a snooze, a job handed back)
    /// do not count.
    pub fn ended(&mut self, state: JobState) {
        match state {
            JobState::Completed => self.completed += 1,
            JobState::Cancelled => self.cancelled += 1,
            JobState::Discarded => self.discarded += 1,
            JobState::Retryable => self.retried += 1,
            JobState::Scheduled | JobState::Available | JobState::Running => {}
        }
    }

    /// Counts how long a job was due before it was claimed. Clocks differ a little: less than nothing is nothing.
    pub fn waited(&mut self, millis: i64) {
        let millis = u64::try_from(millis).unwrap_or(0);
        self.waits[BOUNDS.partition_point(|bound| *bound < millis)] += 1;
    }

    /// Those that are not zero, by their stored names.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let four = [self.completed, self.cancelled, self.discarded, self.retried];
        let all = four.into_iter().chain(self.waits);
        NAMES.into_iter().zip(all).filter(|(_, n)| *n > 0)
    }

    /// Adds to the count with this stored name. One that is not known (a newer release wrote it) is left out.
    pub fn add_named(&mut self, name: &str, n: u64) {
        let Some(place) = NAMES.iter().position(|known| *known == name) else {
            return;
        };
        let count = match place {
            0 => &mut self.completed,
            1 => &mut self.cancelled,
            2 => &mut self.discarded,
            3 => &mut self.retried,
            class => &mut self.waits[class - 4],
        };
        *count = count.saturating_add(n);
    }

    /// Adds all of another's counts.
    pub fn add(&mut self, other: &Self) {
        for (name, n) in other.named() {
            self.add_named(name, n);
        }
    }

    /// Jobs that reached their end.
    pub const fn finished(&self) -> u64 {
        self.completed
            .saturating_add(self.cancelled)
            .saturating_add(self.discarded)
    }

    /// Which part of the attempts failed, from 0 to 1; `None` if there was none. What was cancelled says nothing of that.
    pub fn error_rate(&self) -> Option<f64> {
        let failed = self.discarded.saturating_add(self.retried);
        let all = failed.saturating_add(self.completed);
        (all > 0).then(|| ratio(failed, all))
    }

    /// How long at most this part of the jobs was due before they were claimed (0.95: 95 of 100), in milliseconds: within
    /// its class, evenly spread. `None` if nothing was counted; above the last class its bound.
    pub fn wait(&self, part: f64) -> Option<u64> {
        let total: u64 = self.waits.iter().sum();
        if total == 0 {
            return None;
        }
        let mut left = part.clamp(0.0, 1.0) * ratio(total, 1);
        for (class, n) in self.waits.iter().enumerate().filter(|(_, n)| **n > 0) {
            let n = ratio(*n, 1);
            if left <= n {
                return Some(within(class, left / n));
            }
            left -= n;
        }
        // Rounding left a little.
        let last = self.waits.iter().rposition(|n| *n > 0)?;
        Some(within(last, 1.0))
    }
}

/// A place in a class, from 0 (its lower bound) to 1.
fn within(class: usize, place: f64) -> u64 {
    let lower = class.checked_sub(1).map_or(0, |below| BOUNDS[below]);
    let upper = BOUNDS.get(class).copied().unwrap_or(lower);
    let span = ratio(upper - lower, 1) * place;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to an hour in milliseconds"
    )]
    let span = span.round() as u64;
    lower + span
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a figure for people; counts beyond 2^53 are not reached"
)]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// What was counted in one minute of one lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minute {
    /// Its beginning: a multiple of [`MINUTE_MS`].
    pub at: Timestamp,
    /// The lane.
    pub lane: Lane,
    /// What was counted.
    pub counts: Counts,
}

/// The beginning of the minute of a moment.
pub const fn minute_of(at: Timestamp) -> Timestamp {
    Timestamp(at.0 - at.0.rem_euclid(MINUTE_MS))
}

/// Some minutes in a row, added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Where it begins.
    pub at: Timestamp,
    /// What was counted in it.
    pub counts: Counts,
}

/// The minutes of a lane in `buckets` buckets of `step` minutes; the last one holds the minute of `now`, and buckets
/// without a count are there, too.
pub fn series(minutes: &[Minute], lane: Lane, now: Timestamp, step: u32, buckets: u32) -> Vec<Bucket> {
    let width = MINUTE_MS * i64::from(step.max(1));
    // Buckets begin at multiples of their width, so that they do not change while one looks.
    let last = now.0 - now.0.rem_euclid(width);
    let first = last - width * i64::from(buckets.saturating_sub(1));
    let mut out: Vec<Bucket> = (0..i64::from(buckets))
        .map(|n| Bucket {
            at: Timestamp(first + n * width),
            counts: Counts::default(),
        })
        .collect();
    for minute in minutes.iter().filter(|m| m.lane == lane) {
        let place = minute.at.0.saturating_sub(first).div_euclid(width);
        let bucket = usize::try_from(place).ok().and_then(|place| out.get_mut(place));
        if let Some(bucket) = bucket {
            bucket.counts.add(&minute.counts);
        }
    }
    out
}

/// The minutes of a lane that began within `span` before `now`, added up.
pub fn total(minutes: &[Minute], lane: Lane, now: Timestamp, span: Duration) -> Counts {
    let mut counts = Counts::default();
    let from = now - span;
    for minute in minutes.iter().filter(|m| m.lane == lane && m.at > from) {
        counts.add(&minute.counts);
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_the_ones_already_stored() {
        let bounds = BOUNDS.map(|bound| format!("wait_{bound}"));
        assert_eq!(NAMES[4..19], bounds);
        assert_eq!((NAMES[3], NAMES[19]), ("retried", "wait_more"));
    }

    #[test]
    fn an_error_rate_is_of_attempts_that_were_made_to_their_end() {
        let mut counts = Counts::default();
        assert_eq!((counts.error_rate(), counts.wait(0.5)), (None, None));
        for state in JobState::ALL {
            counts.ended(state);
        }
        counts.ended(JobState::Completed);
        assert_eq!(counts.finished(), 4);
        assert_eq!(counts.error_rate(), Some(0.5));
    }

    #[test]
    fn a_wait_beyond_the_last_class_is_told_as_its_bound() {
        let mut counts = Counts::default();
        counts.waited(i64::MAX);
        assert_eq!(counts.wait(0.5), Some(3_600_000));
        let mut counts = Counts::default();
        counts.waited(-5);
        assert_eq!(counts.wait(0.95), Some(10));
    }

    #[test]
    fn buckets_stay_where_they_are_while_time_goes_on() {
        let at = |minutes: i64| Timestamp(1_800_000_000_000 + minutes * MINUTE_MS);
        let mut counts = Counts::default();
        counts.ended(JobState::Completed);
        let minutes: Vec<Minute> = (0..30)
            .map(|n| Minute {
                at: at(n),
                lane: Lane::Bulk,
                counts: counts.clone(),
            })
            .collect();
        let completed = |now| -> Vec<u64> {
            let series = series(&minutes, Lane::Bulk, now, 15, 3);
            series.iter().map(|b| b.counts.completed).collect()
        };
        assert_eq!(completed(at(29)), [0, 15, 15]);
        assert_eq!(completed(at(31)), [15, 15, 0]);
        assert_eq!(
            total(&minutes, Lane::Bulk, at(29), Duration::from_secs(600)).completed,
            10
        );
        assert_eq!(
            total(&minutes, Lane::Normal, at(29), Duration::from_secs(600)).completed,
            0
        );
    }

    proptest! {
        #[test]
        fn what_is_written_by_name_reads_back(waits in prop::collection::vec(-10_i64..10_000_000, 0..40)) {
            let mut counts = Counts::default();
            for (n, wait) in waits.iter().enumerate() {
                counts.waited(*wait);
                counts.ended(JobState::ALL[n % JobState::ALL.len()]);
            }
            let mut read = Counts::default();
            for (name, n) in counts.named() {
                read.add_named(name, n);
            }
            prop_assert_eq!(&read, &counts);
            let mut twice = counts.clone();
            twice.add(&counts);
            prop_assert_eq!(twice.finished(), 2 * counts.finished());
        }

        #[test]
        fn a_told_wait_is_in_the_class_of_the_real_one(
            mut waits in prop::collection::vec(0_u64..3_600_000, 1..60), part in 0.01_f64..1.0,
        ) {
            let mut counts = Counts::default();
            for wait in &waits {
                counts.waited(i64::try_from(*wait).unwrap());
            }
            waits.sort_unstable();
            let rank = (part * f64::from(u32::try_from(waits.len()).unwrap())).ceil();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 60")]
            let real = waits[(rank as usize).clamp(1, waits.len()) - 1];
            let told = counts.wait(part).unwrap();
            let class = BOUNDS.partition_point(|bound| *bound < real);
            let lower = class.checked_sub(1).map_or(0, |below| BOUNDS[below]);
            prop_assert!(lower <= told && told <= BOUNDS[class], "{told} for {real}");
        }
    }
}
