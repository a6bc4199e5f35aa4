//! The times that only the store knows: looked at once, then kept.

use std::time::Duration;

use rolecall_core::job::Job;
use rolecall_core::time::Timestamp;

use super::ledger::NOW;

/// What [`NOW`] and a span after it are, if the store's time may be that.
fn adopted(expected: Timestamp, found: Timestamp, (from, to): (Timestamp, Timestamp)) -> Timestamp {
    if expected.0 >= 0 {
        return expected;
    }
    let after = Duration::from_millis(expected.0.abs_diff(NOW.0));
    if (from + after..=to + after).contains(&found) {
        found
    } else {
        expected
    }
}

pub(super) trait Adopt {
    fn adopt(&mut self, found: &mut Job, window: (Timestamp, Timestamp));
}

impl Adopt for Job {
    /// Takes over the times, and from the entries that the store writes into a history what is said there for people.
    fn adopt(&mut self, found: &mut Job, window: (Timestamp, Timestamp)) {
        let or_none = |expected: &mut Option<Timestamp>, found: Option<Timestamp>| {
            if let (Some(at), Some(found)) = (expected, found) {
                *at = adopted(*at, found, window);
            }
        };
        self.inserted_at = adopted(self.inserted_at, found.inserted_at, window);
        self.run_at = adopted(self.run_at, found.run_at, window);
        or_none(&mut self.sent_at, found.sent_at);
        or_none(&mut self.finished_at, found.finished_at);
        or_none(&mut self.redriven_at, found.redriven_at);
        if let (Some(lease), Some(found)) = (&mut self.lease, &found.lease) {
            or_none(&mut lease.since, found.since);
            lease.until = adopted(lease.until, found.until, window);
        }
        let stored = ["worker_lost", "discarded_by_operator"].map(|code| Some(code.to_owned()));
        for (attempt, found) in self.attempts.iter_mut().zip(&mut found.attempts) {
            attempt.ended_at = adopted(attempt.ended_at, found.ended_at, window);
            if stored.contains(&attempt.error_code) {
                found.message.clone_into(&mut attempt.message);
                found.remedy.clone_into(&mut attempt.remedy);
                attempt.started_at = found.started_at;
            }
        }
    }
}
