//! Syncs every enabled guild: one [`SyncGuild`] each, so that one broken guild stops no other. What comes by the clock
//! obeys the guilds' settings; somebody who asks gets all of them.

use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_core::cost::Calls;
use rolecall_core::error::JobError;
use rolecall_core::guild::{GuildConfig, GuildSettings};
use rolecall_core::job::{Job as Record, JobState};
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::ports::JobFilter;
use rolecall_core::run::counts;
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::job::Job;
use serde::{Deserialize, Serialize};

use crate::sync_guild::SyncGuild;

/// So many of a guild's last syncs are looked at to find the last scheduled one.
const LOOKED_AT: usize = 50;
/// A sync that began this much too early for its interval counts as in time: ticks do not begin at the second.
const TOLERANCE: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SyncAll {
    /// Plan only.
    #[serde(default)]
    pub dry_run: bool,
    /// Let removals pass the guard.
    #[serde(default)]
    pub allow_removals: bool,
}

impl Job for SyncAll {
    const KIND: &'static str = "sync_all";
    const CALLS: Calls = Calls {
        open_ended: true,
        ..Calls::NONE
    };

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let guilds = context.services.guilds.list().await?;
        let by_the_clock = scheduled(&context.cause.actor);
        let mut outcome = Outcome::unchanged();
        let mut jobs = Vec::new();
        for guild in guilds.into_iter().filter(|g| g.is_enabled) {
            if by_the_clock && let Some(reason) = left_out(context, &guild).await? {
                outcome.count(&format!("{}{reason}", counts::SKIPPED), 1);
                continue;
            }
            let job = SyncGuild {
                guild_id: guild.guild_id,
                mapping: None,
                dry_run: self.dry_run,
                allow_removals: self.allow_removals,
            };
            jobs.push(context.follow_up(&format!("guild:{}", guild.guild_id), &job));
        }
        if !jobs.is_empty() {
            outcome.effect = Effect::Applied;
            outcome.count("fanned_out", jobs.len() as u64);
            context.insert(jobs).await?;
        }
        Ok(outcome)
    }
}

/// Whether nobody asked for it but the clock.
fn scheduled(actor: &str) -> bool {
    actor.starts_with("schedule:")
}

/// Why the clock leaves this guild out, if it does.
async fn left_out(context: &Context, guild: &GuildConfig) -> Result<Option<&'static str>, JobError> {
    let settings = &guild.settings;
    let past = if settings.auto_sync && settings.sync_interval.is_some() {
        let filter = JobFilter {
            kind: Some(SyncGuild::KIND.to_owned()),
            guild_id: Some(guild.guild_id),
            ..JobFilter::default()
        };
        context.services.ledger.list(&filter, None, LOOKED_AT).await?
    } else {
        Vec::new()
    };
    // A repeat of this very job does not find its own work to be the last sync.
    let past: Vec<Record> = past
        .into_iter()
        .filter(|j| j.parent_id != Some(context.job_id))
        .collect();
    Ok(reason(settings, &past, context.services.clock.now()))
}

/// The same, from what was read. Pure.
fn reason(settings: &GuildSettings, past: &[Record], now: Timestamp) -> Option<&'static str> {
    if !settings.auto_sync {
        return Some("auto_sync_off");
    }
    let interval = settings.sync_interval?;
    // One that failed for good was none.
    let lived = |j: &&Record| !matches!(j.state, JobState::Discarded | JobState::Cancelled);
    let last = past
        .iter()
        .filter(|j| scheduled(&j.cause.actor))
        .filter(lived)
        .map(|j| j.inserted_at)
        .max()?;
    let tolerance = TOLERANCE.min(interval / 10);
    (now < last + interval.saturating_sub(tolerance)).then_some("synced_lately")
}

#[cfg(test)]
mod tests {
    use rolecall_core::JobId;
    use rolecall_core::cause::Cause;
    use rolecall_core::job::{Lane, Subject};

    use super::*;

    fn past(actor: &str, minute: i64, state: JobState) -> Record {
        Record {
            id: JobId(uuid::Uuid::from_u128(1)),
            kind: SyncGuild::KIND.to_owned(),
            version: 1,
            payload: rolecall_jobs::kernel::queue::Enqueue::new(
                &SyncAll {
                    dry_run: false,
                    allow_removals: false,
                },
                Cause::new("", ""),
            )
            .0
            .payload,
            lane: Lane::Bulk,
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
            subject: Subject::default(),
            cause: Cause::new(actor, ""),
            trace: None,
            attempts: Vec::new(),
            outcome: None,
            fingerprint: None,
            cancel_by: None,
            redriven_at: None,
            waits: Vec::new(),
            progress: None,
            inserted_at: Timestamp(minute * 60_000),
            sent_at: None,
            finished_at: None,
        }
    }

    const CLOCK: &str = "schedule:discord_role_sync";

    fn hourly() -> GuildSettings {
        GuildSettings {
            sync_interval: Some(Duration::from_secs(3_600)),
            ..GuildSettings::default()
        }
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp(minute * 60_000)
    }

    #[test]
    fn the_clock_leaves_out_a_guild_without_auto_sync() {
        let off = GuildSettings {
            auto_sync: false,
            ..GuildSettings::default()
        };
        assert_eq!(reason(&off, &[], at(0)), Some("auto_sync_off"));
        assert_eq!(reason(&GuildSettings::default(), &[], at(0)), None);
    }

    #[test]
    fn the_clock_waits_for_a_guilds_own_interval_and_does_not_slip_by_a_tick() {
        let last = [past(CLOCK, 0, JobState::Completed)];
        assert_eq!(reason(&hourly(), &last, at(45)), Some("synced_lately"));
        assert_eq!(reason(&hourly(), &last, Timestamp(3_599_000)), None);
        assert_eq!(reason(&hourly(), &last, at(60)), None);
    }

    #[test]
    fn a_sync_that_somebody_asked_for_or_that_failed_does_not_count_as_the_last_one() {
        let asked = [past("cli:ada", 40, JobState::Completed)];
        let failed = [past(CLOCK, 40, JobState::Discarded)];
        assert_eq!(reason(&hourly(), &asked, at(45)), None);
        assert_eq!(reason(&hourly(), &failed, at(45)), None);
    }
}
