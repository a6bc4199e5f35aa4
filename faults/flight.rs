//! Whether writes to one member met.
//!
//! Discord counts each write that began while another one to the same member was under way. One kind of meeting is nobody's
//! mistake: a request whose answer did not come may still be on its way, long after the attempt that sent it ended. It may
//! arrive beside its own repeat: the same change, by the same job, so whichever of the two comes first is right. Or it may
//! arrive when its job is done or waits, beside whatever else is under way then. The ledger tells both: an attempt of this
//! very job had ended without an answer before; and in the second case no attempt of it was running when the request came,
//! so nobody was sending. All else is broken.

use std::collections::BTreeMap;

use crate::check::{Verdict, none};
use crate::evidence::{Call, Evidence};
use crate::ledger::JobRow;

/// See the module.
pub(crate) fn single_flight(evidence: &Evidence) -> Verdict {
    let mut by_member: BTreeMap<(u64, u64), Vec<&Call>> = BTreeMap::new();
    for call in evidence.discord.calls.iter().filter(|c| c.asks_for_a_write()) {
        if let Some((guild, member, _)) = call.about() {
            by_member.entry((guild, member)).or_default().push(call);
        }
    }
    let (mut wrong, mut late) = (Vec::new(), 0);
    let excused = |earlier: &Call, later: &Call| {
        is_a_repeat(evidence, earlier, later) || [earlier, later].iter().any(|c| came_late(evidence, c))
    };
    for ((_, member), mut calls) in by_member {
        calls.sort_by_key(|c| (c.at_ms, c.answered_ms));
        for (n, later) in calls.iter().enumerate() {
            // As Discord counts: once for each write that found another one under way.
            let mut met = calls[..n]
                .iter()
                .filter(|c| c.answered_ms > later.at_ms)
                .peekable();
            if met.peek().is_none() {
                continue;
            }
            if met.all(|earlier| excused(earlier, later)) {
                late += 1;
            } else {
                wrong.push(format!(
                    "member {member}: a write of job {} met another one",
                    later.job().unwrap_or("?")
                ));
            }
        }
    }
    // What Discord counted decides; the log, whose times begin a moment earlier, says what it was.
    if evidence.discord.overlapping_writes <= late {
        wrong.clear();
    } else {
        wrong.insert(
            0,
            format!(
                "{} writes overlapped, {late} of them because of requests without an answer that came late",
                evidence.discord.overlapping_writes
            ),
        );
    }
    let note = match late {
        0 => String::new(),
        n => format!("{n} times a request without an answer came late, beside another one"),
    };
    none(wrong, note)
}

/// Whether two writes that met are a repeat and what it repeats.
fn is_a_repeat(evidence: &Evidence, earlier: &Call, later: &Call) -> bool {
    let same = |of: fn(&Call) -> Option<&str>| of(earlier) == of(later);
    let is_same =
        (&earlier.method, &earlier.path) == (&later.method, &later.path) && same(|c| c.body.as_deref());
    let job = job_of(evidence, later).filter(|_| is_same && same(Call::job));
    job.is_some_and(|job| ended_without_an_answer(job).any(|at| at <= later.unix_ms))
}

/// Whether this request came when the attempt that sent it was over, and no other one of its job was under way.
fn came_late(evidence: &Evidence, call: &Call) -> bool {
    let Some(job) = job_of(evidence, call) else {
        return false;
    };
    let at = i64::try_from(call.unix_ms).unwrap_or(i64::MAX);
    // Attempts are told when they ended: of a job that is not over, one may be under way.
    let idle = job.finished_at.is_some() && !job.times.iter().any(|t| t.started_at <= at && at <= t.ended_at);
    idle && ended_without_an_answer(job).any(|ended| ended <= call.unix_ms)
}

fn job_of<'a>(evidence: &'a Evidence, call: &Call) -> Option<&'a JobRow> {
    let id = call.job()?;
    evidence.ledger.jobs.iter().find(|job| job.id == id)
}

/// When attempts of this job ended because Discord did not answer, in Unix milliseconds.
fn ended_without_an_answer(job: &JobRow) -> impl Iterator<Item = u64> + '_ {
    let ends = job.attempts.iter().zip(&job.times);
    ends.filter(|((_, _, code), times)| {
        code.as_deref() == Some("discord_unavailable") && times.http_status.is_none()
    })
    .filter_map(|(_, times)| u64::try_from(times.ended_at).ok())
}

#[cfg(test)]
#[path = "flight_tests.rs"]
mod tests;
