//! Whether writes to one member met.
//!
//! Discord counts each write that began while another one to the same member was under way. One kind of meeting is nobody's
//! mistake: a request whose answer did not come may still be on its way, and arrive beside its own repeat. What is repeated
//! is the same change, by the same job, so whichever of the two comes first is right. It counts as a repeat if the ledger
//! says that an attempt of this very job had ended without an answer before the later of the two came, and if both ask for
//! the same. All else is broken.

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
            if met.all(|earlier| is_a_late_arrival(evidence, earlier, later)) {
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
                "{} writes overlapped, {late} of them requests without an answer beside their own repeats",
                evidence.discord.overlapping_writes
            ),
        );
    }
    let note = match late {
        0 => String::new(),
        n => format!("{n} requests without an answer arrived beside their own repeats"),
    };
    none(wrong, note)
}

/// Whether two writes that met are a repeat and what it repeats.
fn is_a_late_arrival(evidence: &Evidence, earlier: &Call, later: &Call) -> bool {
    let same = |of: fn(&Call) -> Option<&str>| of(earlier) == of(later);
    let is_same =
        (&earlier.method, &earlier.path) == (&later.method, &later.path) && same(|c| c.body.as_deref());
    let job = later.job().filter(|_| is_same && same(Call::job));
    let job = job.and_then(|id| evidence.ledger.jobs.iter().find(|j| j.id == id));
    job.is_some_and(|job| ended_without_an_answer(job).any(|at| at <= later.unix_ms))
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
