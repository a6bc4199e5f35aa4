//! Turns the differences of a guild's members into jobs: additions at once, removals when the guard has seen all.

use std::collections::BTreeSet;

use rolecall_core::desired::Desired;
use rolecall_core::guard::{self, Limits, Removals};
use rolecall_core::guild::GuildInfo;
use rolecall_core::hierarchy::{BotStanding, obstacle};
use rolecall_core::outcome::Outcome;
use rolecall_core::plan::{self, Diff, Lanes, Operation};
use rolecall_core::run::counts;
use rolecall_core::{RoleId, Timestamp, UserId};
use rolecall_jobs::add_role::AddRole;
use rolecall_jobs::join_guild::JoinGuild;
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::guilds::ReadyGuild;
use rolecall_jobs::kernel::members::Target;
use rolecall_jobs::kernel::queue::Enqueue;
use rolecall_jobs::remove_role::RemoveRole;
use rolecall_jobs::set_member_roles::{Seen, SetMemberRoles};

/// Lines that a dry run shows.
const PREVIEW: usize = 200;

/// Plans one guild.
pub struct Planner<'a> {
    context: &'a Context,
    guild: &'a ReadyGuild,
    info: &'a GuildInfo,
    standing: Option<BotStanding>,
    dry_run: bool,
    lanes: Lanes,
    removals: Removals,
    /// Members who would lose a role, until the guard has seen the whole plan.
    losing: Vec<(Target, Diff)>,
    /// Only this role is looked at (a sync of one mapping).
    pub only: Option<RoleId>,
    /// What was found, for the outcome of the planning job.
    pub outcome: Outcome,
}

impl<'a> Planner<'a> {
    /// A planner for one guild, as it was just read.
    pub fn new(
        context: &'a Context,
        guild: &'a ReadyGuild,
        info: &'a GuildInfo,
        standing: Option<BotStanding>,
        dry_run: bool,
    ) -> Self {
        Self {
            context,
            guild,
            info,
            standing,
            dry_run,
            lanes: Lanes::default(),
            removals: Removals::default(),
            losing: Vec::new(),
            only: None,
            outcome: Outcome::unchanged(),
        }
    }

    fn target(&self, user: &UserId, account: rolecall_core::DiscordId) -> Target {
        Target {
            guild_id: self.guild.config.guild_id,
            user_id: user.clone(),
            discord_id: account,
        }
    }

    /// Looks at one linked member. The jobs that it needs at once come back; removals are kept for [`Self::finish`].
    pub fn member(
        &mut self,
        user: &UserId,
        account: rolecall_core::DiscordId,
        held: &BTreeSet<RoleId>,
        desired: &Desired,
        read_at: Timestamp,
    ) -> Vec<Enqueue> {
        self.removals.linked += 1;
        self.outcome.count(counts::LINKED, 1);
        let mut diff = plan::diff(held, desired, |r| obstacle(self.info, self.standing.as_ref(), r));
        if let Some(only) = self.only {
            diff.add.retain(|r| *r == only);
            diff.remove.retain(|r| *r == only);
            diff.blocked.retain(|r, _| *r == only);
        }
        for (role, why) in &diff.blocked {
            self.outcome
                .count(&format!("{}{}", counts::SKIPPED, why.as_str()), 1);
            let line = format!(
                "{} {}: {}. {}",
                self.guild.role_name(*role),
                counts::CANNOT_BE_MOVED,
                why.as_str(),
                why.remedy()
            );
            if !self.outcome.notes.contains(&line) {
                self.note(line);
            }
        }
        if diff.is_empty() {
            if diff.blocked.is_empty() {
                self.outcome.count(counts::UNCHANGED, 1);
            }
            return Vec::new();
        }
        self.outcome.count(counts::PLANNED_ADDS, diff.add.len() as u64);
        self.outcome
            .count(counts::PLANNED_REMOVES, diff.remove.len() as u64);
        let target = self.target(user, account);
        if self.dry_run {
            self.preview(&target, &diff);
        }
        if diff.remove.is_empty() {
            return self.jobs(&target, diff, Some((held, read_at)));
        }
        self.removals.losing += 1;
        self.losing.push((target, diff));
        Vec::new()
    }

    /// A linked account that should be in the guild, and is not.
    pub fn absent(
        &mut self,
        user: &UserId,
        account: rolecall_core::DiscordId,
        can_join: bool,
    ) -> Option<Enqueue> {
        if !can_join {
            self.outcome.count(&format!("{}not_a_member", counts::SKIPPED), 1);
            return None;
        }
        self.outcome.count(counts::PLANNED_JOINS, 1);
        let target = self.target(user, account);
        if self.dry_run {
            self.note(format!(
                "join user {} (account {})",
                target.user_id, target.discord_id
            ));
            return None;
        }
        let job = JoinGuild { target };
        Some(self.context.follow_up(&format!("join:{account}"), &job))
    }

    /// Something that was left alone.
    pub fn skipped(&mut self, reason: &str) {
        self.outcome.count(&format!("{}{reason}", counts::SKIPPED), 1);
    }

    /// The jobs for the removals, if the guard lets them pass; else only the additions of the same members.
    pub fn finish(&mut self, limits: Limits, allowed: bool) -> Vec<Enqueue> {
        let held = if allowed {
            None
        } else {
            guard::held(self.removals, limits)
        };
        if let Some(why) = &held {
            let n: usize = self.losing.iter().map(|(_, d)| d.remove.len()).sum();
            self.outcome.count(counts::HELD, n as u64);
            let guild = self.guild.config.guild_id;
            let line = format!(
                "held: in guild {guild} {why}; nothing was taken. Look at it with `rolecall sync --guild {guild} \
                 --dry-run --wait`, then let it pass with `rolecall sync --guild {guild} --allow-removals`"
            );
            tracing::warn!(guild.id = %guild, "discord_sync: {line}");
            self.outcome.notes.push(line);
        }
        let mut jobs = Vec::new();
        for (target, mut diff) in std::mem::take(&mut self.losing) {
            if held.is_some() {
                diff.remove.clear();
            }
            jobs.extend(self.jobs(&target, diff, None));
        }
        jobs
    }

    fn jobs(
        &mut self,
        target: &Target,
        diff: Diff,
        seen: Option<(&BTreeSet<RoleId>, Timestamp)>,
    ) -> Vec<Enqueue> {
        if self.dry_run {
            return Vec::new();
        }
        let context = self.context;
        let account = target.discord_id;
        let target = || target.clone();
        self.lanes
            .assign(account, diff)
            .into_iter()
            .map(|operation| match operation {
                Operation::Add(_, role_id) => context.follow_up(
                    &format!("add:{account}:{role_id}"),
                    &AddRole {
                        target: target(),
                        role_id,
                    },
                ),
                Operation::Remove(_, role_id) => context.follow_up(
                    &format!("remove:{account}:{role_id}"),
                    &RemoveRole {
                        target: target(),
                        role_id,
                    },
                ),
                Operation::SetRoles(_, diff) => {
                    let seen = seen.map(|(roles, at)| Seen {
                        roles: roles.clone(),
                        at,
                    });
                    let job = SetMemberRoles {
                        target: target(),
                        add: diff.add,
                        remove: diff.remove,
                        seen,
                    };
                    context.follow_up(&format!("set:{account}"), &job)
                }
            })
            .collect()
    }

    fn preview(&mut self, target: &Target, diff: &Diff) {
        let names = |roles: &BTreeSet<RoleId>, sign: char| {
            roles
                .iter()
                .map(|r| format!("{sign}{}", self.guild.role_name(*r)))
                .collect::<Vec<_>>()
        };
        let changes = [names(&diff.add, '+'), names(&diff.remove, '-')]
            .concat()
            .join(" ");
        self.note(format!(
            "user {} (account {}): {changes}",
            target.user_id, target.discord_id
        ));
    }

    fn note(&mut self, line: String) {
        if self.outcome.notes.len() < PREVIEW {
            self.outcome.notes.push(line);
        } else if self.outcome.notes.len() == PREVIEW {
            self.outcome.notes.push("… and more".to_owned());
        }
    }
}
