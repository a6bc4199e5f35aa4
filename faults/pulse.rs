//! How late the machine is, and the store that scenarios share: what everything takes longer for no fault of the engine.
//!
//! A bound of 20 s would otherwise measure how busy a machine is. So something that does nothing is measured beside the
//! scenario: a pause of known length, and a question to the shared store that needs no answer from its data. What these take
//! beyond their time within an interval is what the interval may be longer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mongodb::bson::doc;
use serde::{Deserialize, Serialize};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::case::LedgerAt;
use crate::processes::now_ms;

/// The pause between two beats.
const PAUSE: Duration = Duration::from_millis(100);
/// A beat that is later than this is told of.
const LATE_MS: i64 = 20;

/// A beat that was late, in Unix milliseconds: when it was due, and when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Late {
    pub(crate) due: i64,
    pub(crate) came: i64,
}

/// Beats until it is dropped.
pub(crate) struct Pulse {
    late: Arc<Mutex<Vec<Late>>>,
    _end: DropGuard,
}

impl Pulse {
    /// Begins. `store`: the server that other scenarios use, too; none if it is this scenario's own to break.
    pub(crate) async fn start(store: Option<&LedgerAt>) -> Result<Self, String> {
        let server = match store {
            Some(LedgerAt::Mongo { uri, database }) => {
                let client = mongodb::Client::with_uri_str(uri).await;
                Some(client.map_err(|e| e.to_string())?.database(database))
            }
            _ => None,
        };
        let (late, end) = (Arc::<Mutex<Vec<Late>>>::default(), CancellationToken::new());
        let kept = Arc::clone(&late);
        tokio::spawn(end.clone().run_until_cancelled_owned(async move {
            loop {
                let due = now_ms() + i64::try_from(PAUSE.as_millis()).unwrap_or(0);
                tokio::time::sleep(PAUSE).await;
                if let Some(server) = &server {
                    // One that is away is late all the same.
                    let _ = server.run_command(doc! { "ping": 1 }).await;
                }
                let came = now_ms();
                if came - due > LATE_MS {
                    kept.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(Late { due, came });
                }
            }
        }));
        Ok(Self {
            late,
            _end: end.drop_guard(),
        })
    }

    /// What was late so far.
    pub(crate) fn late(&self) -> Vec<Late> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How many milliseconds of this interval passed while a beat was late.
pub(crate) fn lost_within(late: &[Late], from: i64, to: i64) -> i64 {
    late.iter()
        .map(|beat| (beat.came.min(to) - beat.due.max(from)).max(0))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_late_within_the_interval_counts() {
        let late = [(0, 100), (200, 260), (900, 1_500), (2_000, 2_100)].map(|(due, came)| Late { due, came });
        assert_eq!(lost_within(&late, 50, 1_000), 50 + 60 + 100);
        assert_eq!(lost_within(&late, 1_600, 1_900), 0);
        assert_eq!(lost_within(&[], 0, 1_000), 0);
    }

    #[tokio::test]
    async fn a_runtime_that_is_held_up_makes_beats_late() {
        let pulse = Pulse::start(None).await.unwrap();
        let from = now_ms();
        // The test's only thread is held: no beat can come.
        while pulse.late().is_empty() {
            std::thread::sleep(PAUSE * 3);
            tokio::task::yield_now().await;
        }
        assert!(lost_within(&pulse.late(), from, now_ms()) > LATE_MS);
    }
}
