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
