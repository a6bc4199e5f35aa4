//! What the sync of a user did, guild by guild: told to whoever waited for it.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::error::StoreError;
use rolecall_core::job::{Job, JobState};
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::ports::JobFilter;
use rolecall_core::run::counts;
use rolecall_core::{DiscordId, GuildId, RoleId, RunId};
use rolecall_jobs::await_jobs::AwaitJobs;
use rolecall_jobs::finish_run::failure_in_words;
use rolecall_jobs::kernel::job::Job as _;
use rolecall_jobs::kernel::services::Services;

use crate::sync_member::SyncMember;

/// Jobs of a run that are looked at: a user has few accounts, and each few jobs a guild.
const LOOKED_AT: usize = 2_000;

/// What became of a user in one guild.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuildReport {
    /// Roles given; in a dry run, roles that would be.
    pub given: BTreeSet<RoleId>,
    /// Roles taken; in a dry run, roles that would be.
    pub taken: BTreeSet<RoleId>,
    /// Roles that the user's accounts have there now; in a dry run, that they would have.
    pub total_roles: u64,
    /// What went wrong, in words.
    pub errors: Vec<String>,
}

/// What a sync of one user did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserReport {
    /// Guilds that were looked at.
    pub guilds: BTreeMap<GuildId, GuildReport>,
    /// Accounts that were looked at.
    pub accounts: BTreeSet<DiscordId>,
    /// Of these, those with an error.
    pub failed: BTreeSet<DiscordId>,
}

/// What the run did so far.
///
/// # Errors
/// If the store fails.
pub async fn of_run(services: &Services, run: RunId) -> Result<UserReport, StoreError> {
    let filter = JobFilter {
        run_id: Some(run),
        ..JobFilter::default()
    };
    let mut jobs = services.ledger.list(&filter, None, LOOKED_AT).await?;
    // Changes that another run had begun are changes for whoever waited for them, too.
    let awaited: Vec<AwaitJobs> = jobs
        .iter()
        .filter(|job| job.kind == AwaitJobs::KIND)
        .filter_map(|job| serde_json::from_value(job.payload.clone()).ok())
        .collect();
    for id in awaited.into_iter().flat_map(|wait| wait.jobs) {
        jobs.extend(services.ledger.get(id).await?);
    }
    Ok(of_jobs(&jobs))
}

/// The same, from the jobs. Pure.
pub fn of_jobs(jobs: &[Job]) -> UserReport {
    let mut report = UserReport::default();
    let mut totals: BTreeMap<GuildId, i64> = BTreeMap::new();
    for job in jobs {
        let (Some(guild), Some(account)) = (job.subject.guild_id, job.subject.discord_id) else {
            continue;
        };
        report.accounts.insert(account);
        let entry = report.guilds.entry(guild).or_default();
        let errors = errors(job);
        if !errors.is_empty() {
            report.failed.insert(account);
        }
        for error in errors {
            if !entry.errors.contains(&error) {
                entry.errors.push(error);
            }
        }
        let Some(outcome) = &job.outcome else { continue };
        entry.given.extend(&outcome.given);
        entry.taken.extend(&outcome.taken);
        // Lists come newest first, so a change may be met before the plan that counted what was there.
        let had = outcome.counts.get(counts::ROLES).copied().unwrap_or(0);
        *totals.entry(guild).or_default() += signed(had + outcome.given.len() as u64);
        *totals.entry(guild).or_default() -= signed(outcome.taken.len() as u64);
    }
    for (guild, total) in totals {
        report.guilds.entry(guild).or_default().total_roles = u64::try_from(total).unwrap_or(0);
    }
    report
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// What a job tells that somebody should mend.
fn errors(job: &Job) -> Vec<String> {
    if job.state == JobState::Discarded {
        return vec![failure_in_words(job)];
    }
    let Some(outcome) = job.outcome.as_ref().filter(|_| job.state == JobState::Completed) else {
        return Vec::new();
    };
    let mut out: Vec<String> = match outcome.effect {
        Effect::Skipped => outcome.notes.clone(),
        Effect::Applied | Effect::Unchanged => {
            let told = outcome.notes.iter();
            told.filter(|n| n.contains(counts::CANNOT_BE_MOVED))
                .cloned()
                .collect()
        }
    };
    if job.kind == SyncMember::KIND {
        out.extend(undecided(outcome).map(ToOwned::to_owned));
    }
    out
}

/// Why a plan came to nothing although something may be wanted.
fn undecided(outcome: &Outcome) -> Option<&'static str> {
    if outcome.reason.as_deref() == Some("directory_unknown") {
        return Some("the directory does not know this user, so nothing was decided");
    }
    let absent = format!("{}not_a_member", counts::SKIPPED);
    let wanted = outcome.counts.contains_key(counts::LINKED);
    (wanted && outcome.counts.contains_key(&absent)).then_some(
        "the user is not in this guild and cannot be joined to it: no token that allows it is stored; let them \
         link the account again, or join by an invite",
    )
}

#[cfg(test)]
mod tests {
    use rolecall_core::cause::Cause;
    use rolecall_core::job::{Attempt, Lane, Subject};
    use rolecall_core::{JobId, Timestamp};

    use super::*;

    fn role(n: u64) -> RoleId {
        RoleId::new(n).unwrap()
    }

    fn guild(n: u64) -> GuildId {
        GuildId::new(n).unwrap()
    }

    fn job(kind: &str, in_guild: u64, state: JobState, outcome: Option<Outcome>) -> Job {
        Job {
            id: JobId(uuid::Uuid::from_u128(1)),
            kind: kind.to_owned(),
            version: 1,
            payload: serde_json::Value::Null,
            lane: Lane::Interactive,
            state,
            run_at: Timestamp(0),
            attempt: 1,
            max_attempts: 1,
            crashes: 0,
            snoozes: 0,
            fence: 1,
            lease: None,
            unique_key: None,
            concurrency: None,
            run_id: None,
            parent_id: None,
            subject: Subject {
                guild_id: Some(guild(in_guild)),
                discord_id: DiscordId::new(9),
                ..Subject::default()
            },
            cause: Cause::new("user:ada", "a test"),
            trace: None,
            attempts: Vec::new(),
            outcome,
            fingerprint: None,
            cancel_by: None,
            redriven_at: None,
            waits: Vec::new(),
            progress: None,
            inserted_at: Timestamp(0),
            sent_at: None,
            finished_at: None,
        }
    }

    fn done(kind: &str, in_guild: u64, outcome: Outcome) -> Job {
        job(kind, in_guild, JobState::Completed, Some(outcome))
    }

    fn planned(had: u64) -> Outcome {
        let mut outcome = Outcome::of(Effect::Applied);
        outcome.count(counts::LINKED, 1);
        outcome.count(counts::ROLES, had);
        outcome
    }

    #[test]
    fn each_guild_has_the_roles_that_moved_there_and_how_many_there_are_now() {
        // Newest first, as a list is.
        let report = of_jobs(&[
            done("remove_role", 1, Outcome::moved([].into(), [role(7)].into())),
            done(
                "set_member_roles",
                1,
                Outcome::moved([role(5), role(6)].into(), [].into()),
            ),
            done("sync_member", 1, planned(4)),
            done("sync_member", 2, Outcome::skipped("no_active_mappings")),
        ]);
        let first = &report.guilds[&guild(1)];
        assert_eq!(first.given, [role(5), role(6)].into());
        assert_eq!((&first.taken, first.total_roles), (&[role(7)].into(), 5));
        assert_eq!(report.guilds[&guild(2)], GuildReport::default());
        assert_eq!((report.accounts.len(), report.failed.len()), (1, 0));
    }

    #[test]
    fn what_somebody_has_to_mend_is_an_error_of_its_guild_and_the_rest_is_none() {
        let mut failed = job("add_role", 1, JobState::Discarded, None);
        failed.attempts = vec![Attempt {
            number: 1,
            worker: "w".to_owned(),
            started_at: Timestamp(0),
            ended_at: Timestamp(0),
            result: "discarded".to_owned(),
            error_class: None,
            error_code: None,
            message: Some("Missing Permissions".to_owned()),
            remedy: Some("Move the bot's role up.".to_owned()),
            http_status: None,
            discord_code: None,
            route: None,
        }];
        let blocked = planned(0).with_note(format!("Pilot {}: role_above_bot", counts::CANNOT_BE_MOVED));
        let mut absent = planned(0);
        absent.count("skipped.not_a_member", 1);
        let scope = Outcome::skipped("scope_missing").with_note("the person did not grant guilds.join");
        let jobs = [
            failed,
            done("sync_member", 2, blocked),
            done("sync_member", 3, absent),
            done("sync_member", 4, Outcome::skipped("directory_unknown")),
            done("join_guild", 5, scope),
            done("add_role", 6, Outcome::skipped("superseded")),
            done(
                "sync_member",
                7,
                planned(1).with_note("user ada (account 9): +Pilot"),
            ),
            job("add_role", 8, JobState::Retryable, None),
        ];
        let report = of_jobs(&jobs);
        let errors = |n: u64| report.guilds[&guild(n)].errors.len();
        assert_eq!([1, 2, 3, 4, 5, 6, 7, 8].map(errors), [1, 1, 1, 1, 1, 0, 0, 0]);
        let told = &report.guilds[&guild(1)].errors[0];
        assert_eq!(told, "add_role: Missing Permissions. Move the bot's role up.");
        assert_eq!(report.failed, report.accounts);
    }

    #[test]
    fn what_is_said_twice_is_told_once() {
        let note = || Outcome::skipped("needs_consent").with_note("consent was withdrawn");
        let report = of_jobs(&[done("join_guild", 1, note()), done("join_guild", 1, note())]);
        assert_eq!(report.guilds[&guild(1)].errors, ["consent was withdrawn"]);
    }
}
