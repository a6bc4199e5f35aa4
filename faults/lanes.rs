//! Who waited how long for a worker, by the ledger.

use crate::check::{Verdict, none};
use crate::evidence::Evidence;
use crate::ledger::JobRow;

/// Somebody who waits in front of a screen waits no longer than this for a worker, 99 times of 100 …
const WAIT_MS: i64 = 2_000;
/// … or, on a machine that is slow with everything, no longer than this part of what the big run's jobs wait.
const PART: i64 = 10;
/// So many waiting jobs make a load.
const LOAD: usize = 500;

/// From being stored to the beginning of the first attempt.
fn wait(job: &JobRow) -> Option<i64> {
    job.times.first().map(|t| t.started_at - job.inserted_at)
}

fn percentile(mut all: Vec<i64>, of_hundred: usize) -> Option<i64> {
    all.sort_unstable();
    let last = all.len().checked_sub(1)?;
    all.get((last * of_hundred).div_ceil(100)).copied()
}

/// Interactive jobs that were stored while many bulk jobs waited did not wait for those.
pub(crate) fn order(evidence: &Evidence) -> Verdict {
    let jobs = &evidence.ledger.jobs;
    let of = |lane: &'static str| jobs.iter().filter(move |j| j.lane == lane);
    let waits_at = |at: i64, bulk: &JobRow| {
        bulk.inserted_at <= at && bulk.times.first().is_none_or(|t| t.started_at > at)
    };
    let under_load = of("interactive").filter(|j| {
        let waiting = of("bulk").filter(|bulk| waits_at(j.inserted_at, bulk));
        waiting.take(LOAD).count() == LOAD
    });
    let urgent: Vec<i64> = under_load.filter_map(wait).collect();
    let Some(p99) = percentile(urgent.clone(), 99) else {
        return Ok(None);
    };
    let bulk = percentile(of("bulk").filter_map(wait).collect(), 50).unwrap_or(0);
    let note = format!(
        "{} interactive jobs under load: 99 of 100 began within {p99} ms; half of the bulk jobs waited more than {bulk} ms",
        urgent.len()
    );
    if p99 <= WAIT_MS.max(bulk / PART) {
        none(Vec::new(), note)
    } else {
        Err(note)
    }
}
