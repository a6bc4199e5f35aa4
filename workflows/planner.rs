//! Turns the differences of a guild's members into jobs: additions at once, removals when the guard has seen all. In a
//! guild whose changes are capped, all of them wait, because only the whole plan tells which go first.

use std::collections::BTreeSet;

use rolecall_core::cap::{self, Change};
use rolecall_core::desired::Desired;
use rolecall_core::event::Occasion;
use rolecall_core::guard::{self, Limits, Removals};
use rolecall_core::guild::GuildInfo;
use rolecall_core::hierarchy::{BotStanding, obstacle};
use rolecall_core::outcome::Outcome;
use rolecall_core::plan::{self, Diff, Lanes, Operation};
use rolecall_core::run::counts;
use rolecall_core::{DiscordId, RoleId, Timestamp, UserId};
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
    /// Members whose changes wait until the whole plan was seen.
    waiting: Vec<(Target, Diff)>,
    /// Joins that wait for the same, with the priority of their highest role.
    joining: Vec<(i32, Target)>,
    /// Only this role is looked at (a sync of one mapping).
    pub only: Option<RoleId>,
    /// Whether the outcome names the roles that a dry run would move: the plan is of one member.
    pub names_roles: bool,
    /// What operators are told, if the removals were held.
    pub held: Option<Occasion>,
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
            waiting: Vec::new(),
            joining: Vec::new(),
            only: None,
            names_roles: false,
            held: None,
            outcome: Outcome::unchanged(),
        }
    }

    fn target(&self, user: &UserId, account: DiscordId) -> Target {
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
        account: DiscordId,
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
        let target = self.target(user, account);
        if diff.remove.is_empty() && self.cap().is_none() {
            self.planned(&target, &diff);
            return self.jobs(&target, diff, Some((held, read_at)));
        }
        self.removals.losing += u64::from(!diff.remove.is_empty());
        self.waiting.push((target, diff));
        Vec::new()
    }

    /// How many changes the guild's setting lets through.
    fn cap(&self) -> Option<u32> {
        self.guild.config.settings.max_role_changes_per_sync
    }

    fn planned(&mut self, target: &Target, diff: &Diff) {
        self.outcome.count(counts::PLANNED_ADDS, diff.add.len() as u64);
        self.outcome
            .count(counts::PLANNED_REMOVES, diff.remove.len() as u64);
        if self.dry_run && !diff.is_empty() {
            if self.names_roles {
                self.outcome.given.extend(&diff.add);
                self.outcome.taken.extend(&diff.remove);
            }
            self.preview(target, diff);
        }
    }

    /// A linked account that should be in the guild, and is not.
    pub fn absent(
        &mut self,
        user: &UserId,
        account: DiscordId,
        can_join: bool,
        desired: &Desired,
    ) -> Option<Enqueue> {
        if !self.guild.config.settings.sync_on_join {
            self.skipped("joins_off");
            return None;
        }
        if !can_join {
            self.skipped("not_a_member");
            return None;
        }
        let target = self.target(user, account);
        if self.cap().is_none() {
            return self.join(target);
        }
        let rules = &self.guild.rules;
        let priority = desired.wanted.keys().map(|r| rules.priority(*r)).max();
        self.joining.push((priority.unwrap_or(0), target));
        None
    }

    fn join(&mut self, target: Target) -> Option<Enqueue> {
        self.outcome.count(counts::PLANNED_JOINS, 1);
        if self.dry_run {
            self.note(format!(
                "join user {} (account {})",
                target.user_id, target.discord_id
            ));
            return None;
        }
        let account = target.discord_id;
        let job = JoinGuild { target };
        Some(self.context.follow_up(&format!("join:{account}"), &job))
    }

    /// Something that was left alone.
    pub fn skipped(&mut self, reason: &str) {
        self.outcome.count(&format!("{}{reason}", counts::SKIPPED), 1);
    }

    /// The jobs for what waited: removals if the guard lets them pass, and no more changes than the cap lets through.
    pub fn finish(&mut self, limits: Limits, allowed: bool) -> Vec<Enqueue> {
        let held = if allowed {
            None
        } else {
            guard::held(self.removals, limits)
        };
        if let Some(why) = &held {
            let n: usize = self.waiting.iter().map(|(_, d)| d.remove.len()).sum();
            self.outcome.count(counts::HELD, n as u64);
            let guild = self.guild.config.guild_id;
            let line = format!(
                "held: in guild {guild} {why}; nothing was taken. Look at it with `rolecall sync --guild {guild} \
                 --dry-run --wait`, then let it pass with `rolecall sync --guild {guild} --allow-removals`"
            );
            tracing::warn!(guild.id = %guild, "discord_sync: {line}");
            self.outcome.notes.push(line);
            if !self.dry_run {
                self.held = Some(Occasion::RunHeld {
                    run_id: self.context.run_id,
                    job_id: self.context.job_id,
                    guild_id: guild,
                    removals: n as u64,
                    why: why.to_string(),
                });
            }
        }
        if let Some(max) = self.cap() {
            self.cut(max, held.is_some());
        }
        let mut jobs = Vec::new();
        for (_, target) in std::mem::take(&mut self.joining) {
            jobs.extend(self.join(target));
        }
        for (target, mut diff) in std::mem::take(&mut self.waiting) {
            self.planned(&target, &diff);
            if held.is_some() {
                diff.remove.clear();
            }
            jobs.extend(self.jobs(&target, diff, None));
        }
        jobs
    }

    /// Leaves what goes over the cap for the next sync. Removals that are held are not made, and so use up nothing.
    fn cut(&mut self, max: u32, held: bool) {
        let rules = &self.guild.rules;
        let mut changes: Vec<(i32, Change)> = Vec::new();
        for (priority, target) in &self.joining {
            changes.push((*priority, Change::Join(target.discord_id)));
        }
        for (target, diff) in &self.waiting {
            let account = target.discord_id;
            let add = diff.add.iter();
            changes.extend(add.map(|r| (rules.priority(*r), Change::Add(account, *r))));
            let remove = diff.remove.iter().filter(|_| !held);
            changes.extend(remove.map(|r| (rules.priority(*r), Change::Remove(account, *r))));
        }
        let all = changes.len();
        let kept = cap::first(changes, max);
        let left = all - kept.len();
        if left == 0 {
            return;
        }
        self.joining
            .retain(|(_, target)| kept.contains(&Change::Join(target.discord_id)));
        for (target, diff) in &mut self.waiting {
            let account = target.discord_id;
            diff.add.retain(|r| kept.contains(&Change::Add(account, *r)));
            diff.remove
                .retain(|r| held || kept.contains(&Change::Remove(account, *r)));
        }
        self.outcome.count(counts::CAPPED, left as u64);
        self.outcome.notes.push(format!(
            "capped: {left} of {all} changes in guild {} were left for the next sync, because its \
             max_role_changes_per_sync is {max}",
            self.guild.config.guild_id
        ));
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
