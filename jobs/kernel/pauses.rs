//! What is held back, as this process knows it: read again at most every second.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_core::error::StoreError;
use rolecall_core::job::JobState;
use rolecall_core::pause::{Face, Held, Pause, holding};
use rolecall_core::ports::{JobFilter, Pauses};

use super::registry::Registry;
use super::services::Services;

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

/// Says so if this would hold nothing back because its kind is none: this release knows none of that name, and no job of
/// it waits (a newer release may have stored one). Whoever pulls a brake in a hurry must not take a slip for a brake.
///
/// # Errors
/// If the store fails.
pub async fn no_such_kind(
    services: &Services,
    registry: &Registry,
    held: &Held,
) -> Result<Option<String>, StoreError> {
    let Some(kind) = held.kind.as_ref().filter(|kind| registry.get(kind).is_none()) else {
        return Ok(None);
    };
    let of_kind = Held {
        kind: held.kind.clone(),
        ..Held::default()
    };
    let counts = services.ledger.counts(&waiting(&of_kind)).await?;
    if counts.iter().any(|(_, jobs)| *jobs > 0) {
        return Ok(None);
    }
    let names: Vec<&str> = registry.names().collect();
    Ok(Some(format!(
        "kind: {kind:?} is no kind of job, so nothing would be held back; the kinds are {}",
        names.join(", ")
    )))
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
