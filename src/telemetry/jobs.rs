//! Counts what the kernel does, and puts its spans into the traces of the requests that caused them.

use std::time::Duration;

use rolecall_adapters::metered::guild_label;
use rolecall_adapters::metered::table::{
    ATTEMPTS, AUTO_JOINS, BOT_PERMISSION_ERRORS, CLAIMS, DELIVERY_RESTARTS, DISCORD_INVALID, JOB_RUN,
    JOB_WAIT, JOBS_ENDED, MEMBERS_JOINED, MEMBERS_LEFT, REDELIVERIES, RESCUES, ROLE_CHANGES, RUN_TIME,
    RUNS_ENDED, SNOOZES,
};
use rolecall_core::Timestamp;
use rolecall_core::error::JobError;
use rolecall_core::hierarchy::Obstacle;
use rolecall_core::job::{Job as Record, JobState, Lane};
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::ports::{Rescued, Settlement};
use rolecall_core::run::{Run, RunKind, RunState, counts};
use rolecall_jobs::join_guild::JoinGuild;
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::observer::{Ended, Observer, Taken};
use tracing::Span;

use super::traces;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct JobObserver;

impl Observer for JobObserver {
    fn taken(&self, taken: Taken) {
        CLAIMS.inc(&[taken.as_str()]);
    }

    fn begun(&self, job: &Record, now: Timestamp, span: &Span) {
        if let Some(trace) = &job.trace {
            traces::follow(span, trace);
        }
        JOB_WAIT.observe(&[&job.kind, job.lane.as_str()], between(job.due_since(), now));
    }

    fn ended(&self, job: &Record, ended: Ended<'_>) {
        let result = result(ended.settlement);
        ATTEMPTS.inc(&[&job.kind, result]);
        JOB_RUN.observe(&[&job.kind], ended.took);
        traces::attempt_ended(&Span::current(), result, ended.error);
        let Some(settlement) = ended.settlement else {
            return;
        };
        let state = state(job, settlement);
        if state == JobState::Scheduled {
            let cause = ended.error.map_or("none", |error| &error.code);
            SNOOZES.inc(&[&job.kind, cause]);
        }
        if state.is_final() {
            let outcome = outcome(state, settlement);
            JOBS_ENDED.inc(&[&job.kind, state.as_str(), outcome]);
            if job.kind == JoinGuild::KIND {
                AUTO_JOINS.inc(&[joined(settlement, outcome)]);
            }
        }
        if let Some(outcome) = &settlement.outcome {
            ROLE_CHANGES.add(&["granted"], u64::from(outcome.granted));
            ROLE_CHANGES.add(&["revoked"], u64::from(outcome.revoked));
            turnover(job, outcome);
        }
        let lacking = lacking(settlement.outcome.as_ref(), ended.error);
        if !lacking.is_empty() {
            let guild = guild_label(job.subject.guild_id);
            for code in lacking {
                BOT_PERMISSION_ERRORS.inc(&[&guild, &code]);
            }
        }
    }

    fn rescued(&self, job: &Rescued) {
        RESCUES.inc(&[&job.kind, job.state.as_str()]);
    }

    fn sent_again(&self, lane: Lane, envelopes: usize) {
        REDELIVERIES.add(&[lane.as_str()], envelopes as u64);
    }

    fn run_ended(&self, run: &Run) {
        RUNS_ENDED.inc(&[run.kind.as_str(), run.state.as_str()]);
        if let Some(end) = run.finished_at {
            RUN_TIME.observe(&[run.kind.as_str()], between(run.started_at, end));
        }
    }
}

/// Counts of which the first one matters begin at 0: a worker that was lost, a run that was held, a ban that comes near.
pub(super) fn begin(kinds: impl Iterator<Item = &'static str>) {
    for kind in kinds {
        for state in [JobState::Available, JobState::Discarded] {
            RESCUES.begin(&[kind, state.as_str()]);
        }
    }
    for lane in Lane::ALL {
        REDELIVERIES.begin(&[lane.as_str()]);
        DELIVERY_RESTARTS.begin(&[lane.as_str()]);
    }
    for kind in [RunKind::Full, RunKind::Guild, RunKind::User, RunKind::Mapping] {
        for state in RunState::ALL.into_iter().filter(|s| s.is_final()) {
            RUNS_ENDED.begin(&[kind.as_str(), state.as_str()]);
        }
    }
    DISCORD_INVALID.begin(&[]);
}

/// Who came and who left, if the job read the members of a guild. Both begin at 0 with the first reading.
fn turnover(job: &Record, outcome: &Outcome) {
    if !outcome.counts.contains_key(counts::MEMBERS) {
        return;
    }
    let guild = guild_label(job.subject.guild_id);
    for (metric, name) in [
        (&MEMBERS_JOINED, counts::MEMBERS_JOINED),
        (&MEMBERS_LEFT, counts::MEMBERS_LEFT),
    ] {
        metric.begin(&[&guild]);
        metric.add(&[&guild], outcome.counts.get(name).copied().unwrap_or(0));
    }
}

fn between(from: Timestamp, until: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(until.millis_since(from)).unwrap_or(0))
}

/// How the attempt ended, in the words of the job's history.
fn result(settlement: Option<&Settlement>) -> &str {
    match settlement {
        None => "lost",
        Some(Settlement {
            attempt: Some(attempt),
            ..
        }) => &attempt.result,
        // These two are not worth a place in the history.
        Some(settlement) if settlement.state == JobState::Scheduled => "snooze",
        Some(_) => "released",
    }
}

/// What the ledger makes of it: it ends a job that somebody asked to cancel.
fn state(job: &Record, settlement: &Settlement) -> JobState {
    if result(Some(settlement)) == "cancel" {
        return JobState::Cancelled;
    }
    settlement
        .clone()
        .unless_cancelled(job.cancel_by.as_deref())
        .state
}

/// What a job did, or why it failed.
fn outcome(state: JobState, settlement: &Settlement) -> &str {
    let code = || settlement.attempt.as_ref().and_then(|a| a.error_code.as_deref());
    match (&settlement.outcome, state) {
        (Some(outcome), _) => outcome.effect.as_str(),
        (None, JobState::Cancelled) => "cancelled",
        (None, _) => code().unwrap_or("unknown"),
    }
}

/// How joining a person went.
fn joined<'a>(settlement: &'a Settlement, outcome: &'a str) -> &'a str {
    match &settlement.outcome {
        Some(Outcome {
            effect: Effect::Applied,
            ..
        }) => "joined",
        Some(Outcome {
            effect: Effect::Unchanged,
            ..
        }) => "already_a_member",
        Some(skipped) => skipped.reason.as_deref().unwrap_or(outcome),
        None => outcome,
    }
}

/// Which of the bot's permissions were missing: Discord's code of a refusal, or what was seen before it was asked.
fn lacking(outcome: Option<&Outcome>, error: Option<&JobError>) -> Vec<String> {
    /// Missing Access, and Missing Permissions.
    const REFUSALS: [u32; 2] = [50_001, 50_013];
    let refused = error.and_then(|error| match error.discord_code {
        Some(code) if REFUSALS.contains(&code) => Some(code.to_string()),
        _ => error.code.starts_with("bot_lacks_").then(|| error.code.clone()),
    });
    let skips = outcome.into_iter().flat_map(|outcome| {
        let planned = outcome
            .counts
            .keys()
            .filter_map(|name| name.strip_prefix(counts::SKIPPED));
        planned.chain(outcome.reason.as_deref())
    });
    let obstacles = skips.filter(|why| Obstacle::ALL.iter().any(|o| o.as_str() == *why));
    refused
        .into_iter()
        .chain(obstacles.map(ToOwned::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_permission_is_seen_in_a_refusal_and_in_a_plan_and_another_error_is_none() {
        let mut refused = JobError::permanent("discord_missing_permissions", "x");
        refused.discord_code = Some(50_013);
        assert_eq!(lacking(None, Some(&refused)), ["50013"]);
        let lacks = JobError::permanent("bot_lacks_create_invite", "x");
        assert_eq!(lacking(None, Some(&lacks)), ["bot_lacks_create_invite"]);
        let other = JobError::transient("discord_unavailable", "x");
        assert!(lacking(None, Some(&other)).is_empty());
        let mut planned = Outcome::unchanged();
        planned.count("skipped.role_above_bot", 3);
        planned.count("skipped.capped", 3);
        assert_eq!(lacking(Some(&planned), None), ["role_above_bot"]);
        assert_eq!(
            lacking(Some(&Outcome::skipped("role_above_bot")), None),
            ["role_above_bot"]
        );
        assert!(lacking(Some(&Outcome::skipped("superseded")), None).is_empty());
    }
}
