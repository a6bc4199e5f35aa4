//! The invariants that are seen from outside: by Discord, by the client, by who stops processes.

use crate::case::Case;
use crate::check::{Verdict, none};
use crate::evidence::Evidence;
use crate::pulse::lost_within;

/// A dead worker's jobs go on within this time.
const RECOVERY_MS: i64 = 20_000;
/// A process ends within this time after SIGTERM: its grace, and a little for a busy machine.
pub(crate) const STOP_MS: i64 = 27_000;
/// When a process is told to stop, another one that is there begins something within this time.
const ELSEWHERE_MS: i64 = 5_000;
/// What two machines' ideas of the store's clock may differ by.
const CLOCK_MS: i64 = 1_000;
/// No outage makes a process of these small installations grow beyond this (a build without optimisation).
pub(crate) const MEMORY_KIB: u64 = 256 << 10;

/// Discord shows what the groups give, and nothing else moved.
pub(crate) fn converged(case: &Case, evidence: &Evidence) -> Verdict {
    let mut wrong: Vec<String> = Vec::new();
    for (member, right) in &case.roles {
        let now = evidence.discord.roles.get(member).cloned().unwrap_or_default();
        if now != *right {
            wrong.push(format!("member {member} has {now:?} and should have {right:?}"));
        }
    }
    if evidence.discord.touched.contains(&case.unmanaged) {
        wrong.push("a role that is not managed was touched".into());
    }
    none(wrong, format!("{} members", case.roles.len()))
}

/// The first job ended in time, and what dead workers held was taken back in time.
pub(crate) fn recovered(case: &Case, evidence: &Evidence) -> Verdict {
    let mut wrong = Vec::new();
    // What is late without the engine's doing is not the engine's: see pulse.rs.
    let is_late = |from: i64, ms: i64| ms > RECOVERY_MS + lost_within(&case.late, from, from + ms);
    let mut lost = 0;
    if let (Some(ms), Some(from)) = (case.recovery_ms, case.recovers_from) {
        lost = lost_within(&case.late, from, from + ms);
        if is_late(from, ms) {
            wrong.push(format!(
                "the first job ended {ms} ms after the fault did, {lost} ms of which the machine was late"
            ));
        }
    }
    let mut taken_back = 0;
    for job in &evidence.ledger.jobs {
        for (attempt, times) in job
            .attempts
            .iter()
            .zip(&job.times)
            .filter(|(a, _)| a.1 == "crashed")
        {
            let within = times.started_at..times.ended_at;
            let Some(death) = case.deaths.iter().filter(|at| within.contains(at)).max() else {
                continue;
            };
            taken_back += 1;
            let after = times.ended_at - death;
            if is_late(*death, after) {
                wrong.push(format!(
                    "job {} was taken back {after} ms after attempt {} lost its worker",
                    job.id, attempt.0
                ));
            }
        }
    }
    match case.recovery_ms {
        None if taken_back == 0 => Ok(None),
        first => {
            let first = first.map_or_else(|| "–".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1000.0));
            none(
                wrong,
                format!(
                    "first progress after {first}, the machine late by {lost} ms; {taken_back} jobs taken back"
                ),
            )
        }
    }
}

/// Each stop ended in time.
pub(crate) fn stops(case: &Case, evidence: &Evidence) -> Verdict {
    if case.stops_ms.is_empty() {
        return Ok(None);
    }
    let late = case.stops_ms.iter().filter(|ms| **ms > STOP_MS);
    let mut wrong: Vec<String> = late.map(|ms| format!("a stop took {ms} ms")).collect();
    if case.nothing_was_killed {
        let hurt = evidence.ledger.jobs.iter().filter(|j| j.crashes > 0);
        wrong.extend(hurt.map(|j| format!("job {} counts {} crashes", j.id, j.crashes)));
    }
    for stop in &case.handed_over {
        let begun = evidence
            .ledger
            .jobs
            .iter()
            .flat_map(|j| &j.times)
            .map(|t| t.started_at);
        let first = begun.filter(|at| at >= stop).min();
        // Nothing begun at all: there was nothing left to do.
        if let Some(after) = first.map(|at| at - stop).filter(|after| *after > ELSEWHERE_MS) {
            wrong.push(format!(
                "the first work elsewhere began {after} ms after a process was told to stop"
            ));
        }
    }
    let longest = case.stops_ms.iter().max().copied().unwrap_or(0);
    none(
        wrong,
        format!("{} stops, the longest {longest} ms", case.stops_ms.len()),
    )
}

/// Who should have lived did.
pub(crate) fn lived(case: &Case) -> Verdict {
    if case.lived.is_empty() {
        return Ok(None);
    }
    let dead = case.lived.iter().filter(|(_, lived)| !**lived);
    let mut wrong: Vec<String> = dead
        .map(|(name, _)| format!("{name} is not the process that it was"))
        .collect();
    let swollen = case.peaks_kib.iter().filter(|(_, kib)| **kib > MEMORY_KIB);
    wrong.extend(swollen.map(|(name, kib)| format!("{name} grew to {} MiB", kib >> 10)));
    let most = case.peaks_kib.values().max().copied().unwrap_or(0) >> 10;
    none(
        wrong,
        format!("{} processes, {most} MiB at most", case.lived.len()),
    )
}

/// Nothing else is broken, though a clock was wrong: the other findings say so.
pub(crate) fn clocks(case: &Case, evidence: &Evidence) -> Verdict {
    if !case.wrong_clocks {
        return Ok(None);
    }
    // By the store's clock a job is stored before it ends, and ends by now.
    let jobs = evidence.ledger.jobs.iter();
    let early = jobs.filter(|j| j.finished_at.is_some_and(|end| end + CLOCK_MS < j.inserted_at));
    let mut wrong: Vec<String> = early
        .map(|j| format!("job {} ended before it was stored", j.id))
        .collect();
    let times = evidence
        .ledger
        .jobs
        .iter()
        .flat_map(|j| [Some(j.inserted_at), j.finished_at])
        .flatten();
    if let (Some(first), Some(last)) = (times.clone().min(), times.max())
        && last - first > 30 * 60_000
    {
        wrong.push(format!(
            "the ledger's times lie {} s apart",
            (last - first) / 1_000
        ));
    }
    none(
        wrong,
        format!("{} jobs, all by one clock", evidence.ledger.jobs.len()),
    )
}

/// What the client was told.
pub(crate) fn honest(evidence: &Evidence) -> Verdict {
    let mut wrong: Vec<String> = Vec::new();
    for asked in &evidence.asked {
        match asked.status {
            // No answer is no promise.
            0 | 200..300 => {}
            503 | 504 if asked.retry_after => {}
            status => wrong.push(format!("{} was answered with {status}", asked.path)),
        }
    }
    none(wrong, format!("{} requests", evidence.asked.len()))
}

/// Where secrets were found.
pub(crate) fn secrets(case: &Case, evidence: &Evidence) -> Verdict {
    let keys = evidence
        .redis_keys
        .map_or(String::new(), |n| format!(" and {n} keys of Redis"));
    none(
        evidence.leaks.clone(),
        format!("{} secrets, looked for in files{keys}", case.secrets.len()),
    )
}

#[cfg(test)]
#[path = "outside_tests.rs"]
mod tests;
