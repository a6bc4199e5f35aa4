//! Everything that is stored about one user, in one document: for the user, and for the operator who is asked for it.
//!
//! Tokens are no part of it, and nothing about anybody else: of acts of others it says that somebody else did them.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::account::LinkedAccount;
use rolecall_core::audit::{AuditFilter, AuditRecord};
use rolecall_core::error::StoreError;
use rolecall_core::explain::{Fate, Names, explain};
use rolecall_core::job::Job;
use rolecall_core::ports::{AccountFilter, JobFilter};
use rolecall_core::run::Run;
use rolecall_core::{DiscordId, RunId, Timestamp, UserId};
use rolecall_jobs::kernel::audit;
use rolecall_jobs::kernel::services::Services;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Of each kind, so many of the newest.
const MOST: usize = 1_000;
/// Runs, which are looked up one by one.
const RUNS_MOST: usize = 200;

/// Everything that is stored about one user.
#[derive(Debug, Serialize, ToSchema)]
pub struct Export {
    /// The application's user.
    pub user_id: String,
    /// When this was put together.
    pub exported_at: String,
    /// Linked accounts, also those that are not active.
    pub accounts: Vec<AccountExport>,
    /// Groups, by name. `null`: the directory does not know the user.
    pub groups: Option<Vec<String>>,
    /// Roles that the user should have, and the groups that give them.
    pub roles: Vec<RoleExport>,
    /// What was done with the accounts, the newest first (at most 1000 an account).
    pub audit: Vec<AuditExport>,
    /// Jobs about the user or an account of theirs, the newest first (at most 1000 each).
    pub jobs: Vec<JobExport>,
    /// Runs that these jobs are of (at most 200).
    pub runs: Vec<RunExport>,
}

/// A linked account.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountExport {
    /// The account.
    pub discord_id: String,
    /// Its name.
    pub username: String,
    /// The name it shows.
    pub global_name: Option<String>,
    /// Hash of its picture.
    pub avatar: Option<String>,
    /// What was granted.
    pub scopes: Vec<String>,
    /// Guilds it was in when it was linked: id and name.
    pub guilds: BTreeMap<String, String>,
    /// Whether the link counts.
    pub is_active: bool,
    /// Whether a new consent is needed before a join.
    pub needs_consent: bool,
    /// When it was linked.
    pub linked_at: String,
    /// When it was last changed.
    pub updated_at: String,
    /// When the stored access token ends; `null`: none is stored.
    pub token_expiry: Option<String>,
    /// When it was last synced.
    pub last_sync: Option<String>,
}

/// A role, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoleExport {
    /// The guild.
    pub guild_id: String,
    /// Its name.
    pub guild_name: String,
    /// The role.
    pub role_id: String,
    /// Its name.
    pub role: String,
    /// Groups whose mappings give it.
    pub because_of_groups: Vec<String>,
}

/// An act.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditExport {
    /// When.
    pub at: String,
    /// Who: the user, a schedule, or `somebody else`.
    pub actor: String,
    /// What.
    pub action: String,
    /// On what.
    pub target: String,
    /// How it was.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// How it became.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobExport {
    /// The job.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Its state.
    pub state: String,
    /// Who caused it: the user, a schedule, or `somebody else`.
    pub caused_by: String,
    /// The guild.
    pub guild_id: Option<String>,
    /// The account.
    pub discord_id: Option<String>,
    /// The role.
    pub role_id: Option<String>,
    /// When it was stored.
    pub inserted_at: String,
    /// When it ended.
    pub finished_at: Option<String>,
}

/// A run.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunExport {
    /// The run.
    pub id: String,
    /// What it covers: `full`, `guild`, `user` or `mapping`.
    pub kind: String,
    /// Its state.
    pub state: String,
    /// Who caused it: the user, a schedule, or `somebody else`.
    pub caused_by: String,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    pub finished_at: Option<String>,
}

/// Puts the document together.
///
/// # Errors
/// If the store or the directory does not answer: an export is whole or none.
pub async fn of_user(services: &Services, user: &UserId) -> Result<Export, StoreError> {
    let filter = AccountFilter {
        user_id: Some(user.clone()),
        ..AccountFilter::default()
    };
    let (accounts, _) = services.accounts.list(&filter, 0, MOST).await?;
    let jobs = jobs_of(services, user, &accounts).await?;
    let runs = runs_of(services, user, &jobs).await?;
    let audit = audit_of(services, user, &accounts, &jobs).await?;
    let (groups, roles) = roles_of(services, user).await?;
    Ok(Export {
        user_id: user.to_string(),
        exported_at: services.clock.now().to_rfc3339(),
        accounts: accounts.into_iter().map(account).collect(),
        groups,
        roles,
        audit,
        jobs: jobs.iter().map(|j| job(j, user)).collect(),
        runs,
    })
}

/// Jobs that name the user, and those that name an account of the user and nobody else.
async fn jobs_of(
    services: &Services,
    user: &UserId,
    accounts: &[LinkedAccount],
) -> Result<Vec<Job>, StoreError> {
    let of_user = JobFilter {
        user_id: Some(user.clone()),
        ..JobFilter::default()
    };
    let mut jobs = services.ledger.list(&of_user, None, MOST).await?;
    for account in accounts {
        let of_account = JobFilter {
            discord_id: Some(account.discord_id),
            ..JobFilter::default()
        };
        let found = services.ledger.list(&of_account, None, MOST).await?;
        // An account may have been somebody else's before.
        jobs.extend(
            found
                .into_iter()
                .filter(|j| j.subject.user_id.is_none() && j.inserted_at >= account.linked_at),
        );
    }
    jobs.sort_by_key(|j| std::cmp::Reverse((j.inserted_at, j.id)));
    Ok(jobs)
}

async fn runs_of(services: &Services, user: &UserId, jobs: &[Job]) -> Result<Vec<RunExport>, StoreError> {
    let ids: BTreeSet<RunId> = jobs.iter().filter_map(|j| j.run_id).collect();
    let mut runs = Vec::new();
    for id in ids.into_iter().rev().take(RUNS_MOST) {
        runs.extend(services.runs.get(id).await?.map(|r| run(&r, user)));
    }
    Ok(runs)
}

/// Records about the accounts: those that are linked, and those that jobs of this user name.
async fn audit_of(
    services: &Services,
    user: &UserId,
    accounts: &[LinkedAccount],
    jobs: &[Job],
) -> Result<Vec<AuditExport>, StoreError> {
    let mut since: BTreeMap<DiscordId, Timestamp> =
        accounts.iter().map(|a| (a.discord_id, a.linked_at)).collect();
    for job in jobs.iter().filter(|j| j.subject.user_id.as_ref() == Some(user)) {
        if let Some(account) = job.subject.discord_id {
            let first = since.entry(account).or_insert(job.inserted_at);
            *first = (*first).min(job.inserted_at);
        }
    }
    let mut out = Vec::new();
    for (account, since) in since {
        let filter = AuditFilter::about(audit::account(account));
        let records = services.audit.list(&filter, None, MOST).await?;
        let own = format!("user:{user}");
        // Before, the account may have been somebody else's.
        out.extend(records.into_iter().filter(|r| r.at >= since || r.actor == own));
    }
    out.sort_by_key(|r| std::cmp::Reverse(r.seq));
    Ok(out.into_iter().map(|r| act(r, user)).collect())
}

async fn roles_of(
    services: &Services,
    user: &UserId,
) -> Result<(Option<Vec<String>>, Vec<RoleExport>), StoreError> {
    let Some(facts) = services
        .directory
        .facts_of(std::slice::from_ref(user))
        .await?
        .remove(user)
    else {
        return Ok((None, Vec::new()));
    };
    let names: Names = services
        .directory
        .groups()
        .await?
        .into_iter()
        .map(|g| (g.id, g.name))
        .collect();
    let mut groups: Vec<String> = facts
        .groups
        .iter()
        .map(|g| names.get(g).cloned().unwrap_or_else(|| g.to_string()))
        .collect();
    groups.sort();
    let mut roles = Vec::new();
    for guild in services.guilds.list().await? {
        let mappings = services.mappings.list(Some(guild.guild_id)).await?;
        let wanted = explain(&mappings, &names, &facts)
            .into_iter()
            .filter(|e| e.fate == Fate::Wanted);
        roles.extend(wanted.map(|e| {
            RoleExport {
                guild_id: guild.guild_id.to_string(),
                guild_name: guild.guild_name.clone(),
                role_id: e.role_id.to_string(),
                role: e.role,
                because_of_groups: e
                    .mappings
                    .into_iter()
                    .filter(|m| m.decision == "grants")
                    .map(|m| m.group)
                    .collect(),
            }
        }));
    }
    Ok((Some(groups), roles))
}

/// Who did something, as the user may know it.
fn actor(actor: &str, user: &UserId) -> String {
    let own = actor.strip_prefix("user:") == Some(user.as_str());
    if own || actor.starts_with("schedule:") {
        actor.to_owned()
    } else {
        "somebody else".to_owned()
    }
}

fn account(account: LinkedAccount) -> AccountExport {
    let profile = account.profile;
    AccountExport {
        discord_id: account.discord_id.to_string(),
        username: profile.username,
        global_name: profile.global_name,
        avatar: profile.avatar,
        scopes: profile.scopes,
        guilds: profile
            .guilds
            .into_iter()
            .map(|g| (g.id.to_string(), g.name))
            .collect(),
        is_active: account.is_active,
        needs_consent: account.needs_consent,
        linked_at: account.linked_at.to_rfc3339(),
        updated_at: account.updated_at.to_rfc3339(),
        token_expiry: account.token_expiry.map(Timestamp::to_rfc3339),
        last_sync: account.last_sync.map(Timestamp::to_rfc3339),
    }
}

fn act(record: AuditRecord, user: &UserId) -> AuditExport {
    AuditExport {
        at: record.at.to_rfc3339(),
        actor: actor(&record.actor, user),
        action: record.action,
        target: record.subject,
        before: record.before,
        after: record.after,
    }
}

fn job(job: &Job, user: &UserId) -> JobExport {
    JobExport {
        id: job.id.to_string(),
        kind: job.kind.clone(),
        state: job.state.to_string(),
        caused_by: actor(&job.cause.actor, user),
        guild_id: job.subject.guild_id.map(|id| id.to_string()),
        discord_id: job.subject.discord_id.map(|id| id.to_string()),
        role_id: job.subject.role_id.map(|id| id.to_string()),
        inserted_at: job.inserted_at.to_rfc3339(),
        finished_at: job.finished_at.map(Timestamp::to_rfc3339),
    }
}

fn run(run: &Run, user: &UserId) -> RunExport {
    RunExport {
        id: run.id.to_string(),
        kind: run.kind.as_str().to_owned(),
        state: run.state.to_string(),
        caused_by: actor(&run.cause.actor, user),
        started_at: run.started_at.to_rfc3339(),
        finished_at: run.finished_at.map(Timestamp::to_rfc3339),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_of_somebody_else_does_not_tell_whose_it_is() {
        let user = UserId("ada".to_owned());
        assert_eq!(actor("user:ada", &user), "user:ada");
        assert_eq!(
            actor("schedule:discord_role_sync", &user),
            "schedule:discord_role_sync"
        );
        for other in ["user:adam", "user:bob", "cli:root", "ada"] {
            assert_eq!(actor(other, &user), "somebody else");
        }
    }
}
