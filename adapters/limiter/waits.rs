//! What the callers of this process wait for, for people.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rolecall_core::ports::{Barrier, Route};
use tokio::time::Instant;

use super::words;

/// What is waited for, and the first time at which that may be over.
#[derive(Debug, Default)]
pub(super) struct Waits(Mutex<HashMap<String, Instant>>);

impl Waits {
    /// Somebody waits for so long.
    pub(super) fn note(&self, barrier: Barrier, route: &Route, wait: Duration) {
        let now = Instant::now();
        let until = now + wait;
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, at| *at > now);
        let at = waiting
            .entry(words::in_words(barrier, route.bucket, route.guild))
            .or_insert(until);
        *at = until.min(*at);
    }

    /// The longest wait now, in words.
    pub(super) fn longest(&self) -> Option<String> {
        let now = Instant::now();
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (what, until) = waiting
            .iter()
            .filter(|(_, until)| **until > now)
            .max_by_key(|(_, until)| **until)?;
        Some(words::with_time(what, (*until - now).as_secs_f64()))
    }
}
