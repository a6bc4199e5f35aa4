//! Looks whether what made dead letters of one cause is gone: at Discord, in each of their guilds.

use std::collections::BTreeSet;

use rolecall_core::error::{JobError, StoreError};
use rolecall_core::job::Job;
use rolecall_core::ports::{CallOptions, JobFilter, SplitBy};
use rolecall_core::recheck::{Doubt, Finding, doubt, role};
use rolecall_core::{GuildId, RoleId, query};

use super::dead_letters;
use super::guilds::NotReady;
use super::registry::Registry;
use super::services::Services;

/// Guilds that are looked at.
const GUILDS: usize = 10;
/// Jobs of a guild whose roles or payloads are looked at.
const JOBS: usize = 50;

/// What was found about one guild (or about jobs of none).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The guild.
    pub guild_id: Option<GuildId>,
    /// How many dead letters it has of this cause.
    pub jobs: u64,
    /// Everything that was looked at.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// Whether the cause is gone here, as far as can be seen.
    pub fn is_gone(&self) -> bool {
        !self.findings.is_empty() && self.findings.iter().all(|f| matches!(f, Finding::Gone { .. }))
    }

    /// The query that finds what can run again now.
    pub fn query(&self, fingerprint: &str) -> String {
        query::write(&JobFilter {
            guild_id: self.guild_id,
            ..dead_letters::of(fingerprint)
        })
    }
}

/// Looks. Empty: there is no dead letter of this cause.
///
/// # Errors
/// If the store fails. What Discord says against it is a finding.
pub async fn check(
    services: &Services,
    registry: &Registry,
    fingerprint: &str,
) -> Result<Vec<Checked>, StoreError> {
    let all = dead_letters::of(fingerprint);
    let mut found = Vec::new();
    for share in services.ledger.split(&all, SplitBy::Guild, GUILDS).await? {
        let guild_id: Option<GuildId> = share.value.as_deref().and_then(|id| id.parse().ok());
        let here = JobFilter {
            guild_id,
            ..all.clone()
        };
        let mut jobs = services.ledger.list(&here, None, JOBS).await?;
        jobs.retain(|job| job.subject.guild_id == guild_id);
        found.push(Checked {
            guild_id,
            jobs: share.jobs,
            findings: look(services, registry, guild_id, &jobs).await?,
        });
    }
    Ok(found)
}

async fn look(
    services: &Services,
    registry: &Registry,
    guild: Option<GuildId>,
    jobs: &[Job],
) -> Result<Vec<Finding>, StoreError> {
    let Some(last) = jobs.iter().find_map(|job| job.attempts.last()) else {
        return Ok(Vec::new());
    };
    let unknown = |now: &str| vec![Finding::Unknown { now: now.to_owned() }];
    Ok(match (doubt(last), guild) {
        (Doubt::Payload, _) => jobs.iter().map(|job| payload(registry, job)).collect(),
        (Doubt::Role, Some(guild)) => {
            let roles: BTreeSet<RoleId> = jobs.iter().flat_map(roles_of).collect();
            at_discord(services, guild, Some(roles)).await
        }
        (Doubt::Guild | Doubt::Discord, Some(guild)) => at_discord(services, guild, None).await,
        (Doubt::Role | Doubt::Guild | Doubt::Discord, None) => {
            unknown("These jobs are about no guild, so there is nothing to look at.")
        }
        (Doubt::People, _) => {
            unknown("This is nothing that can be looked at: somebody has to say whether it is mended.")
        }
    })
}

/// The roles that a job is about: its own, or those in its payload.
fn roles_of(job: &Job) -> Vec<RoleId> {
    let of_payload = ["add", "remove", "roles"].iter().flat_map(|field| {
        let listed = job.payload.get(field).and_then(|roles| roles.as_array());
        listed
            .into_iter()
            .flatten()
            .filter_map(|id| id.as_str()?.parse().ok())
    });
    job.subject.role_id.into_iter().chain(of_payload).collect()
}

fn payload(registry: &Registry, job: &Job) -> Finding {
    let Some(kind) = registry.get(&job.kind).filter(|kind| kind.version >= job.version) else {
        return Finding::Still {
            now: format!("This release does not know {} version {}.", job.kind, job.version),
            remedy: "Deploy the release that stored it, or a newer one.".to_owned(),
        };
    };
    match kind.read(&job.payload) {
        Ok(_) => Finding::Gone {
            now: format!("The payload of job {} can be read now.", job.id),
        },
        Err(why) => Finding::Still {
            now: format!("The payload of job {} cannot be read: {why}.", job.id),
            remedy: "Clone the job with the field put right, or leave it discarded.".to_owned(),
        },
    }
}

/// Reads the guild and what the bot is in it, past everything that is kept.
async fn at_discord(services: &Services, id: GuildId, roles: Option<BTreeSet<RoleId>>) -> Vec<Finding> {
    services.cache.forget(id);
    let guild = match services.ready_guild(id, services.clock.now()).await {
        Ok(guild) => guild,
        Err(NotReady::Skip(why)) => {
            let now = format!("Guild {id}: {why}; the jobs would find nothing to do.");
            return vec![Finding::Unknown { now }];
        }
        Err(NotReady::Failed(error)) => return vec![still(&error)],
    };
    let options = CallOptions::default();
    let info = match services.read_info(&guild, &options).await {
        Ok(info) => info,
        Err(error) => return vec![still(&error.into())],
    };
    let bot = match services.read_standing(&guild, &options).await {
        Ok(bot) => bot,
        Err(error) => return vec![still(&error.into())],
    };
    match roles {
        Some(roles) if !roles.is_empty() => roles
            .into_iter()
            .map(|id| role(&info, bot.as_ref(), id))
            .collect(),
        Some(_) => vec![Finding::Unknown {
            now: "The jobs do not say which roles they are about.".to_owned(),
        }],
        None => vec![Finding::Gone {
            now: format!(
                "Discord answers: the bot is in {}, and its token works.",
                info.name
            ),
        }],
    }
}

fn still(error: &JobError) -> Finding {
    Finding::Still {
        now: format!("{}.", error.message.trim_end_matches('.')),
        remedy: error
            .remedy
            .clone()
            .unwrap_or_else(|| "Wait, and look again.".to_owned()),
    }
}
