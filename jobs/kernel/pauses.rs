//! What is held back, as this process knows it: read again at most every second.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_core::error::StoreError;
use rolecall_core::job::JobState;
use rolecall_core::pause::{Face, Held, Pause, holding};
use rolecall_core::ports::{JobFilter, Pauses};

/// How old what is known may become.
const KNOWN_FOR: Duration = Duration::from_secs(1);

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct PauseBoard {
    store: Arc<dyn Pauses>,
    known: Arc<RwLock<(Option<Timestamp>, Vec<Pause>)>>,
}

impl PauseBoard {
    /// A board that knows nothing yet.
    pub fn new(store: Arc<dyn Pauses>) -> Self {
        Self {
            store,
            known: Arc::default(),
        }
    }

    /// Reads the pauses, if what is known of them is old.
    ///
    /// # Errors
    /// If the store fails; what is known stays.
    pub async fn refresh(&self, now: Timestamp) -> Result<(), StoreError> {
        let known_for = i64::try_from(KNOWN_FOR.as_millis()).unwrap_or(i64::MAX);
        let read_at = self.known.read().unwrap_or_else(PoisonError::into_inner).0;
        if read_at.is_some_and(|at| (0..known_for).contains(&now.millis_since(at))) {
            return Ok(());
        }
        let pauses = self.store.list().await?;
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = (Some(now), pauses);
        Ok(())
    }

    /// The pauses that hold something back now.
    pub fn on(&self, now: Timestamp) -> Vec<Pause> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.1.iter().filter(|p| p.is_on(now)).cloned().collect()
    }

    /// What is held back now.
    pub fn held(&self, now: Timestamp) -> Vec<Held> {
        self.on(now).into_iter().map(|p| p.held).collect()
    }

    /// The pause that holds this job back now.
    pub fn holding(&self, job: Face<'_>, now: Timestamp) -> Option<Pause> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        holding(&known.1, job, now).cloned()
    }
}

/// The filter for the waiting jobs that this would hold back.
pub fn waiting(held: &Held) -> JobFilter {
    JobFilter {
        states: JobState::ALL.into_iter().filter(|s| s.is_waiting()).collect(),
        lane: held.lane,
        kind: held.kind.clone(),
        guild_id: held.guild_id,
        fingerprint: held.fingerprint.clone(),
        ..JobFilter::default()
    }
}
