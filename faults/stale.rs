//! Whether an old wish was carried out after a newer one, by Discord's log, the ledger, and what the directory was told.
//!
//! Jobs carry no generation. Their order is when they were stored; what was wanted when is what the scenario imported. So
//! the members' roles are played again, change by change, and each change is asked two things: is there a newer job that
//! changed the same role of the same member the other way before it, and since then nobody wished it back? Has the
//! opposite been wanted for longer than a worker may rely on what it read, which is its lease?

use std::collections::{BTreeMap, BTreeSet};

use crate::case::{Case, Wish};
use crate::check::{Verdict, none};
use crate::evidence::{Call, Evidence};

/// A worker acts on what it read at most this long ago: its lease, and what a busy machine adds.
const RELIES_MS: i64 = 20_000;

/// A role that really came or went.
struct Change<'a> {
    member: u64,
    role: u64,
    given: bool,
    at: i64,
    /// When its job was stored; `None`: the ledger does not know the job.
    wished_at: Option<i64>,
    job: &'a str,
}

/// See the module.
pub(crate) fn not_stale(case: &Case, evidence: &Evidence) -> Verdict {
    let mut wrong = Vec::new();
    if evidence.discord.lost_updates > 0 {
        wrong.push(format!("{} updates were lost", evidence.discord.lost_updates));
    }
    let changes = changes(case, evidence);
    for (n, change) in changes.iter().enumerate() {
        let other_way =
            |c: &&Change<'_>| (c.member, c.role) == (change.member, change.role) && c.given != change.given;
        let newer = changes[..n]
            .iter()
            .filter(other_way)
            .find(|c| c.wished_at > change.wished_at && !was_wished(case, change, c.at));
        if let Some(newer) = newer {
            wrong.push(format!(
                "job {} changed role {} of {} after the newer job {} had changed it the other way",
                change.job, change.role, change.member, newer.job
            ));
        }
        if !case.wishes.is_empty() && !was_wished(case, change, change.at - RELIES_MS) {
            wrong.push(format!(
                "job {} {} role {} of {}, which nobody had wished for {RELIES_MS} ms",
                change.job,
                if change.given { "gave" } else { "took" },
                change.role,
                change.member
            ));
        }
    }
    none(wrong, format!("{} changes", changes.len()))
}

/// Whether this was wished for at any time from `since` until it was done.
fn was_wished(case: &Case, change: &Change<'_>, since: i64) -> bool {
    let mut wishes = case.wishes.iter().peekable();
    while let Some(Wish { at, roles, unsure }) = wishes.next() {
        let until = wishes.peek().map_or(i64::MAX, |next| next.at);
        let has = roles
            .get(&change.member)
            .is_some_and(|r| r.contains(&change.role));
        let is_right = has == change.given || unsure.contains(&change.role);
        if *at <= change.at && until >= since && is_right {
            return true;
        }
    }
    false
}

/// What really changed, in the order of Discord's log.
fn changes<'a>(case: &Case, evidence: &'a Evidence) -> Vec<Change<'a>> {
    let stored: BTreeMap<&str, i64> = evidence
        .ledger
        .jobs
        .iter()
        .map(|j| (j.id.as_str(), j.inserted_at))
        .collect();
    let mut held = case.before.clone();
    let mut all = Vec::new();
    let mut calls: Vec<&Call> = evidence.discord.calls.iter().filter(|c| c.is_write()).collect();
    calls.sort_by_key(|c| c.answered_ms);
    for call in calls {
        let Some((_, member, role)) = call.about().filter(|about| about.0 == case.guild) else {
            continue;
        };
        let before = held.entry(member).or_default();
        let after: BTreeSet<u64> = match (call.method.as_str(), role) {
            ("PUT", Some(role)) => before.iter().copied().chain([role]).collect(),
            ("DELETE", Some(role)) => before.iter().copied().filter(|r| *r != role).collect(),
            ("PATCH", None) => match call.roles_in_body() {
                Some(roles) => roles,
                None => continue,
            },
            _ => continue,
        };
        let job = call.job().unwrap_or("no job");
        for role in before.symmetric_difference(&after) {
            all.push(Change {
                member,
                role: *role,
                given: after.contains(role),
                at: i64::try_from(call.unix_ms).unwrap_or(i64::MAX),
                wished_at: stored.get(job).copied(),
                job,
            });
        }
        *before = after;
    }
    all
}
