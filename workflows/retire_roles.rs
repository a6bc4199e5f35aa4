//! Takes roles from everybody who has them, because the mappings or the guild that gave them were removed: one job a
//! member.
//!
//! Members are read in pages of 1,000; those who are linked, no bots, and have one of the roles lose it. An administrator
//! named what was to end, so neither the guard nor a guild's cap applies. Roles that an active mapping names now are left
//! to the sync.
//!
//! The job is stored before the change that it follows. Where it comes too early, it waits for the change; where a
//! process died before it removed a guild, it removes it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rolecall_core::cost::Calls;
use rolecall_core::error::JobError;
use rolecall_core::guild::{GuildInfo, Member};
use rolecall_core::hierarchy::{BotStanding, obstacle};
use rolecall_core::job::Subject;
use rolecall_core::link::ActiveLink;
use rolecall_core::mapping::Mapping;
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::ports::MEMBER_PAGE;
use rolecall_core::retire::{is_unwritten, unnamed};
use rolecall_core::run::counts;
use rolecall_core::{DiscordId, GuildId, RoleId, Timestamp};
use rolecall_jobs::forget_guild::ForgetGuild;
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::guilds::{NotReady, ReadyGuild};
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::members::Target;
use rolecall_jobs::kernel::queue::Enqueue;
use rolecall_jobs::kernel::taking::name;
use rolecall_jobs::take_retired_roles::TakeRetiredRoles;
use serde::{Deserialize, Serialize};

use crate::sync_guild::{READ_PATIENCE, doubted};

/// A change that is not written so long after it was asked for is not going to be.
const WRITTEN_WITHIN: Duration = Duration::from_secs(60);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Removed {
    /// A mapping was removed, switched off or turned to another role. How it was before.
    Mapping(Box<Mapping>),
    /// The guild.
    Guild,
}

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RetireRoles {
    /// The guild.
    pub guild_id: GuildId,
    /// The roles.
    pub roles: BTreeSet<RoleId>,
    /// What gave them.
    pub removed: Removed,
    /// When it was asked for.
    pub asked_at: Timestamp,
}

impl Job for RetireRoles {
    const KIND: &'static str = "retire_roles";
    /// As [`crate::sync_guild::SyncGuild`]'s.
    const TIMEOUT: Duration = Duration::from_secs(30 * 60);
    const CALLS: Calls = Calls {
        others: 1,
        looks_at_guild: true,
        open_ended: true,
        ..Calls::NONE
    };

    fn subject(&self) -> Subject {
        Subject {
            guild_id: Some(self.guild_id),
            ..Subject::default()
        }
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        if !self.is_written(context).await? {
            let late = context.services.clock.now() >= self.asked_at + WRITTEN_WITHIN;
            if late {
                return Ok(Outcome::skipped("change_not_written"));
            }
            let sentence = "waits until the change that it follows is written";
            return Err(JobError::wait("change_not_written", LOOK_EVERY, sentence));
        }
        // Read now: the change may be younger than this job, and than what is kept of the guild.
        let services = &context.services;
        let read = services.leaving_guild(self.guild_id, services.clock.now());
        let outcome = match read.await {
            Ok(guild) => self.plan(context, &guild).await?,
            Err(NotReady::Skip(reason)) => Outcome::skipped(reason),
            Err(NotReady::Failed(error)) => return Err(error),
        };
        if matches!(self.removed, Removed::Guild) {
            let forget = ForgetGuild {
                guild_id: self.guild_id,
            };
            context.insert(vec![context.follow_up("forget", &forget)]).await?;
        }
        Ok(outcome)
    }
}

impl RetireRoles {
    /// Whether the change is made. A guild that is noted as removed by this very run, and still there, is removed here.
    async fn is_written(&self, context: &Context) -> Result<bool, JobError> {
        let services = &context.services;
        let before = match &self.removed {
            Removed::Mapping(before) => before,
            Removed::Guild => {
                let stored = services.guilds.get(self.guild_id).await?;
                // One that was added later is another one.
                if stored.is_none_or(|g| g.created_at > self.asked_at) {
                    return Ok(true);
                }
                let noted = services.retired_guilds.get(self.guild_id).await?;
                if noted.is_none_or(|r| Some(r.run_id) != context.run_id) {
                    return Ok(false);
                }
                services.guilds.remove(self.guild_id).await?;
                services.cache.forget(self.guild_id);
                return Ok(true);
            }
        };
        let stored = services.mappings.get(&before.id).await?;
        Ok(!is_unwritten(before, stored.as_ref()))
    }

    async fn plan(&self, context: &Context, guild: &ReadyGuild) -> Result<Outcome, JobError> {
        let services = &context.services;
        let roles = unnamed(&self.roles, &guild.rules);
        if roles.is_empty() {
            return Ok(Outcome::skipped("superseded"));
        }
        let options = context.call(None)?;
        let info = services
            .read_info(guild, &options)
            .await
            .map_err(|e| doubted(e, context.attempt))?;
        let standing = services.standing(guild, &options).await?;
        let links = services.links.active().await?;
        let mut planner = Planner {
            context,
            guild_id: self.guild_id,
            roles: &roles,
            links: links.into_iter().map(|l| (l.discord_id, l)).collect(),
            info: &info,
            standing: standing.as_ref(),
            counts_members: guild.rules.is_empty(),
            outcome: Outcome::unchanged(),
        };
        planner.count(counts::GUILDS, 1);
        let mut after = None;
        loop {
            let mut options = context.call(None)?;
            options.patience = READ_PATIENCE;
            let page = services
                .discord
                .members(&guild.token, self.guild_id, after, &options)
                .await?;
            after = page.iter().map(|m| m.id).max().or(after);
            let last = page.len() < MEMBER_PAGE;
            planner.count(counts::MEMBERS, page.len() as u64);
            let jobs = page.iter().filter_map(|m| planner.member(m)).collect();
            context.insert(jobs).await?;
            if last {
                break;
            }
        }
        let mut outcome = planner.outcome;
        if outcome.counts.contains_key(counts::PLANNED_REMOVES) {
            outcome.effect = Effect::Applied;
        }
        Ok(outcome)
    }
}

/// Finds out who loses what.
struct Planner<'a> {
    context: &'a Context,
    guild_id: GuildId,
    roles: &'a BTreeSet<RoleId>,
    links: BTreeMap<DiscordId, ActiveLink>,
    info: &'a GuildInfo,
    standing: Option<&'a BotStanding>,
    /// The sync of the same run counts the guild and its members, unless it has nothing to sync.
    counts_members: bool,
    outcome: Outcome,
}

impl Planner<'_> {
    fn count(&mut self, name: &str, n: u64) {
        if self.counts_members {
            self.outcome.count(name, n);
        }
    }

    fn member(&mut self, member: &Member) -> Option<Enqueue> {
        let user_id = self.links.get(&member.id)?.user_id.clone();
        if member.bot {
            return None;
        }
        self.count(counts::LINKED, 1);
        let held: BTreeSet<RoleId> = member.roles.iter().copied().collect();
        let mut take = BTreeSet::new();
        for role in held.intersection(self.roles) {
            match obstacle(self.info, self.standing, *role) {
                None => drop(take.insert(*role)),
                Some(why) => {
                    let reason = format!("{}{}", counts::SKIPPED, why.as_str());
                    self.outcome.count(&reason, 1);
                    let line = format!(
                        "{} {}: {}. {}",
                        name(self.info, *role),
                        counts::CANNOT_BE_MOVED,
                        why.as_str(),
                        why.remedy()
                    );
                    if !self.outcome.notes.contains(&line) {
                        self.outcome.notes.push(line);
                    }
                }
            }
        }
        if take.is_empty() {
            if held.is_disjoint(self.roles) {
                self.count(counts::UNCHANGED, 1);
            }
            return None;
        }
        self.outcome.count(counts::PLANNED_REMOVES, take.len() as u64);
        let job = TakeRetiredRoles {
            target: Target {
                guild_id: self.guild_id,
                user_id,
                discord_id: member.id,
            },
            roles: take,
            again: false,
        };
        Some(self.context.follow_up(&format!("take:{}", member.id), &job))
    }
}
