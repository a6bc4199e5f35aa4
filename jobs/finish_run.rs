//! Ends a run whose jobs have all ended: adds up what they did.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rolecall_core::RunId;
use rolecall_core::error::{JobError, StoreError};
use rolecall_core::hierarchy::Obstacle;
use rolecall_core::job::{Job as Record, JobState};
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::ports::{JobFilter, SchedulerTask, TaskEnd};
use rolecall_core::run::{RunError, RunResults, RunState, TallyLine, counts};
use serde::{Deserialize, Serialize};

use crate::kernel::context::Context;
use crate::kernel::fault::{self, Point};
use crate::kernel::job::Job;
use crate::kernel::services::Services;
use crate::note_syncs::note_syncs;
use crate::run_report::tell_channels;

/// Who asks for the runs of the schedule.
pub const BY_THE_CLOCK: &str = "schedule:discord_role_sync";
/// How many errors a run keeps.
const ERRORS_KEPT: usize = 100;
/// Failed jobs looked at to count the users concerned.
const FAILED_LOOKED_AT: usize = 5_000;
/// Kinds that plan; their outcomes carry the counts of [`counts`].
pub const PLANNING_KINDS: [&str; 6] = [
    "sync_all",
    "sync_guild",
    "sync_member",
    "sync_user",
    "await_jobs",
    "retire_roles",
];

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FinishRun {
    /// The run.
    pub run_id: RunId,
}

impl Job for FinishRun {
    const KIND: &'static str = "finish_run";

    fn unique_key(&self) -> Option<String> {
        Some(format!("{}:{}", Self::KIND, self.run_id))
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let services = &context.services;
        // Something may have been redriven since this was enqueued; its settlement enqueues the end again.
        if services.ledger.run_is_live(self.run_id, Self::KIND).await? {
            return Ok(Outcome::skipped("run_is_live"));
        }
        let results = results(services, self.run_id).await?;
        let state = verdict(&results);
        // Before the run is closed: a crash in between repeats this, and the messages' ids are the run's.
        tell_channels(context, self.run_id, &results).await?;
        note_syncs(services, self.run_id, services.clock.now()).await?;
        fault::pass(Point::K13, Self::KIND);
        let closed = services
            .runs
            .close(self.run_id, state, &results, services.clock.now())
            .await?;
        if closed {
            tell_of_end(services, self.run_id).await;
            tracing::info!(
                run.id = %self.run_id, state = %state, roles_added = results.roles_added,
                roles_removed = results.roles_removed, users_failed = results.users_failed,
                "discord_sync: run {} is {state}: {} roles added, {} removed, {} users failed",
                self.run_id, results.roles_added, results.roles_removed, results.users_failed
            );
        }
        Ok(if closed {
            Outcome::applied(0, 0)
        } else {
            Outcome::unchanged()
        })
    }
}

/// Tells the observer of a run, and go-falcon's scheduler of one by the clock, which stands for its task. A note that
/// cannot be written is no reason to repeat anything.
async fn tell_of_end(services: &Services, id: RunId) {
    let told = async {
        let Some(run) = services.runs.get(id).await? else {
            return Ok(());
        };
        services.observer.run_ended(&run);
        if run.cause.actor != BY_THE_CLOCK {
            return Ok(());
        }
        let end = run.finished_at.unwrap_or_else(|| services.clock.now());
        let took = u64::try_from(end.millis_since(run.started_at)).unwrap_or(0);
        let failed = matches!(run.state, RunState::Failed | RunState::Partial);
        let first = run.results.as_ref().and_then(|r| r.errors.first());
        let error =
            failed.then(|| first.map_or_else(|| format!("the run is {}", run.state), |e| e.error.clone()));
        let end = TaskEnd {
            id: id.0,
            took: Duration::from_millis(took),
            error,
        };
        services
            .scheduler_tasks
            .ended(SchedulerTask::RoleSync, &end)
            .await
    };
    let told: Result<(), StoreError> = told.await;
    if let Err(error) = told {
        tracing::debug!(%error, "discord_sync: scheduler_tasks not updated");
    }
}

/// What a run did so far.
pub async fn results(services: &Services, run: RunId) -> Result<RunResults, JobError> {
    let tally = services.ledger.tally(run).await?;
    let mut planning = Vec::new();
    for kind in PLANNING_KINDS
        .into_iter()
        .filter(|k| tally.iter().any(|l| l.kind == *k))
    {
        let filter = JobFilter {
            run_id: Some(run),
            kind: Some(kind.to_owned()),
            ..JobFilter::default()
        };
        planning.extend(services.ledger.list(&filter, None, FAILED_LOOKED_AT).await?);
    }
    let failed = if tally.iter().any(|l| l.state == JobState::Discarded) {
        let filter = JobFilter {
            run_id: Some(run),
            states: vec![JobState::Discarded],
            ..JobFilter::default()
        };
        services.ledger.list(&filter, None, FAILED_LOOKED_AT).await?
    } else {
        Vec::new()
    };
    Ok(add_up(&tally, &planning, &failed))
}

/// The sum. Pure: from the tally of all jobs, the planning jobs, and the failed jobs.
pub fn add_up(tally: &[TallyLine], planning: &[Record], failed: &[Record]) -> RunResults {
    let mut out = RunResults::default();
    for line in tally.iter().filter(|l| l.kind != FinishRun::KIND) {
        *out.jobs.entry(line.state.as_str().to_owned()).or_default() += line.jobs;
        out.roles_added += line.granted;
        out.roles_removed += line.revoked;
        if line.kind == "join_guild" && matches!(line.effect, Some((Effect::Applied, _))) {
            out.joined += line.jobs;
        }
        if let Some((Effect::Skipped, Some(reason))) = &line.effect {
            *out.skipped.entry(reason.clone()).or_default() += line.jobs;
        }
    }
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    let mut blocked = Vec::new();
    for job in planning {
        let Some(outcome) = &job.outcome else { continue };
        for (name, n) in &outcome.counts {
            *sums.entry(name.as_str()).or_default() += n;
        }
        let told = outcome
            .notes
            .iter()
            .filter(|n| n.contains(counts::CANNOT_BE_MOVED));
        blocked.extend(told.map(|note| RunError {
            error: note.clone(),
            ..run_error(job)
        }));
        if outcome.counts.contains_key(counts::HELD) {
            out.held
                .extend(outcome.notes.iter().filter(|n| n.starts_with("held:")).cloned());
        }
        if outcome.counts.contains_key(counts::CAPPED) {
            out.notes
                .extend(outcome.notes.iter().filter(|n| n.starts_with("capped:")).cloned());
        }
    }
    let sum = |name: &str| sums.get(name).copied().unwrap_or(0);
    out.unchanged = sum(counts::UNCHANGED);
    out.guilds_processed = sum(counts::GUILDS);
    for (name, n) in &sums {
        if let Some(reason) = name.strip_prefix(counts::SKIPPED) {
            *out.skipped.entry(reason.to_owned()).or_default() += n;
        } else if [
            counts::PLANNED_ADDS,
            counts::PLANNED_REMOVES,
            counts::PLANNED_JOINS,
            counts::HELD,
            counts::UNDER_WAY,
        ]
        .contains(name)
        {
            out.planned.insert((*name).to_owned(), *n);
        }
    }
    let users: BTreeSet<_> = failed.iter().filter_map(|j| j.subject.user_id.as_ref()).collect();
    out.users_processed = sum(counts::LINKED);
    out.users_failed = users.len() as u64;
    out.users_succeeded = out.users_processed.saturating_sub(out.users_failed);
    out.errors = failed
        .iter()
        .map(run_error)
        .chain(blocked)
        .take(ERRORS_KEPT)
        .collect();
    out
}

/// Why a job failed, with what to do about it.
pub fn failure_in_words(job: &Record) -> String {
    let last = job.attempts.last();
    let mut message = last
        .and_then(|a| a.message.clone())
        .unwrap_or_else(|| "failed".to_owned());
    if let Some(remedy) = last.and_then(|a| a.remedy.as_ref()) {
        message = format!("{message}. {remedy}");
    }
    format!("{}: {message}", job.kind)
}

fn run_error(job: &Record) -> RunError {
    RunError {
        user_id: job.subject.user_id.clone(),
        discord_id: job.subject.discord_id,
        guild_id: job.subject.guild_id,
        error: failure_in_words(job),
        occurred_at: job.finished_at.unwrap_or(job.inserted_at),
    }
}

/// How a run ended. Pure.
pub fn verdict(results: &RunResults) -> RunState {
    if results.jobs.is_empty() {
        // The process died between storing the run and its first job, before anybody was told that it was accepted.
        return RunState::Failed;
    }
    let jobs = |state: JobState| results.jobs.get(state.as_str()).copied().unwrap_or(0);
    // A mapped role that the bot cannot move is a difference that stays: somebody has to mend it.
    let blocked = Obstacle::ALL
        .iter()
        .any(|o| results.skipped.contains_key(o.as_str()));
    let something_was_done =
        results.guilds_processed > 0 || results.roles_added + results.roles_removed + results.unchanged > 0;
    match (
        jobs(JobState::Discarded) + jobs(JobState::Cancelled),
        something_was_done,
    ) {
        (0, _) if !results.held.is_empty() => RunState::Held,
        (0, _) if blocked => RunState::Partial,
        (0, _) => RunState::Completed,
        (_, true) => RunState::Partial,
        (_, false) => RunState::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: &str, state: JobState, effect: Option<Effect>, jobs: u64, granted: u64) -> TallyLine {
        let effect = effect.map(|e| (e, (e == Effect::Skipped).then(|| "superseded".to_owned())));
        TallyLine {
            kind: kind.into(),
            state,
            effect,
            jobs,
            granted,
            revoked: 0,
        }
    }

    #[test]
    fn roles_and_skips_are_added_up_and_the_finishing_job_is_left_out() {
        let tally = [
            line("add_role", JobState::Completed, Some(Effect::Applied), 3, 3),
            line("add_role", JobState::Completed, Some(Effect::Skipped), 2, 0),
            line("finish_run", JobState::Running, None, 1, 0),
        ];
        let results = add_up(&tally, &[], &[]);
        assert_eq!((results.roles_added, results.skipped["superseded"]), (3, 2));
        assert_eq!(results.jobs, BTreeMap::from([("completed".to_owned(), 5)]));
    }

    #[test]
    fn a_run_that_did_nothing_and_failed_is_failed_and_one_that_did_some_is_partial() {
        let failed = add_up(&[line("sync_guild", JobState::Discarded, None, 1, 0)], &[], &[]);
        assert_eq!(verdict(&failed), RunState::Failed);
        let tally = [
            line("add_role", JobState::Completed, Some(Effect::Applied), 1, 1),
            line("add_role", JobState::Discarded, None, 1, 0),
        ];
        assert_eq!(verdict(&add_up(&tally, &[], &[])), RunState::Partial);
        let unchanged = [line(
            "sync_guild",
            JobState::Completed,
            Some(Effect::Unchanged),
            1,
            0,
        )];
        assert_eq!(verdict(&add_up(&unchanged, &[], &[])), RunState::Completed);
    }

    #[test]
    fn a_run_whose_first_job_was_never_stored_is_failed() {
        assert_eq!(verdict(&RunResults::default()), RunState::Failed);
    }
}
