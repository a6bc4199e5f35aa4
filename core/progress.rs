//! How far a long job is, as it says itself while it runs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::time::Timestamp;

/// A snapshot. Stored with the job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// How much there is to do.
    pub total: u64,
    /// How much of it is done, well or not.
    pub done: u64,
    /// How much of that came to nothing.
    pub failed: u64,
    /// Further numbers, by stable name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, u64>,
    /// When the work began.
    pub started_at: Timestamp,
    /// When this was said.
    pub at: Timestamp,
    /// The earliest time at which it can be over, if it takes its time on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Where it goes on after an interruption; means something to the job only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Value>,
}

impl Progress {
    /// Adds to a number.
    pub fn count(&mut self, name: &str, n: u64) {
        *self.counts.entry(name.to_owned()).or_default() += n;
    }

    /// When it will be over, if it goes on as it did.
    pub fn eta(&self) -> Option<Timestamp> {
        eta(self.done, self.total, self.started_at, self.at).map(|at| at.max(self.not_before.unwrap_or(at)))
    }
}

/// When `total` things will be done, of which `done` were done from `started` to `now`. `None`: nothing can be said yet,
/// or nothing is left.
pub fn eta(done: u64, total: u64, started: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let left = total.checked_sub(done).filter(|left| *left > 0)?;
    let took = u128::try_from(now.millis_since(started)).ok()?;
    let more = took
        .checked_mul(u128::from(left))?
        .checked_div(u128::from(done))?;
    Some(now + Duration::from_millis(u64::try_from(more).ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_took_ten_seconds_for_a_third_takes_twenty_more() {
        let told = |done, total| eta(done, total, Timestamp(0), Timestamp(10_000));
        assert_eq!(told(1, 3), Some(Timestamp(30_000)));
        assert_eq!((told(0, 3), told(3, 3), told(4, 3)), (None, None, None));
    }

    #[test]
    fn what_takes_its_time_on_purpose_is_not_over_before_that() {
        let progress = Progress {
            total: 4,
            done: 2,
            at: Timestamp(10),
            not_before: Some(Timestamp(900)),
            ..Progress::default()
        };
        assert_eq!(progress.eta(), Some(Timestamp(900)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_end_is_never_in_the_past(done in 0u64..1_000, total in 0u64..1_000, took in 0i64..1_000_000_000) {
            if let Some(at) = eta(done, total, Timestamp(5), Timestamp(5 + took)) {
                prop_assert!(at >= Timestamp(5 + took) && done < total);
            }
        }
    }
}
