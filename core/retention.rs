//! How long what is over is kept.

use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// For how long each kind of record is kept after its end. `None`: for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Jobs that ended well or were cancelled.
    pub jobs: Option<Duration>,
    /// Jobs that failed for good.
    pub discarded_jobs: Option<Duration>,
    /// Runs.
    pub runs: Option<Duration>,
    /// Who did what.
    pub audit: Option<Duration>,
    /// Logins that were begun, from the end of their validity: so long, somebody who comes back late is told why.
    pub oauth_states: Option<Duration>,
    /// Links that are no longer active, from their last change.
    pub inactive_links: Option<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            jobs: Some(7 * DAY),
            discarded_jobs: Some(90 * DAY),
            runs: Some(90 * DAY),
            audit: Some(365 * DAY),
            oauth_states: Some(DAY),
            inactive_links: None,
        }
    }
}
