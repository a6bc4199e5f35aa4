//! Counts how jobs end in this process, by minute, until that is added to what the store knows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rolecall_core::Timestamp;
use rolecall_core::error::StoreError;
use rolecall_core::job::{JobState, Lane};
use rolecall_core::ports::JobMinutes;
use rolecall_core::throughput::{Counts, Minute, minute_of};

use super::patience::in_time;

/// See the module. Cheap to clone. What was not handed over dies with the process: some seconds.
#[derive(Clone, Default)]
pub struct Meter {
    minutes: Arc<Mutex<BTreeMap<(Timestamp, Lane), Counts>>>,
}

impl Meter {
    /// An attempt ended at this time and left its job in this state, after the job had been due for `waited`
    /// milliseconds; `None`: that is not known.
    pub fn ended(&self, at: Timestamp, lane: Lane, state: JobState, waited: Option<i64>) {
        let mut counts = Counts::default();
        counts.ended(state);
        if let Some(millis) = waited {
            counts.waited(millis);
        }
        self.put([((minute_of(at), lane), counts)]);
    }

    fn put(&self, counted: impl IntoIterator<Item = ((Timestamp, Lane), Counts)>) {
        let mut minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, counts) in counted {
            minutes.entry(place).or_default().add(&counts);
        }
    }

    /// Hands over what was counted; if the store does not take it, it is kept.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn hand_over(&self, store: &dyn JobMinutes) -> Result<(), StoreError> {
        let counted = std::mem::take(&mut *self.minutes.lock().unwrap_or_else(PoisonError::into_inner));
        if counted.is_empty() {
            return Ok(());
        }
        let minutes: Vec<Minute> = counted
            .iter()
            .map(|((at, lane), counts)| Minute {
                at: *at,
                lane: *lane,
                counts: counts.clone(),
            })
            .collect();
        let added = in_time(store.add(&minutes)).await;
        if added.is_err() {
            self.put(counted);
        }
        added
    }
}
