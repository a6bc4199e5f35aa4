//! Lets a caller wait for the end of a run: for how long, as `Prefer` (RFC 7240) and `API_SYNC_WAIT` say.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::HeaderName;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use rolecall_core::RunId;
use rolecall_core::run::Run;

use super::state::Web;

/// So many requests of one process wait at once. One more is answered at once, as if it had not wanted to wait.
pub(crate) const MOST_WAITING: usize = 64;
/// When a run is first looked at: many a user's sync has ended by then.
const FIRST_LOOK: Duration = Duration::from_millis(50);
/// How often it is looked at in the end. One read of one record each time.
const EVERY: Duration = Duration::from_millis(500);

const PREFER: HeaderName = HeaderName::from_static("prefer");
/// On an answer that was waited for.
pub(crate) const APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// What the caller prefers. What is not understood is ignored, as the RFC asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Preference {
    /// `wait=N`: so many seconds at most.
    wait: Option<u64>,
    /// `respond-async`: an answer at once, or after `wait`.
    respond_async: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Preference {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl Preference {
    /// Pure.
    fn of(headers: &HeaderMap) -> Self {
        let mut out = Self::default();
        for value in headers.get_all(PREFER).iter().filter_map(|v| v.to_str().ok()) {
            let mut quoted = false;
            let preferences = value.split(move |c| {
                quoted ^= c == '"';
                c == ',' && !quoted
            });
            for preference in preferences {
                let bare = preference.split(';').next().unwrap_or_default();
                let (name, value) = bare.split_once('=').unwrap_or((bare, ""));
                let value = value.trim().trim_matches('"');
                match name.trim().to_ascii_lowercase().as_str() {
                    "respond-async" => out.respond_async = true,
                    // Of several, the first counts.
                    "wait" if out.wait.is_none() => out.wait = value.parse().ok(),
                    _ => {}
                }
            }
        }
        out
    }

    /// How long to wait: as preferred, else `default`; `most` at most.
    pub(crate) fn patience(self, default: Duration, most: Duration) -> Duration {
        let preferred = match (self.wait, self.respond_async) {
            (Some(seconds), _) => Duration::from_secs(seconds),
            (None, true) => Duration::ZERO,
            (None, false) => default,
        };
        preferred.min(most)
    }

    /// Says which of the preferences were followed.
    pub(crate) fn note(self, headers: &mut HeaderMap, ended: bool, most: Duration) {
        let mut applied = Vec::new();
        if self.respond_async && !ended {
            applied.push("respond-async".to_owned());
        }
        if let Some(seconds) = self.wait.filter(|_| !most.is_zero()) {
            applied.push(format!("wait={}", seconds.min(most.as_secs())));
        }
        if !applied.is_empty()
            && let Ok(value) = HeaderValue::from_str(&applied.join(", "))
        {
            headers.insert(APPLIED, value);
        }
    }
}

/// The run once it has ended; `None` if it has not within this time, if the process should stop, or if too many wait
/// already. A caller who hangs up ends the waiting, because the request's future is dropped.
pub(crate) async fn until_ended(web: &Web, run: RunId, patience: Duration) -> Option<Run> {
    if patience.is_zero() {
        return None;
    }
    let _place = web.waiting.try_acquire().ok()?;
    let ended = async {
        let mut pause = FIRST_LOOK;
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(EVERY);
            // A read that fails is no end; the next look may succeed.
            if let Ok(Some(run)) = web.services.runs.get(run).await
                && run.state.is_final()
            {
                return run;
            }
        }
    };
    tokio::select! {
        biased;
        () = web.stop.cancelled() => None,
        ended = tokio::time::timeout(patience, ended) => ended.ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MOST_SYNC_WAIT;
    use crate::web::http::layers::TIMEOUT;

    const SECOND: Duration = Duration::from_secs(1);

    fn of(values: &[&str]) -> Preference {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, value.parse().unwrap());
        }
        Preference::of(&headers)
    }

    #[test]
    fn preferences_are_read_as_the_rfc_writes_them_and_others_are_ignored() {
        let table: [(&[&str], Option<u64>, bool); 12] = [
            (&[], None, false),
            (&["respond-async"], None, true),
            (&["wait=5"], Some(5), false),
            (&["respond-async, wait=10"], Some(10), true),
            (&["Wait = \"7\"", "Respond-Async"], Some(7), true),
            (&["wait=5; foo=bar"], Some(5), false),
            (&["wait=5, wait=9"], Some(5), false),
            (&["wait=-1"], None, false),
            (&["wait=soon"], None, false),
            (&["wait"], None, false),
            (&["return=minimal, handling=strict"], None, false),
            (&["foo=\"x, respond-async\""], None, false),
        ];
        for (values, wait, respond_async) in table {
            assert_eq!(of(values), Preference { wait, respond_async }, "{values:?}");
        }
    }

    #[test]
    fn the_wait_is_the_preferred_one_else_the_default_and_never_longer_than_the_most() {
        let wait = |values: &[&str], most: u32| of(values).patience(10 * SECOND, most * SECOND).as_secs();
        assert_eq!(wait(&[], 10), 10);
        assert_eq!(wait(&["wait=3"], 10), 3);
        assert_eq!(wait(&["wait=300"], 10), 10);
        assert_eq!(wait(&["respond-async"], 10), 0);
        assert_eq!(wait(&["respond-async, wait=2"], 10), 2);
        assert_eq!(wait(&["wait=3"], 0), 0);
    }

    #[test]
    fn what_was_followed_is_said_and_nothing_else() {
        let note = |values: &[&str], ended: bool, most: u32| {
            let mut headers = HeaderMap::new();
            of(values).note(&mut headers, ended, most * SECOND);
            headers.get(APPLIED).map(|v| v.to_str().unwrap().to_owned())
        };
        assert_eq!(note(&[], true, 10), None);
        assert_eq!(note(&["wait=30"], true, 10).as_deref(), Some("wait=10"));
        assert_eq!(note(&["wait=3"], true, 0), None);
        assert_eq!(
            note(&["respond-async"], false, 10).as_deref(),
            Some("respond-async")
        );
        let both = ["respond-async, wait=3"];
        assert_eq!(note(&both, false, 10).as_deref(), Some("respond-async, wait=3"));
        assert_eq!(note(&both, true, 10).as_deref(), Some("wait=3"));
    }

    #[test]
    fn the_longest_wait_leaves_time_for_the_answer() {
        assert!(MOST_SYNC_WAIT + 3 * SECOND <= TIMEOUT);
    }
}
