//! The invariants of runs, and of the ticks that make them.

use std::collections::BTreeSet;

use crate::check::{Verdict, none};
use crate::evidence::Evidence;
use crate::ledger::JobRow;

/// Each run was closed once, and counts what is there. Whoever runs a job again after the end of its run opens the run
/// again, which is then closed once more.
pub(crate) fn runs(evidence: &Evidence) -> Verdict {
    let mut wrong: Vec<String> = Vec::new();
    for run in &evidence.ledger.runs {
        let own = evidence
            .ledger
            .jobs
            .iter()
            .filter(|j| j.run_id.as_ref() == Some(&run.id));
        let counted: i64 = run.jobs.values().sum();
        let (ends, jobs): (Vec<&JobRow>, Vec<&JobRow>) = own.partition(|j| j.kind == "finish_run");
        if counted != i64::try_from(jobs.len()).unwrap_or(i64::MAX) {
            wrong.push(format!(
                "run {} counts {counted} jobs, the ledger {}",
                run.id,
                jobs.len()
            ));
        }
        let mut closed: Vec<i64> = ends
            .iter()
            .filter(|j| j.effect.as_deref() == Some("applied"))
            .filter_map(|j| j.finished_at)
            .collect();
        closed.sort_unstable();
        let unasked = closed
            .windows(2)
            .filter(|w| !jobs.iter().any(|job| ran_again(job, w[0], w[1])));
        let unasked = unasked.count();
        if unasked > 0 {
            wrong.push(format!(
                "run {} was closed {} times, {unasked} of them without a job that had run again",
                run.id,
                closed.len()
            ));
        }
    }
    none(wrong, format!("{} runs", evidence.ledger.runs.len()))
}

/// Whether a job had ended for good before one time, and began again before the other.
fn ran_again(job: &JobRow, closed: i64, closed_again: i64) -> bool {
    let all = || job.attempts.iter().zip(&job.times);
    let had_ended = all()
        .any(|((_, result, _), t)| matches!(result.as_str(), "discard" | "cancel") && t.ended_at <= closed);
    had_ended && all().any(|(_, t)| (closed..=closed_again).contains(&t.started_at))
}

/// A tick of a schedule made one run or one job.
pub(crate) fn ticks(evidence: &Evidence) -> Verdict {
    let runs = evidence
        .ledger
        .runs
        .iter()
        .map(|r| (&r.actor, &r.reason, "a run"));
    // Jobs of a run carry its cause; the tick's own job has no run.
    let jobs = evidence
        .ledger
        .jobs
        .iter()
        .filter(|j| j.run_id.is_none() && j.parent_id.is_none());
    let all = runs.chain(jobs.map(|j| (&j.actor, &j.reason, "a job")));
    let ticks: Vec<_> = all.filter(|(actor, ..)| actor.starts_with("schedule:")).collect();
    let mut seen = BTreeSet::new();
    let twice = ticks.iter().filter(|t| !seen.insert(**t));
    let wrong = twice
        .map(|(actor, reason, _)| format!("{actor}, {reason}: twice"))
        .collect();
    if ticks.is_empty() {
        return Ok(None);
    }
    none(wrong, format!("{} ticks", ticks.len()))
}

#[cfg(test)]
#[path = "runs_tests.rs"]
mod tests;
