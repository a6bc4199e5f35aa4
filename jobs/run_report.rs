//! What a run did in a guild, told to the guild's audit channel.

use rolecall_core::error::JobError;
use rolecall_core::guild::GuildConfig;
use rolecall_core::job::{Job as Record, JobState};
use rolecall_core::ports::{JobCursor, JobFilter};
use rolecall_core::run::{Run, RunResults};
use rolecall_core::{GuildId, JobId, RunId};

use crate::kernel::context::Context;
use crate::kernel::services::Services;
use crate::notify_channel::NotifyChannel;

/// Jobs read at once.
const PAGE: usize = 1_000;

/// What a run changed in one guild.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changed {
    /// Roles given.
    pub granted: u64,
    /// Roles taken.
    pub revoked: u64,
    /// People joined.
    pub joined: u64,
    /// Jobs that failed.
    pub failed: u64,
}

impl Changed {
    /// Adds what these jobs did. Pure.
    pub fn add(&mut self, jobs: &[Record]) {
        for job in jobs {
            if job.state == JobState::Discarded {
                self.failed += 1;
            }
            let Some(outcome) = &job.outcome else { continue };
            self.granted += u64::from(outcome.granted);
            self.revoked += u64::from(outcome.revoked);
            self.joined += outcome.counts.get("joined").copied().unwrap_or(0);
        }
    }

    fn is_nothing(self) -> bool {
        self.granted + self.revoked + self.joined == 0
    }
}

/// The message. Names no person.
pub fn message(run: &Run, guild: &str, changed: Changed) -> String {
    let mut text = format!(
        "Role sync of {guild}: {} roles given, {} taken",
        changed.granted, changed.revoked
    );
    if changed.joined > 0 {
        text.push_str(&format!(", {} people joined", changed.joined));
    }
    if changed.failed > 0 {
        text.push_str(&format!(", {} jobs failed", changed.failed));
    }
    format!("{text} (asked for by {}; run {}).", run.cause.actor, run.id)
}

/// Stores one message for each guild with an audit channel in which the run changed something. The message's id is
/// derived from the run, so that it is told once.
///
/// # Errors
/// If the store fails.
pub async fn tell_channels(context: &Context, run: RunId, results: &RunResults) -> Result<(), JobError> {
    if results.roles_added + results.roles_removed + results.joined == 0 {
        return Ok(());
    }
    let services = &context.services;
    let Some(run) = services.runs.get(run).await? else {
        return Ok(());
    };
    let scope = &run.scope.guilds;
    let mut messages = Vec::new();
    for guild in services.guilds.list().await? {
        let GuildConfig { guild_id, .. } = guild;
        let Some(channel_id) = guild.settings.audit_channel_id else {
            continue;
        };
        if !guild.is_enabled || !(scope.is_empty() || scope.contains(&guild_id)) {
            continue;
        }
        let changed = changed(services, run.id, guild_id).await?;
        if changed.is_nothing() {
            continue;
        }
        let job = NotifyChannel {
            guild_id,
            channel_id,
            content: message(&run, &guild.guild_name, changed),
            endpoint_id: None,
        };
        let mut told = context
            .follow_up("", &job)
            .with_id(JobId(run.id.child(&format!("audit:{guild_id}"))));
        // It tells of the run and is no part of it: a message that fails makes no run partial.
        told.0.run_id = None;
        messages.push(told);
    }
    if !messages.is_empty() {
        context.insert(messages).await?;
    }
    Ok(())
}

async fn changed(services: &Services, run: RunId, guild: GuildId) -> Result<Changed, JobError> {
    let filter = JobFilter {
        run_id: Some(run),
        guild_id: Some(guild),
        states: vec![JobState::Completed, JobState::Discarded],
        ..JobFilter::default()
    };
    let mut sum = Changed::default();
    let mut after = None;
    loop {
        let jobs = services.ledger.list(&filter, after, PAGE).await?;
        sum.add(&jobs);
        after = jobs.last().map(|j| JobCursor {
            inserted_at: j.inserted_at,
            id: j.id,
        });
        if jobs.len() < PAGE {
            return Ok(sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use rolecall_core::Timestamp;
    use rolecall_core::cause::Cause;
    use rolecall_core::run::{RunKind, RunState, Scope};

    use super::*;

    #[test]
    fn the_message_tells_the_numbers_the_actor_and_the_run() {
        let run = Run {
            id: RunId("019a2c8e-5b1d-7c3a-9f00-0123456789ab".parse().unwrap()),
            kind: RunKind::Full,
            scope: Scope::default(),
            dry_run: false,
            state: RunState::Running,
            cause: Cause::new("schedule:discord_role_sync", "tick 1"),
            started_at: Timestamp(0),
            finished_at: None,
            results: None,
        };
        let changed = Changed {
            granted: 3,
            revoked: 1,
            ..Changed::default()
        };
        let text = message(&run, "Corp", changed);
        assert_eq!(
            text,
            "Role sync of Corp: 3 roles given, 1 taken (asked for by schedule:discord_role_sync; run \
             019a2c8e-5b1d-7c3a-9f00-0123456789ab)."
        );
    }
}
