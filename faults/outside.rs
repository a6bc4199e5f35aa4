//! The invariants that are seen from outside: by Discord, by the client, by who stops processes.

use crate::case::Case;
use crate::check::{Verdict, none};
use crate::evidence::Evidence;

/// A dead worker's jobs go on within this time.
const RECOVERY_MS: i64 = 20_000;
/// A process ends within this time after SIGTERM: its grace, and a little for a busy machine.
pub(crate) const STOP_MS: i64 = 27_000;
/// What two machines' ideas of the store's clock may differ by.
const CLOCK_MS: i64 = 1_000;
/// No outage makes a process of these small installations grow beyond this (a build without optimisation).
pub(crate) const MEMORY_KIB: u64 = 256 << 10;
/// Of 10,000 invalid answers in ten minutes Discord blocks an address; half of that is where to stop.
const INVALID: u64 = 5_000;

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

/// No update was lost.
pub(crate) fn not_stale(evidence: &Evidence) -> Verdict {
    match evidence.discord.lost_updates {
        0 => Ok(Some(
            "by updates that Discord lost; jobs have no generations".into(),
        )),
        n => Err(format!("{n} updates were lost")),
    }
}

/// The first job ended in time.
pub(crate) fn recovered(case: &Case) -> Verdict {
    match case.recovery_ms {
        None => Ok(None),
        Some(ms) if ms <= RECOVERY_MS => Ok(Some(format!("{:.1} s", ms as f64 / 1000.0))),
        Some(ms) => Err(format!("the first job ended {ms} ms after the fault did")),
    }
}

/// Discord was not asked in vain too often.
pub(crate) fn limits(evidence: &Evidence) -> Verdict {
    let (limited, invalid) = (evidence.discord.rate_limited, evidence.discord.invalid);
    if invalid < INVALID {
        Ok(Some(format!("{limited} answers 429, {invalid} invalid")))
    } else {
        Err(format!("{invalid} invalid answers"))
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
    let mut wrong: Vec<String> = dead.map(|(name, _)| format!("{name} died")).collect();
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

/// Where the secret was found.
pub(crate) fn secrets(evidence: &Evidence) -> Verdict {
    let keys = evidence
        .redis_keys
        .map_or(String::new(), |n| format!(" and {n} keys of Redis"));
    none(
        evidence.leaks.iter().map(|place| format!("in {place}")).collect(),
        format!("the bot's token, in files{keys}"),
    )
}

/// No two writes met.
pub(crate) fn single_flight(evidence: &Evidence) -> Verdict {
    match evidence.discord.overlapping_writes {
        0 => Ok(Some(String::new())),
        n => Err(format!("{n} writes overlapped")),
    }
}
