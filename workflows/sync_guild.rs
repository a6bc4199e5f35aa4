//! Plans one guild and makes one job a write.
//!
//! Members are read in pages of 1,000, the directory once a page for all linked users of it. Additions are stored page
//! by page; removals when the guard has seen the whole plan. A crash repeats the plan; the ids of the jobs are derived
//! from this job's, so what was stored stays as it is. Any read that fails fails the guild, and nothing is taken.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rolecall_core::cost::Calls;
use rolecall_core::error::{ErrorClass, JobError};
use rolecall_core::event::Event;
use rolecall_core::guild::Member;
use rolecall_core::job::Subject;
use rolecall_core::link::ActiveLink;
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::ports::{CallError, CallFailure, MEMBER_PAGE};
use rolecall_core::run::counts;
use rolecall_core::{DiscordId, GuildId, MappingId, RoleId, UserId};
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::events;
use rolecall_jobs::kernel::fault::{self, Point};
use rolecall_jobs::kernel::guilds::{NotReady, ReadyGuild};
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::queue::Enqueue;
use serde::{Deserialize, Serialize};

use crate::planner::Planner;
use crate::turnover;

/// Users asked of the directory at once.
const DIRECTORY_BATCH: usize = 1_000;
/// Pages come at 1,000 members a second, in bursts of ten (observed). The plan of a big guild waits for its next burst
/// in its slot: put off, it would begin anew and never end.
pub(crate) const READ_PATIENCE: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SyncGuild {
    /// The guild.
    pub guild_id: GuildId,
    /// Only the role of this mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<MappingId>,
    /// Plan only.
    #[serde(default)]
    pub dry_run: bool,
    /// Let removals pass the guard.
    #[serde(default)]
    pub allow_removals: bool,
}

impl Job for SyncGuild {
    const KIND: &'static str = "sync_guild";
    /// Tried for about nine minutes: less than the usual interval, and longer than most outages.
    const MAX_ATTEMPTS: u32 = 10;
    /// As the original's schedule promised.
    const TIMEOUT: Duration = Duration::from_secs(30 * 60);
    const CALLS: Calls = Calls {
        others: 1,
        looks_at_guild: true,
        open_ended: true,
        ..Calls::NONE
    };

    fn concurrency_key(&self) -> Option<String> {
        Some(format!("sync_guild:{}", self.guild_id))
    }

    fn subject(&self) -> Subject {
        Subject {
            guild_id: Some(self.guild_id),
            ..Subject::default()
        }
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let guild = match context
            .services
            .ready_guild(self.guild_id, context.inserted_at)
            .await
        {
            Ok(guild) => guild,
            Err(NotReady::Skip(reason)) => return Ok(Outcome::skipped(reason)),
            Err(NotReady::Failed(error)) => return Err(error),
        };
        if guild.rules.is_empty() {
            return Ok(Outcome::skipped("no_active_mappings"));
        }
        let options = context.call(None)?;
        let info = context
            .services
            .read_info(&guild, &options)
            .await
            .map_err(|e| doubted(e, context.attempt))?;
        let standing = context.services.standing(&guild, &options).await?;
        let mut planner = Planner::new(context, &guild, &info, standing, self.dry_run);
        planner.only = self.only_role(context).await?;
        planner.outcome.count(counts::GUILDS, 1);
        self.plan(context, &guild, &mut planner).await?;
        let jobs = planner.finish(context.services.settings.guard, self.allow_removals);
        context.insert_or_await(jobs).await?;
        if let Some(occasion) = planner.held.take() {
            let event = Event {
                occasion,
                at: context.services.clock.now(),
            };
            events::tell(&context.services, &context.queue, &event).await?;
        }
        let mut outcome = planner.outcome;
        if outcome.counts.keys().any(|k| k.starts_with("planned_")) && !self.dry_run {
            outcome.effect = Effect::Applied;
        }
        Ok(outcome)
    }
}

/// Discord has said 10004 of guilds that a bot was in (discord/discord-api-docs issue 8445), so it is asked again before it
/// is believed.
pub(crate) fn doubted(error: CallError, attempt: u32) -> JobError {
    let flickers = error.failure == CallFailure::UnknownGuild && attempt < 3;
    let mut out = JobError::from(error);
    if flickers {
        out.class = ErrorClass::Transient;
    }
    out
}

impl SyncGuild {
    async fn only_role(&self, context: &Context) -> Result<Option<RoleId>, JobError> {
        let Some(mapping) = &self.mapping else {
            return Ok(None);
        };
        let found = context.services.mappings.get(mapping).await?;
        Ok(found.map(|m| m.role_id))
    }

    async fn plan(
        &self,
        context: &Context,
        guild: &ReadyGuild,
        planner: &mut Planner<'_>,
    ) -> Result<(), JobError> {
        let links = context.services.links.active().await?;
        let mut absent: BTreeMap<DiscordId, ActiveLink> =
            links.into_iter().map(|l| (l.discord_id, l)).collect();
        let mut count = turnover::begin(&context.services, self.guild_id).await?;
        let mut after = None;
        loop {
            let mut options = context.call(None)?;
            options.patience = READ_PATIENCE;
            let page = context
                .services
                .discord
                .members(&guild.token, self.guild_id, after, &options)
                .await?;
            let read_at = context.services.clock.now();
            planner.outcome.count(counts::MEMBERS, page.len() as u64);
            page.iter().for_each(|m| count.member(m.joined_at));
            after = page.iter().map(|m| m.id).max().or(after);
            let last = page.len() < MEMBER_PAGE;
            let linked: Vec<(Member, ActiveLink)> = page
                .into_iter()
                .filter(|m| !m.bot)
                .filter_map(|m| absent.remove(&m.id).map(|link| (m, link)))
                .collect();
            let jobs = plan_page(context, guild, planner, &linked, read_at).await?;
            context.insert_or_await(jobs).await?;
            fault::pass(Point::K10, Self::KIND);
            if last {
                break;
            }
        }
        turnover::end(&count, &mut planner.outcome);
        let absent: Vec<ActiveLink> = absent.into_values().collect();
        for some in absent.chunks(DIRECTORY_BATCH) {
            let jobs = plan_absent(context, guild, planner, some).await?;
            context.insert_or_await(jobs).await?;
        }
        Ok(())
    }
}

async fn plan_page(
    context: &Context,
    guild: &ReadyGuild,
    planner: &mut Planner<'_>,
    linked: &[(Member, ActiveLink)],
    read_at: rolecall_core::Timestamp,
) -> Result<Vec<Enqueue>, JobError> {
    if linked.is_empty() {
        return Ok(Vec::new());
    }
    let users: Vec<UserId> = linked.iter().map(|(_, l)| l.user_id.clone()).collect();
    let facts = context.services.directory.facts_of(&users).await?;
    let mut jobs = Vec::new();
    for (member, link) in linked {
        let Some(facts) = facts.get(&link.user_id) else {
            planner.skipped("directory_unknown");
            continue;
        };
        let held: BTreeSet<RoleId> = member.roles.iter().copied().collect();
        jobs.extend(planner.member(
            &link.user_id,
            member.id,
            &held,
            &guild.rules.desired(facts),
            read_at,
        ));
    }
    Ok(jobs)
}

async fn plan_absent(
    context: &Context,
    guild: &ReadyGuild,
    planner: &mut Planner<'_>,
    absent: &[ActiveLink],
) -> Result<Vec<Enqueue>, JobError> {
    let users: Vec<UserId> = absent.iter().map(|l| l.user_id.clone()).collect();
    let facts = context.services.directory.facts_of(&users).await?;
    let mut jobs = Vec::new();
    for link in absent {
        let Some(facts) = facts.get(&link.user_id) else {
            continue;
        };
        let desired = guild.rules.desired(facts);
        if !desired.wanted.is_empty() {
            jobs.extend(planner.absent(&link.user_id, link.discord_id, link.can_join, &desired));
        }
    }
    Ok(jobs)
}
